"""What a launcher may ask of a Docker engine, as data: everything else is refused.

Whoever may create any container on an engine is root on its machine. So a container or a network passes only when it
is, field by field, what our own driver asks for (`docker_spec`): the guard makes it again, and compares.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Spec
from ecatalog_launcher.drivers.docker_spec import (
    ATTEMPT,
    INDEX,
    INSTALLATION,
    LAUNCH,
    PORT,
    SIZE,
    container_body,
    container_name,
    network_body,
    network_name,
    network_place,
)

Body = Mapping[str, Any]

MOST_MEMORY_MB = 1 << 20
MOST_CPUS = 1024
_USER = re.compile(r"[1-9][0-9]{0,9}:[1-9][0-9]{0,9}")
_TMPFS = re.compile(r"rw,nosuid,nodev,noexec,mode=1777,size=([1-9][0-9]{0,6})m")
_PLACE = re.compile(r"(?:/[A-Za-z0-9._-]+)+")


class Refused(Exception):
    """The engine is not asked; the message says why."""


@dataclass(frozen=True)
class Asked:
    """One request of a launcher, its path without the version."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Body
    attached: tuple[str, ...]
    """The containers of edge and launcher, the only ones that may be joined to the networks of copies."""
    subnet: IPv4Network
    """What the networks of copies are cut from."""

    @property
    def name(self) -> str:
        """Of the container or network in the path."""
        return self.path.split("/")[2]

    @property
    def is_of_container(self) -> bool:
        return self.path.startswith("/containers/")

    @property
    def is_look(self) -> bool:
        """Whether all that is asked is what the engine tells of one container or network."""
        return self.method == "GET" and not self.path.endswith("/logs")


@dataclass(frozen=True)
class Rule:
    """A request that passes unless `check` raises Refused.

    `is_of_ours`: the container or network in the path has to carry our label. `shows` are the fields of the answer that
    are passed on, where not all are. A body is refused where none belongs: engines before 25 still take the options of
    a container when it starts, from whoever speaks as one did in 2014.
    """

    method: str
    path: re.Pattern[str]
    check: Callable[[Asked], None]
    is_of_ours: bool = False
    takes_body: bool = False
    shows: tuple[str, ...] = ()


def rule_for(asked: Asked) -> Rule:
    """The first rule that fits. Raises Refused when none does, or when its check does."""
    for rule in RULES:
        if rule.method == asked.method and rule.path.fullmatch(asked.path):
            if asked.body and not rule.takes_body:
                raise Refused(f"Nothing is sent with {asked.method} {asked.path}.")
            rule.check(asked)
            return rule
    raise Refused(f"{asked.method} {asked.path} is nothing that a launcher needs.")


def _nothing_more(asked: Asked) -> None:
    """Nothing in it can do harm."""


def _as_it_is(asked: Asked) -> None:
    """From its beginning, and not from a checkpoint in some folder of the machine."""
    if asked.query:
        raise Refused("A container is started as it was made.")


def _by_label(asked: Asked) -> None:
    """Lists and events are of installations of the catalog only, not of what else is on the engine."""
    try:
        labels = json.loads(asked.query.get("filters", "{}"))["label"]
        is_ours = type(labels) is list and any(each.startswith(f"{INSTALLATION}=") for each in labels)
    except (ValueError, LookupError, TypeError, AttributeError):
        is_ours = False
    if not is_ours:
        raise Refused(f"Without a filter by the label {INSTALLATION} everything on the engine would be told.")


def _pull(asked: Asked) -> None:
    if not asked.query.get("fromImage") or asked.query.keys() - {"fromImage", "tag", "platform"}:
        raise Refused("Images are fetched by their name, and in no other way.")


def _join(asked: Asked) -> None:
    if asked.body.keys() != {"Container"} or asked.body["Container"] not in asked.attached:
        raise Refused("Only edge and launcher are joined to the networks of copies.")


def _our_network(asked: Asked) -> None:
    try:
        installation, name = asked.body["Labels"][INSTALLATION], asked.body["Name"]
        number = int(name.rpartition("-")[2])
        # Elsewhere it would take addresses from others: the edge is joined to it.
        subnet = str(network_place(asked.subnet, number))
        ours = network_body(installation, number, subnet, is_reached_from_host=not asked.attached)
    except (LookupError, TypeError, ValueError, AttributeError):
        ours = {}
    if dict(asked.body) != ours or name != network_name(installation, number):
        raise Refused("The network is not one as our launchers make them.")


def _our_container(asked: Asked) -> None:
    try:
        name, ours = _made_again(asked.body)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"The container is not one as our launchers make them: {error!r}.") from None
    if asked.query.keys() - {"name"} or asked.query.get("name") != name:
        raise Refused("The name of the container is not the one of its launch.")
    # A field that is null is there too: in other letters than the one before it, the engine takes it for that one.
    if different := sorted(ours.keys() ^ asked.body.keys() | {key for key in ours if ours[key] != asked.body.get(key)}):
        raise Refused(f"The container is not one as our launchers make them: {', '.join(different)}.")


def _made_again(body: Body) -> tuple[str, Body]:
    """Name and body of the container that our driver would ask for, of the fields that may differ."""
    labels, host = body["Labels"], body["HostConfig"]
    container = Container(
        name=_text(body["Hostname"]),
        image=_text(body["Image"]),
        entrypoint=list(body.get("Entrypoint", [])),
        command=list(body.get("Cmd", [])),
        environment=dict(each.split("=", 1) for each in body["Env"]),
        user=_user(body["User"]),
        tmpfs={path: _tmpfs(path, options) for path, options in host["Tmpfs"].items()},
        memory_mb=_whole(host["Memory"] >> 20, MOST_MEMORY_MB),
        cpu=_whole(host["NanoCpus"], MOST_CPUS * 10**9) / 10**9,
    )
    spec = Spec(launch_id=labels[LAUNCH], attempt=int(labels[ATTEMPT]), containers=(container,), port=int(labels[PORT]))
    installation = labels[INSTALLATION]
    ours = container_body(
        spec, container, int(labels[INDEX]), installation, _network(host["NetworkMode"], installation)
    )
    # Those beside it are not known here, and a fraction of a processor is not exact after this way there and back.
    ours["Labels"][SIZE] = str(int(labels[SIZE]))
    ours["HostConfig"]["NanoCpus"] = host["NanoCpus"]
    return container_name(installation, spec.launch_id, container.name), ours


def _network(name: str, installation: str) -> str:
    """Of copies: another one, such as the machine's own, leads somewhere."""
    if name != network_name(installation, int(name.rpartition("-")[2])):
        raise ValueError(f"the network {name}")
    return name


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(f"the user {text}")
    return text


def _tmpfs(path: str, options: str) -> int:
    size = _TMPFS.fullmatch(options)
    if size is None or not _PLACE.fullmatch(path) or ".." in path:
        raise ValueError(f"the tmpfs {path}")
    return int(size[1])


def _whole(number: int, most: int) -> int:
    if type(number) is not int or not 0 < number <= most:
        raise ValueError(f"the number {number}")
    return number


def _text(found: str) -> str:
    if type(found) is not str or not found:
        raise ValueError("an empty text")
    return found


_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


def _rule(method: str, path: str, check: Callable[[Asked], None] = _nothing_more, *shows: str) -> Rule:
    return Rule(method, re.compile(path), check, shows=shows)


def _ours(method: str, path: str, check: Callable[[Asked], None] = _nothing_more, *, takes_body: bool = False) -> Rule:
    return Rule(method, re.compile(path), check, is_of_ours=True, takes_body=takes_body)


def _made(path: str, check: Callable[[Asked], None]) -> Rule:
    return Rule("POST", re.compile(path), check, takes_body=True)


RULES = (
    _rule("GET", "/_ping"),
    _rule("GET", "/version", _nothing_more, "ApiVersion", "MinAPIVersion", "Version"),
    _rule("GET", "/info", _nothing_more, "MemTotal", "NCPU"),
    _rule("GET", "/events", _by_label),
    _rule("GET", "/containers/json", _by_label),
    _made("/containers/create", _our_container),
    _ours("GET", f"/containers/{_NAME}/(json|logs)"),
    _ours("POST", f"/containers/{_NAME}/start", _as_it_is),
    _ours("POST", f"/containers/{_NAME}/stop"),
    _ours("DELETE", f"/containers/{_NAME}"),
    _rule("GET", "/images/[A-Za-z0-9][A-Za-z0-9_.:@/-]*/json", _nothing_more, "Id", "RepoDigests", "Config.Volumes"),
    _rule("POST", "/images/create", _pull),
    _rule("GET", "/networks", _by_label),
    _made("/networks/create", _our_network),
    _ours("GET", f"/networks/{_NAME}"),
    _ours("POST", f"/networks/{_NAME}/connect", _join, takes_body=True),
)
