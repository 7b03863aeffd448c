"""What the Docker engine is asked for, as plain data: pure, so that every hardening can be read and tested here.

The field names are those of the engine's API, version 1.41 and newer (POST /containers/create, /networks/create).
"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any, Final

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Spec

INSTALLATION: Final = "ecatalog.installation"
LAUNCH: Final = "ecatalog.launch"
ATTEMPT: Final = "ecatalog.attempt"
SIZE: Final = "ecatalog.containers"
INDEX: Final = "ecatalog.index"
PORT: Final = "ecatalog.port"

PREFIX = 28
PIDS = 256
OPEN_FILES = 4096
LOG_SIZE = "1m"
SHARED_MEMORY = 16 << 20
# An address that is nobody's (RFC 5737): the engine's resolver would pass questions on to a resolver on the machine's
# loopback, out of an internal network too (CVE-2024-29018), and names would carry data out.
NO_RESOLVER = "192.0.2.1"


def container_name(installation: str, launch_id: str, part: str) -> str:
    """A second create of the same launch is refused by the engine, because the name is taken."""
    return f"ecatalog-{installation}-{launch_id}-{part}"


def container_bodies(spec: Spec, installation: str, network: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and body of each container, in the order in which they start: what the public one needs comes first."""
    for index, container in reversed(list(enumerate(spec.containers))):
        name = container_name(installation, spec.launch_id, container.name)
        yield name, container_body(spec, container, index, installation, network)


def container_body(spec: Spec, container: Container, index: int, installation: str, network: str) -> dict[str, Any]:
    """The body of one container of this copy; `index` 0 is the public one."""
    where = {"HOST": "0.0.0.0", "PORT": str(spec.port)} if index == 0 else {}  # noqa: S104 - inside its own network
    body: dict[str, Any] = {
        "Image": container.image,
        "Hostname": container.name,
        "User": container.user,
        "Env": [f"{name}={value}" for name, value in sorted((where | container.environment).items())],
        "Labels": {
            INSTALLATION: installation,
            LAUNCH: spec.launch_id,
            ATTEMPT: str(spec.attempt),
            SIZE: str(len(spec.containers)),
            INDEX: str(index),
            PORT: str(spec.port),
        },
        "AttachStdin": False,
        "OpenStdin": False,
        "Tty": False,
        "HostConfig": _host_config(container, network),
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [container.name]}}},
    }
    if container.entrypoint:
        body["Entrypoint"] = container.entrypoint
    if container.command:
        body["Cmd"] = container.command
    return body


def _host_config(container: Container, network: str) -> dict[str, Any]:
    memory = container.memory_mb << 20
    return {
        "NetworkMode": network,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Tmpfs": {
            path: f"rw,nosuid,nodev,noexec,mode=1777,size={size}m" for path, size in sorted(container.tmpfs.items())
        },
        "PidsLimit": PIDS,
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": int(container.cpu * 1_000_000_000),
        "ShmSize": SHARED_MEMORY,
        "Ulimits": [
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "PublishAllPorts": False,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_SIZE, "max-file": "1"}},
        "Dns": [NO_RESOLVER],
        "DnsOptions": ["timeout:1", "attempts:1"],
        # The link-local address of the bridge is a way to the machine that `inhibit_ipv4` leaves open.
        "Sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
    }


def network_name(installation: str, number: int) -> str:
    return f"ecatalog-{installation}-{number}"


def network_place(subnet: IPv4Network, number: int) -> IPv4Network:
    """The addresses of the network of this number, a /28. Raises ValueError for a number beyond the subnet."""
    if not 0 <= number < 1 << (PREFIX - subnet.prefixlen):
        raise ValueError(f"{subnet} has no place for the network {number}")
    return IPv4Network((int(subnet.network_address) + (number << (32 - PREFIX)), PREFIX))


def network_body(installation: str, number: int, subnet: str, *, is_reached_from_host: bool) -> dict[str, Any]:
    """A bridge that leads nowhere. The machine has an address on it only where it must reach copies itself."""
    options = {} if is_reached_from_host else {"com.docker.network.bridge.inhibit_ipv4": "true"}
    return {
        "Name": network_name(installation, number),
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": subnet}]},
        "Options": options,
        "Labels": {INSTALLATION: installation},
    }
