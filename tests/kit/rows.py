"""Actions and queries on `settings`, the simplest table there is, for tests of the database itself."""

from ecatalog.kit.db import Tx


def put(tx: Tx, key: str, value: str = "") -> str:
    """Adds a row; breaks a constraint when the key is there."""
    tx.run(
        "INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)", key=key, value=value, now=tx.now
    )
    return key


def keys(tx: Tx) -> set[str]:
    """The keys that are there."""
    return {str(row["key"]) for row in tx.rows("SELECT key FROM settings")}
