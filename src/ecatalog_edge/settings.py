"""What the edge is told by its environment, read once. Nothing else in this package reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecatalog_client.environment import PREFIX, BadSetting, number, port, secret, switch
from ecatalog_edge.hosts import DemoHosts


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

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Settings":
        """The settings of this environment; BadSetting names the one that is wrong."""
        default = cls()
        data = env.get(PREFIX + "DATA", "")
        return cls(
            gateway=env.get(PREFIX + "GATEWAY") or default.gateway,
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
        )


def _demos_url(env: Mapping[str, str], default: str) -> str:
    text = env.get(PREFIX + "DEMOS_URL") or default
    try:
        DemoHosts(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}DEMOS_URL: {error}") from error
    return text
