"""The launcher's settings, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ecatalog_client.environment import BadSetting, number, port, private_network, secret, switch
from ecatalog_client.tls import Tls, tls_of

ENGINE = "unix:///var/run/docker.sock"
# What of it is the launcher's own: the variable, its default, and what it is.
OWN = (
    (
        "ECATALOG_LAUNCHER_DRIVER",
        "process",
        "Where copies run: process (samples, on this machine), docker, kubernetes.",
    ),
    ("ECATALOG_LAUNCHER_CAPACITY", "20", "How many copies may run at a time."),
    (
        "ECATALOG_LAUNCHER_MEMORY_MB",
        "",
        "How much memory all copies may be given. Without it: what the engine has.",
    ),
    ("ECATALOG_LAUNCHER_STARTS", "", "How many copies may start at once. Without it: two for each processor."),
    ("DOCKER_HOST", ENGINE, "The Docker engine, 20.10 or newer, of launcher and engine guard."),
    (
        "ECATALOG_DOCKER_ATTACH",
        "",
        "The containers of edge and launcher, which are attached to the network of each copy. Without them this "
        "machine reaches the copies itself, and they reach what listens on all its addresses.",
    ),
    ("ECATALOG_GUARD_HOST", "127.0.0.1", "The address of the engine guard: only launchers should reach it."),
    ("ECATALOG_GUARD_PORT", "2375", "Its port."),
    (
        "ECATALOG_DEMO_SUBNET",
        "10.213.0.0/16",
        "The addresses of the networks of copies on Docker: a /28 for each. The same for edge and engine guard.",
    ),
    ("ECATALOG_DEMO_NAMESPACE", "demos", "The namespace of copies on Kubernetes."),
)
DRIVERS = ("process", "docker", "kubernetes", "fake")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the gateway is, which engine to drive, and where the internal listener is. `lifeline_fd` ends us."""

    gateway: str
    gateway_tls: Tls | None
    token: str
    data: Path
    driver: str
    samples: Path
    capacity: int
    memory_mb: int
    starts: int
    docker_host: str
    docker_attach: tuple[str, ...]
    demo_subnet: IPv4Network
    namespace: str
    internal_host: str
    internal_port: int
    log_level: str
    log_json: bool | None
    lifeline_fd: int | None

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Settings":
        """Raises BadSetting."""
        driver = env.get("ECATALOG_LAUNCHER_DRIVER", "process")
        if driver not in DRIVERS:
            raise BadSetting(f"ECATALOG_LAUNCHER_DRIVER is {driver!r}: write one of {', '.join(DRIVERS)}.")
        capacity = number(env, "LAUNCHER_CAPACITY")
        return cls(
            gateway=env.get("ECATALOG_GATEWAY", "127.0.0.1:9090"),
            gateway_tls=tls_of(env),
            token=_token(env),
            data=Path(env.get("ECATALOG_DATA", "var")).resolve(),
            driver=driver,
            samples=Path(env.get("ECATALOG_SAMPLES") or SAMPLES).resolve(),
            capacity=20 if capacity is None else capacity,
            memory_mb=number(env, "LAUNCHER_MEMORY_MB") or 0,
            starts=number(env, "LAUNCHER_STARTS") or 2 * (os.cpu_count() or 1),
            docker_host=env.get("DOCKER_HOST") or ENGINE,
            docker_attach=tuple(env.get("ECATALOG_DOCKER_ATTACH", "").replace(",", " ").split()),
            demo_subnet=demo_subnet(env),
            namespace=env.get("ECATALOG_DEMO_NAMESPACE", "demos"),
            internal_host=env.get("ECATALOG_INTERNAL_HOST", "127.0.0.1"),
            internal_port=port(env, "INTERNAL_PORT", 9102),
            log_level=env.get("ECATALOG_LOG_LEVEL", "info"),
            log_json=switch(env, "LOG_JSON"),
            lifeline_fd=number(env, "LIFELINE_FD"),
        )


def demo_subnet(env: Mapping[str, str]) -> IPv4Network:
    """What the networks of copies are cut from. Raises BadSetting."""
    return private_network(env, "DEMO_SUBNET") or IPv4Network("10.213.0.0/16")


def _token(env: Mapping[str, str]) -> str:
    token = secret(env, "TOKEN")
    if not token:
        raise BadSetting("The launcher needs a token with the scope launcher: set ECATALOG_TOKEN_FILE.")
    return token
