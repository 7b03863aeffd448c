"""The SQL of following: where the log of use ends, and what comes after a place in it."""

from datetime import datetime
from typing import Any

import msgspec

from ecatalog.kit.db import Tx


class Use(msgspec.Struct, frozen=True):
    """One row of `usage_analytics`."""

    id: int
    client_id: str
    demo_id: str | None
    event_type: str
    timestamp: datetime
    launch_id: str | None
    seconds: int
    details: dict[str, Any]


def last_use(tx: Tx) -> int:
    """The id of the last row of use, 0 when there is none."""
    return int(tx.value("SELECT max(id) FROM usage_analytics") or 0)


def uses_after(tx: Tx, use: int, limit: int) -> list[Use]:
    """The next rows of use, in the order they were committed."""
    return tx.all(
        Use,
        """SELECT id, client_id, demo_id, event_type, timestamp, launch_id, seconds, details
           FROM usage_analytics WHERE id > :use ORDER BY id LIMIT :limit""",
        use=use,
        limit=limit,
    )
