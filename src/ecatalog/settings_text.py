"""How settings are written: the names of variables, text into values, secrets in files."""

import os
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

PREFIX = "ECATALOG_"
UNPREFIXED = {
    "db_path": "DB_PATH",
    "load_seed_data": "LOAD_SEED_DATA",
    "sqlite_timeout_ms": "SQLITE_TIMEOUT",
    "encryption_key": "ENCRYPTION_KEY",
    "jwt_secret": "JWT_SECRET",
    "backup_password": "BACKUP_PASSWORD",
}


class BadSetting(Exception):
    """A setting that cannot be used; the message names the variable and says what to write."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return UNPREFIXED.get(name, PREFIX + name.upper())


def text_of(name: str, env: Mapping[str, str], *, may_be_file: bool) -> str | None:
    """The variable, or what the file says that `…_FILE` names; None when nothing is said. Raises BadSetting."""
    text = env.get(variable(name), "").strip()
    file = env.get(f"{variable(name)}_FILE", "").strip() if may_be_file else ""
    if not file:
        return text or None
    if text:
        raise BadSetting(f"Both {variable(name)} and {variable(name)}_FILE are set: keep one.")
    try:
        found = Path(file).read_text().strip()
    except (OSError, ValueError) as error:
        raise BadSetting(f"{variable(name)}_FILE names {file}, which cannot be read: {_why(error)}.") from None
    if not found:
        raise BadSetting(f"{variable(name)}_FILE names {file}, which is empty: write the secret into it.")
    return found


def parse(name: str, kind: str, text: str) -> Any:
    """The value of a text, for a field annotated with `kind`. Raises BadSetting."""
    read, wanted = _KINDS[kind.removesuffix(" | None")]
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise BadSetting(f"{variable(name)} is {text!r}: write {wanted}.") from None


def _switch(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError(text)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text))


_KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "str": (str, "a text"),
    "int": (_count, "a whole number"),
    "bool": (_switch, "true or false"),
    "Path": (Path, "a path"),
    "timedelta": (_seconds, "a number of seconds"),
}


def kept_secret(path: Path) -> str:
    """The secret in this file; made (256 random bits, mode 600, its directory 700) when there is none yet.

    Raises BadSetting when it can be neither read nor made.
    """
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        if not path.exists():
            _make_secret(path)
        found = path.read_text().strip()
    except OSError as error:
        raise BadSetting(
            f"{path} can be neither read nor made ({_why(error)}). "
            f"Give {path.parent.parent} to the account that runs the catalog, or set {variable(path.name)}."
        ) from None
    if not found:
        raise BadSetting(f"{path} is empty. Remove it, and a new secret is made: everybody logs in again.")
    return found


def _make_secret(path: Path) -> None:
    """Linked into place when it is whole and on disk: of two processes that start together, one makes it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
