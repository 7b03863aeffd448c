"""The launcher's settings, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DRIVERS = ("process", "fake")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


class BadSetting(Exception):
    """A setting that cannot be used; the message names the variable and says what to write."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the gateway is, which engine to drive, and where the internal listener is. `lifeline_fd` ends us."""

    gateway: str
    token: str
    data: Path
    driver: str
    samples: Path
    capacity: int
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
        lifeline = env.get("ECATALOG_LIFELINE_FD", "")
        return cls(
            gateway=env.get("ECATALOG_GATEWAY", "127.0.0.1:9090"),
            token=_token(env),
            data=Path(env.get("ECATALOG_DATA", "var")).resolve(),
            driver=driver,
            samples=Path(env.get("ECATALOG_SAMPLES") or SAMPLES).resolve(),
            capacity=_number(env, "ECATALOG_LAUNCHER_CAPACITY", 20),
            internal_host=env.get("ECATALOG_INTERNAL_HOST", "127.0.0.1"),
            internal_port=_number(env, "ECATALOG_INTERNAL_PORT", 9102),
            log_level=env.get("ECATALOG_LOG_LEVEL", "info"),
            log_json=_switch(env, "ECATALOG_LOG_JSON"),
            lifeline_fd=int(lifeline) if lifeline else None,
        )


def _token(env: Mapping[str, str]) -> str:
    token, file = env.get("ECATALOG_TOKEN", ""), env.get("ECATALOG_TOKEN_FILE", "")
    if token and file:
        raise BadSetting("Both ECATALOG_TOKEN and ECATALOG_TOKEN_FILE are set: keep one.")
    if file:
        try:
            token = Path(file).read_text().strip()
        except OSError as error:
            raise BadSetting(f"ECATALOG_TOKEN_FILE names {file}, which cannot be read: {error.strerror}.") from None
    if not token:
        raise BadSetting("The launcher needs a token with the scope launcher: set ECATALOG_TOKEN_FILE.")
    return token


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or int(text) > 65535:
        raise BadSetting(f"{name} is {text!r}: write a number up to 65535.")
    return int(text)


def _switch(env: Mapping[str, str], name: str) -> bool | None:
    text = env.get(name, "").lower()
    if text in ("", "auto"):
        return None
    if text not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise BadSetting(f"{name} is {text!r}: write true or false.")
    return text in ("1", "true", "yes", "on")
