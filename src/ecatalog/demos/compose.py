"""Bundles: demos of several containers, pasted as a Compose file. What is not supported is refused by name, and why."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ecatalog.demos import compose_values as values
from ecatalog.demos.compose_yaml import NotReadable, read_yaml
from ecatalog.kit.errors import Invalid
from ecatalog_client.types.containers import Container

MOST_SERVICES = 8
_MOST_TOLD = 20
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_NO_RIGHTS = "a demo gets no rights on the machine"
_NO_MACHINE = "a demo sees nothing of the machine"
_OWN_NETWORK = "the containers of a copy have a network of their own, and find each other by name"

SUPPORTED: Final[Mapping[str, str]] = {
    "image": "What is run; without a tag, `latest`. Required.",
    "entrypoint": "Replaces the image's own: a list, or a text that is split as a shell does.",
    "command": "Replaces the image's own: a list, or a text that is split as a shell does.",
    "environment": "A mapping, or a list of NAME=value. Values are written out: nothing is filled in.",
    "user": "uid or uid:gid in numbers, not root. Without it: 65534:65534.",
    "tmpfs": "Where the container may write, with a size: /run:size=16m.",
    "volumes": "Named and anonymous volumes only. Each is space in memory that ends with the copy.",
    "expose": "Read, and not needed: the containers of a copy reach each other on every port.",
    "ports": "For the public service only, and only its public port.",
    "depends_on": "Which services start before, `service_started` only.",
    "mem_limit": "How much memory it may take: 256m.",
    "cpus": "How many processors it may take: 0.5.",
    "deploy": "Only `resources.limits` with cpus and memory.",
    "read_only": "True, which it always is.",
    "init": "Read, and not used.",
    "labels": "Read, and not used.",
    "healthcheck": "Read, and not used: the catalog asks the public service by HTTP.",
    "restart": "Read, and not used: a container that ends, ends the copy.",
    "container_name": "Read, and not used: containers are found by the service's name.",
}
REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("privileged", "cap_add", "devices", "security_opt", "userns_mode", "sysctls"), _NO_RIGHTS),
    **dict.fromkeys(("device_cgroup_rules", "cgroup_parent", "runtime", "gpus", "group_add"), _NO_RIGHTS),
    **dict.fromkeys(("pid", "ipc", "uts", "cgroup", "env_file", "configs", "secrets", "volumes_from"), _NO_MACHINE),
    **dict.fromkeys(("network_mode", "networks", "links", "external_links", "extra_hosts", "dns"), _OWN_NETWORK),
    **dict.fromkeys(("hostname", "domainname", "mac_address"), _OWN_NETWORK),
    "build": "images are built elsewhere: name one",
    "extends": "write the service out",
    "profiles": "all services of a copy run",
    "scale": "a copy has one container of each service",
    "logging": "logs are kept by the catalog, the last of them",
    "ulimits": "the limits are the same for all demos",
    "tty": "nobody sits at its terminal",
    "stdin_open": "nobody sits at its terminal",
    "pull_policy": "an image is fetched when it is missing",
}


def containers_of(text: str, public_service: str, *, public_port: int) -> list[Container]:
    """The containers of a bundle: the public one first, then what it needs, nearest first.

    Raises Invalid, whose field `compose` lists everything that cannot be run like this, each by its path.
    """
    wrong: list[str] = []
    try:
        file = read_yaml(text)
    except NotReadable as error:
        raise _invalid([f"The file is {error}."]) from None
    services, named = _top(file, wrong)
    if services and public_service not in services:
        known = ", ".join(sorted(services))
        raise Invalid("Say which service people open.", fields={"public_service": f"not one of the services ({known})"})
    readers = {
        name: _Service(name, service, named, public_port if name == public_service else None, wrong)
        for name, service in services.items()
    }
    order = _order(public_service, {name: each.needs for name, each in readers.items()}, wrong)
    if wrong:
        raise _invalid(wrong)
    return [readers[name].container() for name in order]


def _invalid(wrong: list[str]) -> Invalid:
    told = wrong[:_MOST_TOLD] + ([f"and {len(wrong) - _MOST_TOLD} more"] if len(wrong) > _MOST_TOLD else [])
    return Invalid("This Compose file cannot be run as a demo.", fields={"compose": "\n".join(told)})


def _top(file: Any, wrong: list[str]) -> tuple[dict[str, Any], frozenset[str]]:
    """The services, and the names of the volumes."""
    if not isinstance(file, dict) or not isinstance(file.get("services"), dict) or not file["services"]:
        wrong.append("services: missing; write at least one")
        return {}, frozenset()
    for key, value in file.items():
        if key in ("version", "name", "services") or str(key).startswith("x-"):
            continue
        if key == "networks" and isinstance(value, dict) and set(value) <= {"default"} and not any(value.values()):
            continue
        if key != "volumes":
            wrong.append(f"{key}: {REFUSED.get(str(key), 'not supported')}")
        elif not isinstance(value, dict) or any(value.values()):
            wrong.append("volumes: only names, without drivers or options: " + _NO_MACHINE)
    volumes = file.get("volumes")
    names = frozenset(str(name) for name in volumes) if isinstance(volumes, dict) else frozenset()
    services = {str(name): service for name, service in file["services"].items()}
    if len(services) > MOST_SERVICES:
        wrong.append(f"services: {len(services)}, of at most {MOST_SERVICES}")
    return services, names


class _Service:
    """Reads one service, and notes all that is wrong with it by its path."""

    def __init__(
        self, name: str, service: Any, named: frozenset[str], public_port: int | None, wrong: list[str]
    ) -> None:
        self.needs: list[str] = []
        self._name = name
        self._given: dict[str, Any] = {}
        self._named = named
        self._public_port = public_port
        self._wrong = wrong
        if not _SERVICE.fullmatch(name):
            wrong.append(f"services.{name}: write lower-case letters, digits and hyphens, at most 40")
        if not isinstance(service, dict):
            wrong.append(f"services.{name}: write a mapping")
            return
        if "image" not in service:
            wrong.append(f"services.{name}.image: missing")
        for key, value in service.items():
            self._read(str(key), value)

    def container(self) -> Container:
        return Container(name=self._name, **self._given)

    def _read(self, key: str, value: Any) -> None:
        if key.startswith("x-"):
            return
        if key not in SUPPORTED:
            self._note(key, f"not supported, because {REFUSED[key]}" if key in REFUSED else "not supported")
            return
        reader = _PLAIN.get(key)
        try:
            if reader is not None:
                field, read = reader
                self._given[field] = read(value)
            elif key in ("tmpfs", "volumes"):
                spaces = values.tmpfs_of(value) if key == "tmpfs" else values.volumes_of(value, self._named)
                self._given["tmpfs"] = self._given.get("tmpfs", {"/tmp": values.DEFAULT_SPACE_MB}) | spaces  # noqa: S108
            elif key == "ports":
                self._refuse_bad_ports(value)
            elif key == "depends_on":
                self.needs = _needs_of(value)
            elif key == "deploy":
                self._given |= _limits_of(value)
            elif key == "read_only" and value is not True:
                raise ValueError("what a container may write is in tmpfs and volumes")
        except (ValueError, OverflowError) as error:
            self._note(key, str(error))

    def _refuse_bad_ports(self, value: Any) -> None:
        if not isinstance(value, list):
            raise ValueError("write a list")
        for each in value:
            port, is_published = values.port_of(each)
            if is_published and port != self._public_port:
                raise ValueError(f"{port} is not the public port of the public service, and nothing else is reached")

    def _note(self, key: str, why: str) -> None:
        self._wrong.append(f"services.{self._name}.{key}: {why}")


_PLAIN: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "image": ("image", values.image_of),
    "entrypoint": ("entrypoint", values.words_of),
    "command": ("command", values.words_of),
    "environment": ("environment", values.environment_of),
    "user": ("user", values.user_of),
    "mem_limit": ("memory_mb", values.memory_of),
    "cpus": ("cpu", values.cpus_of),
}


def _needs_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        for name, how in value.items():
            condition = how.get("condition", "service_started") if isinstance(how, dict) else "service_started"
            if condition != "service_started":
                raise ValueError(f"{name}: only service_started; let the service wait for what it needs")
        return [str(name) for name in value]
    if isinstance(value, list):
        return [values.text_of(name) for name in value]
    raise ValueError("write a list, or a mapping")


def _limits_of(value: Any) -> dict[str, Any]:
    limits = value.get("resources", {}).get("limits", {}) if _is_only(value, "resources", "limits") else None
    if not isinstance(limits, dict) or set(limits) - {"cpus", "memory"}:
        raise ValueError("only resources.limits with cpus and memory")
    found: dict[str, Any] = {}
    if "cpus" in limits:
        found["cpu"] = values.cpus_of(limits["cpus"])
    if "memory" in limits:
        found["memory_mb"] = values.memory_of(limits["memory"])
    return found


def _is_only(value: Any, *keys: str) -> bool:
    """Whether each mapping on the way holds nothing but the next key."""
    for key in keys:
        if not isinstance(value, dict) or set(value) - {key}:
            return False
        value = value.get(key, {})
    return True


def _order(public: str, needs: Mapping[str, list[str]], wrong: list[str]) -> list[str]:
    """The public service, then the others, each before what it needs: they start in the opposite order."""
    for name, needed in needs.items():
        wrong += [f"services.{name}.depends_on: {each} is no service" for each in needed if each not in needs]
    order: list[str] = []
    left = {name: {each for each in needed if each in needs} for name, needed in needs.items()}
    while left:
        free = [name for name in left if not any(name in others for other, others in left.items() if other != name)]
        free = [name for name in free if name not in left[name] and (name != public or len(left) == len(needs))]
        first = public if public in free else next(iter(sorted(free)), None)
        if first is None:
            wrong.append(f"depends_on: {', '.join(sorted(left))} need each other")
            return order
        order.append(first)
        del left[first]
    if order and order[0] != public:
        wrong.append(f"services: something depends on {public}, which starts last, because people open it")
    return order
