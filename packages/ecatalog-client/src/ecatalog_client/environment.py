"""How our services read their settings: variables that begin with `ECATALOG_`, secrets also as a file."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

PREFIX = "ECATALOG_"


class BadSetting(Exception):
    """A setting that cannot be used; the message names the variable and says what to write."""


def secret(env: Mapping[str, str], name: str) -> str:
    """The value itself, or what the file named by `…_FILE` holds; empty when neither is set. Raises BadSetting."""
    value, path = env.get(PREFIX + name, "").strip(), env.get(f"{PREFIX}{name}_FILE", "").strip()
    if value and path:
        raise BadSetting(f"Both {PREFIX}{name} and {PREFIX}{name}_FILE are set: keep one.")
    if not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(f"{PREFIX}{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None


def number(env: Mapping[str, str], name: str) -> int | None:
    """A whole number that is not negative; None when it is not set. Raises BadSetting."""
    text = env.get(PREFIX + name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise BadSetting(f"{PREFIX}{name} is {text!r}: write a whole number.")
    return int(text)


def port(env: Mapping[str, str], name: str, default: int) -> int:
    """A TCP port; 0 asks the system for a free one. Raises BadSetting."""
    found = number(env, name)
    if found is None:
        return default
    if found > 65535:
        raise BadSetting(f"{PREFIX}{name} is {found}: a port is at most 65535.")
    return found


def private_network(env: Mapping[str, str], name: str) -> IPv4Network | None:
    """A private network of /24 or larger; None when it is not set. Raises BadSetting."""
    text = env.get(PREFIX + name, "").strip()
    if not text:
        return None
    try:
        found = IPv4Network(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}{name} is {text!r} ({error}): write one such as 10.213.0.0/16.") from None
    if found.prefixlen > 24 or not found.is_private:
        raise BadSetting(f"{PREFIX}{name} is {text!r}: write a private network of /24 or larger.")
    return found


def switch(env: Mapping[str, str], name: str) -> bool | None:
    """True or false; None when it is not set, or `auto`. Raises BadSetting."""
    text = env.get(PREFIX + name, "").strip().lower()
    if text in ("", "auto"):
        return None
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise BadSetting(f"{PREFIX}{name} is {text!r}: write true or false.")
