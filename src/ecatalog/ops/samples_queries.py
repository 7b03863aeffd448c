"""What the sample data asks of a database before it fills it. The rooms write its rows."""

from ecatalog.kit.db import Tx


def has_users(tx: Tx) -> bool:
    return tx.value("SELECT 1 FROM users LIMIT 1") is not None
