"""What the edge is told by its environment, read once. Nothing else in this package reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecatalog_edge.hosts import DemoHosts

PREFIX = "ECATALOG_"


class SettingError(Exception):
    """A setting that cannot be used; the message names it and says what it should be."""


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
        """The settings of this environment; SettingError names the one that is wrong."""
        default = cls()
        data = env.get(PREFIX + "DATA", "")
        return cls(
            gateway=env.get(PREFIX + "GATEWAY") or default.gateway,
            token=_secret(env, "TOKEN"),
            data=Path(data) if data else None,
            host=env.get(PREFIX + "EDGE_HOST") or default.host,
            port=_port(env, "EDGE_PORT", default.port),
            internal_host=env.get(PREFIX + "INTERNAL_HOST") or default.internal_host,
            internal_port=_port(env, "INTERNAL_PORT", default.internal_port),
            demos_url=_demos_url(env, default.demos_url),
            log_level=env.get(PREFIX + "LOG_LEVEL") or default.log_level,
            log_json=_switch(env, "LOG_JSON"),
            lifeline_fd=_number(env, "LIFELINE_FD"),
        )


def _secret(env: Mapping[str, str], name: str) -> str:
    """The value itself, or what the file named by `…_FILE` holds."""
    if value := env.get(PREFIX + name):
        return value.strip()
    path = env.get(PREFIX + name + "_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{PREFIX}{name}_FILE: {path} cannot be read ({error.strerror}).") from error


def _number(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(PREFIX + name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise SettingError(f"{PREFIX}{name} is {text!r}; it should be a whole number.")
    return int(text)


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    number = _number(env, name)
    if number is None:
        return default
    if number > 65535:
        raise SettingError(f"{PREFIX}{name} is {number}; a port is at most 65535.")
    return number


def _switch(env: Mapping[str, str], name: str) -> bool | None:
    text = env.get(PREFIX + name, "").lower()
    if text in ("", "auto"):
        return None
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise SettingError(f"{PREFIX}{name} is {text!r}; it should be true or false.")


def _demos_url(env: Mapping[str, str], default: str) -> str:
    text = env.get(PREFIX + "DEMOS_URL") or default
    try:
        DemoHosts(text)
    except ValueError as error:
        raise SettingError(f"{PREFIX}DEMOS_URL: {error}") from error
    return text
