"""What the edge is told by its environment, read once. Nothing else in this package reads the environment."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ecatalog_client.environment import PREFIX, BadSetting, number, port, private_network, secret, switch
from ecatalog_client.tls import Tls, tls_of
from ecatalog_edge.hosts import DemoHosts
from ecatalog_edge.limits import Limits
from ecatalog_edge.proxies import Proxies

MIB = 1024 * 1024
_DEFAULT = Limits()
_NO_PROXIES = Proxies()

# What only an edge is told, for the reference: variable, what holds without it, what it is.
OWN = (
    ("EDGE_MOST_CONNECTIONS", str(_DEFAULT.connections), "How many connections a visitor may have to a launch."),
    (
        "EDGE_REQUESTS_PER_SECOND",
        str(_DEFAULT.requests_per_second),
        "How often a visitor may ask a launch, per second.",
    ),
    ("EDGE_MOST_BODY_MIB", str(_DEFAULT.body_bytes // MIB), "The longest body of a request to a demo, in MiB."),
    (
        "EDGE_TLS_CERTIFICATE",
        "",
        "A PEM file with the chain for the demos' hosts. Without it, something in front speaks TLS.",
    ),
    (
        "EDGE_ALLOW_LOCAL_DEMOS",
        "false",
        "Whether a demo that runs elsewhere may be on this very machine, whose other services are then reachable.",
    ),
    ("EDGE_TLS_KEY", "", "Its private key, when that is not in the same file."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The edge's settings; `port` 0 asks the system for a free one, `lifeline_fd` ends the edge when it reads
    its end.
    """

    gateway: str = "127.0.0.1:9090"
    token: str = ""
    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8081
    internal_host: str = "127.0.0.1"
    internal_port: int = 9101
    demos_url: str = "http://demos.localhost:8081"
    log_level: str = "info"
    log_json: bool | None = None
    lifeline_fd: int | None = None
    most_connections: int = _DEFAULT.connections
    requests_per_second: int = _DEFAULT.requests_per_second
    most_body_mib: int = _DEFAULT.body_bytes // MIB
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    may_be_local: bool = False
    proxies: Proxies = _NO_PROXIES
    demo_subnet: IPv4Network | None = None
    gateway_tls: Tls | None = None

    @property
    def limits(self) -> Limits:
        return Limits(self.most_connections, self.requests_per_second, self.most_body_mib * MIB)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What the edge needs to speak https; None when something in front of it does. BadSetting for bad files."""
        if self.tls_certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.tls_certificate, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise BadSetting(f"{PREFIX}EDGE_TLS_CERTIFICATE and {PREFIX}EDGE_TLS_KEY: {error}") from error
        return context

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Settings":
        """The settings of this environment; BadSetting names the one that is wrong."""
        default = cls()
        data = env.get(PREFIX + "DATA", "")
        return cls(
            gateway=env.get(PREFIX + "GATEWAY") or default.gateway,
            gateway_tls=tls_of(env),
            token=secret(env, "TOKEN"),
            data=Path(data) if data else None,
            host=env.get(PREFIX + "EDGE_HOST") or default.host,
            port=port(env, "EDGE_PORT", default.port),
            internal_host=env.get(PREFIX + "INTERNAL_HOST") or default.internal_host,
            internal_port=port(env, "INTERNAL_PORT", default.internal_port),
            demos_url=_demos_url(env, default.demos_url),
            log_level=env.get(PREFIX + "LOG_LEVEL") or default.log_level,
            log_json=switch(env, "LOG_JSON"),
            lifeline_fd=number(env, "LIFELINE_FD"),
            most_connections=_positive(env, "EDGE_MOST_CONNECTIONS", default.most_connections),
            requests_per_second=_positive(env, "EDGE_REQUESTS_PER_SECOND", default.requests_per_second),
            most_body_mib=_positive(env, "EDGE_MOST_BODY_MIB", default.most_body_mib),
            tls_certificate=_path(env, "EDGE_TLS_CERTIFICATE"),
            tls_key=_path(env, "EDGE_TLS_KEY"),
            proxies=_proxies(env),
            demo_subnet=private_network(env, "DEMO_SUBNET"),
            may_be_local=bool(switch(env, "EDGE_ALLOW_LOCAL_DEMOS")),
        )


def _positive(env: Mapping[str, str], name: str, default: int) -> int:
    found = number(env, name)
    if found is not None and found < 1:
        raise BadSetting(f"{PREFIX}{name} is {found}: write 1 or more.")
    return default if found is None else found


def _proxies(env: Mapping[str, str]) -> Proxies:
    text = env.get(PREFIX + "TRUSTED_PROXIES", "")
    try:
        return Proxies(each.strip() for each in text.split(",") if each.strip()) if text else _NO_PROXIES
    except ValueError as error:
        raise BadSetting(f"{PREFIX}TRUSTED_PROXIES: {error}") from error


def _path(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(PREFIX + name, "")
    return Path(text) if text else None


def _demos_url(env: Mapping[str, str], default: str) -> str:
    text = env.get(PREFIX + "DEMOS_URL") or default
    try:
        DemoHosts(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}DEMOS_URL: {error}") from error
    return text
