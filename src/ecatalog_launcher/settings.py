"""The launcher's settings, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecatalog_client.environment import BadSetting, number, port, secret, switch

DRIVERS = ("process", "fake")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


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
        capacity = number(env, "LAUNCHER_CAPACITY")
        return cls(
            gateway=env.get("ECATALOG_GATEWAY", "127.0.0.1:9090"),
            token=_token(env),
            data=Path(env.get("ECATALOG_DATA", "var")).resolve(),
            driver=driver,
            samples=Path(env.get("ECATALOG_SAMPLES") or SAMPLES).resolve(),
            capacity=20 if capacity is None else capacity,
            internal_host=env.get("ECATALOG_INTERNAL_HOST", "127.0.0.1"),
            internal_port=port(env, "INTERNAL_PORT", 9102),
            log_level=env.get("ECATALOG_LOG_LEVEL", "info"),
            log_json=switch(env, "LOG_JSON"),
            lifeline_fd=number(env, "LIFELINE_FD"),
        )


def _token(env: Mapping[str, str]) -> str:
    token = secret(env, "TOKEN")
    if not token:
        raise BadSetting("The launcher needs a token with the scope launcher: set ECATALOG_TOKEN_FILE.")
    return token
