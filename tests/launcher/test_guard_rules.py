"""What a launcher may ask of an engine: all that the driver asks passes, and one field more or other does not."""

import copy
import json
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import pytest

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Spec
from ecatalog_launcher.drivers.docker_spec import INSTALLATION, container_bodies, network_body, network_place
from ecatalog_launcher.guard_rules import Asked, Refused, rule_for

Body = dict[str, Any]

OURS = json.dumps({"label": [f"{INSTALLATION}=here"]})
SUBNET = IPv4Network("10.213.0.0/16")
ATTACHED = ("edge", "launcher")
SPEC = Spec(
    launch_id="01J",
    attempt=2,
    port=8000,
    containers=(
        Container(name="demo", image="shop/web:1", cpu=0.29, memory_mb=128, environment={"A": "b=c"}, command=["run"]),
        Container(name="store", image="shop/store@sha256:00", entrypoint=["serve"], tmpfs={}, user="1000:1000"),
    ),
)


def asked(method: str, path: str, query: dict[str, str] | None = None, body: Body | None = None) -> None:
    rule_for(Asked(method, path, query or {}, body or {}, ATTACHED, SUBNET))


def bodies() -> list[tuple[str, Body]]:
    return list(container_bodies(SPEC, "here", "ecatalog-here-7"))


@pytest.mark.parametrize(("name", "body"), bodies(), ids=["store", "demo"])
def test_every_container_of_the_driver_passes(name: str, body: Body) -> None:
    asked("POST", "/containers/create", {"name": name}, json.loads(json.dumps(body)))


def test_every_network_of_the_driver_passes() -> None:
    body = network_body("here", 7, "10.213.0.112/28", is_reached_from_host=False)

    asked("POST", "/networks/create", body=json.loads(json.dumps(body)))


def changed(*path: str, to: object) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        for part in path[:-1]:
            body = body[part]
        body[path[-1]] = to

    return change


WAYS_OUT = {
    "privileged": changed("HostConfig", "Privileged", to=True),
    "a folder of the machine": changed("HostConfig", "Binds", to=["/:/host"]),
    "a mount of the machine": changed("HostConfig", "Mounts", to=[{"Type": "bind", "Source": "/", "Target": "/x"}]),
    "in other letters": changed("HostConfig", "binds", to=["/:/host"]),
    "a second host config": changed("hostconfig", to={"Privileged": True}),
    "a second host config that is none": changed("hostconfig", to=None),
    "a field that is none": changed("Volumes", to=None),
    "a volume": changed("Volumes", to={"/x": {}}),
    "a capability": changed("HostConfig", "CapAdd", to=["SYS_ADMIN"]),
    "all capabilities kept": changed("HostConfig", "CapDrop", to=[]),
    "a device": changed("HostConfig", "Devices", to=[{"PathOnHost": "/dev/sda"}]),
    "the machine's network": changed("HostConfig", "NetworkMode", to="host"),
    "another container's network": changed("HostConfig", "NetworkMode", to="container:gateway"),
    "the default network": changed("HostConfig", "NetworkMode", to="bridge"),
    "a network beside it": changed("NetworkingConfig", "EndpointsConfig", "inside", to={}),
    "the machine's processes": changed("HostConfig", "PidMode", to="host"),
    "the machine's shared memory": changed("HostConfig", "IpcMode", to="host"),
    "no filter of calls": changed("HostConfig", "SecurityOpt", to=["seccomp=unconfined"]),
    "a root that is written": changed("HostConfig", "ReadonlyRootfs", to=False),
    "another runtime": changed("HostConfig", "Runtime", to="other"),
    "a published port": changed("HostConfig", "PortBindings", to={"80/tcp": [{"HostPort": "80"}]}),
    "started again for ever": changed("HostConfig", "RestartPolicy", to={"Name": "always"}),
    "a log driver that sends": changed("HostConfig", "LogConfig", to={"Type": "syslog", "Config": {}}),
    "a tmpfs that runs programs": changed("HostConfig", "Tmpfs", to={"/tmp": "rw,exec"}),
    "a tmpfs elsewhere": changed("HostConfig", "Tmpfs", to={"/a/../..": "rw,nosuid,nodev,noexec,mode=1777,size=1m"}),
    "no bound of memory": changed("HostConfig", "Memory", to=0),
    "no bound of processes": changed("HostConfig", "PidsLimit", to=-1),
    "a negative processor": changed("HostConfig", "NanoCpus", to=-1),
    "root": changed("User", to="0:0"),
    "root by name": changed("User", to="root"),
    "root's group": changed("User", to="1000:0"),
    "another catalog's label, its own network": changed("Labels", INSTALLATION, to="other"),
    "no label": changed("Labels", to={}),
    "a label more": changed("Labels", "com.docker.compose.project", to="x"),
    "words for a list": changed("Cmd", to="run"),
    "no image": changed("Image", to=""),
    "an image that is no text": changed("Image", to=["a"]),
}


@pytest.mark.parametrize("change", WAYS_OUT.values(), ids=WAYS_OUT)
def test_a_container_with_a_way_out_is_refused(change: Callable[[Body], None]) -> None:
    name, body = bodies()[1]
    body = copy.deepcopy(body)
    change(body)

    with pytest.raises(Refused, match=r"^The container is not one|^The name of the container"):
        asked("POST", "/containers/create", {"name": name}, body)


def test_a_container_that_lacks_a_field_is_refused() -> None:
    name, whole = bodies()[1]
    for key in whole:
        for inner in (None, *(whole[key] if isinstance(whole[key], dict) else ())):
            body = copy.deepcopy(whole)
            del (body if inner is None else body[key])[key if inner is None else inner]
            if key == "Cmd":
                continue  # One that was not asked for is not sent either.
            with pytest.raises(Refused):
                asked("POST", "/containers/create", {"name": name}, body)


@pytest.mark.parametrize("name", ["edge", "", "ecatalog-here-01J-store"])
def test_a_container_has_the_name_of_its_launch(name: str) -> None:
    with pytest.raises(Refused, match="The name of the container"):
        asked("POST", "/containers/create", {"name": name}, bodies()[1][1])


@pytest.mark.parametrize(
    "change",
    [
        changed("Internal", to=False),
        changed("Driver", to="host"),
        changed("Options", to={}),
        changed("Ingress", to=True),
        changed("Name", to="bridge"),
        changed("Labels", to={}),
        changed("IPAM", "Config", to=[{"Subnet": "10.213.0.0/28", "Gateway": "10.0.0.1"}]),
        changed("IPAM", "Config", to=[{"Subnet": "169.254.0.0/16"}]),
        changed("IPAM", "Config", to=[{"Subnet": "8.0.0.0/8"}]),
        changed("IPAM", "Config", to=[{"Subnet": "10.213.0.128/28"}]),
    ],
)
def test_a_network_that_leads_somewhere_is_refused(change: Callable[[Body], None]) -> None:
    body = network_body("here", 7, "10.213.0.112/28", is_reached_from_host=False)
    change(body)

    with pytest.raises(Refused, match="The network is not one as our launchers make them"):
        asked("POST", "/networks/create", body=body)


@pytest.mark.parametrize("number", [-1, 4096])
def test_a_network_beyond_the_addresses_of_copies_is_refused(number: int) -> None:
    first, last = (
        network_body("here", n, str(network_place(SUBNET, n)), is_reached_from_host=False) for n in (0, 4095)
    )
    body = network_body("here", number, "10.214.0.0/28", is_reached_from_host=False)

    asked("POST", "/networks/create", body=first)
    asked("POST", "/networks/create", body=last)
    with pytest.raises(Refused, match="The network is not one as our launchers make them"):
        asked("POST", "/networks/create", body=body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/x/exec"),
        ("POST", "/exec/x/start"),
        ("GET", "/containers/x/archive"),
        ("PUT", "/containers/x/archive"),
        ("POST", "/containers/x/attach"),
        ("POST", "/containers/x/update"),
        ("POST", "/containers/x/rename"),
        ("GET", "/containers/x/export"),
        ("POST", "/containers/prune"),
        ("POST", "/build"),
        ("POST", "/commit"),
        ("POST", "/images/load"),
        ("POST", "/images/x/push"),
        ("DELETE", "/images/x"),
        ("GET", "/images/json"),
        ("POST", "/volumes/create"),
        ("GET", "/volumes"),
        ("DELETE", "/networks/x"),
        ("POST", "/networks/x/disconnect"),
        ("POST", "/swarm/init"),
        ("GET", "/secrets"),
        ("POST", "/plugins/pull"),
        ("POST", "/session"),
        ("POST", "/auth"),
        ("GET", "/system/df"),
        ("HEAD", "/version"),
    ],
)
def test_what_no_launcher_needs_is_refused(method: str, path: str) -> None:
    with pytest.raises(Refused, match="nothing that a launcher needs"):
        asked(method, path)


def test_a_container_is_started_as_it_was_made() -> None:
    path = "/containers/ecatalog-here-01J-demo/start"

    asked("POST", path)
    with pytest.raises(Refused, match="Nothing is sent with"):
        asked("POST", path, body={"Privileged": True, "Binds": ["/:/host"]})
    with pytest.raises(Refused, match="started as it was made"):
        asked("POST", path, {"checkpoint": "x", "checkpoint-dir": "/etc"})


@pytest.mark.parametrize("path", ["/containers/json", "/networks", "/events"])
@pytest.mark.parametrize("filters", ["", "{", "[]", '{"label": []}', '{"label": {"ecatalog.installation=x": false}}'])
def test_lists_are_of_catalogs_only(path: str, filters: str) -> None:
    asked("GET", path, {"filters": OURS})
    with pytest.raises(Refused, match="Without a filter by the label"):
        asked("GET", path, {"filters": filters} if filters else {})


@pytest.mark.parametrize("query", [{}, {"fromSrc": "http://x"}, {"fromImage": "a", "fromSrc": "-"}])
def test_an_image_is_only_fetched_by_its_name(query: dict[str, str]) -> None:
    asked("POST", "/images/create", {"fromImage": "shop/web", "tag": "1"})
    with pytest.raises(Refused, match="fetched by their name"):
        asked("POST", "/images/create", query)


@pytest.mark.parametrize("body", [{"Container": "gateway"}, {"Container": "edge", "EndpointConfig": {}}, {}])
def test_only_edge_and_launcher_are_joined(body: Body) -> None:
    asked("POST", "/networks/ecatalog-here-7/connect", body={"Container": "edge"})
    with pytest.raises(Refused, match="Only edge and launcher"):
        asked("POST", "/networks/ecatalog-here-7/connect", body=body)
