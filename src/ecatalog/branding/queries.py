"""All SQL of this room: its rows in `settings`."""

import msgspec

from ecatalog.kit.db import Tx

_KEY, _LOGO = "branding", "branding_logo"


class _Row(msgspec.Struct, frozen=True):
    value: str


def find_text(tx: Tx) -> str | None:
    """What was decided, as JSON; None when nothing was yet."""
    return _find(tx, _KEY)


def find_logo(tx: Tx) -> str | None:
    """The logo in base64; None when there is none."""
    return _find(tx, _LOGO) or None


def _find(tx: Tx, key: str) -> str | None:
    found = tx.one(_Row, "SELECT value FROM settings WHERE key = :key", key=key)
    return None if found is None else found.value


def set_text(tx: Tx, value: str) -> None:
    _set(tx, _KEY, value)


def set_logo(tx: Tx, value: str) -> None:
    """Keeps the logo in base64; an empty one takes it away."""
    _set(tx, _LOGO, value)


def _set(tx: Tx, key: str, value: str) -> None:
    tx.run(
        """INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)
           ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
        key=key,
        value=value,
        now=tx.now,
    )
