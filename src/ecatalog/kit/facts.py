"""Facts: what happened, in order. `Tx.record` appends them; who follows the log reads on from a position."""

from datetime import datetime
from typing import Any

import msgspec

from ecatalog.kit.tx import Tx


class Fact(msgspec.Struct, frozen=True):
    """One row of `audit_log`. `actor` is `role:id`; `client_id` and `demo_id` name what it is about."""

    position: int
    at: datetime
    actor: str
    kind: str
    client_id: str | None
    demo_id: str | None
    details: dict[str, Any]


def facts_after(tx: Tx, position: int, limit: int) -> list[Fact]:
    """The next facts after this position, oldest first, at most `limit`."""
    return tx.all(
        Fact,
        "SELECT * FROM audit_log WHERE position > :position ORDER BY position LIMIT :limit",
        position=position,
        limit=limit,
    )


def last_position(tx: Tx) -> int:
    """Of the last fact, 0 when there is none."""
    return int(tx.value("SELECT coalesce(max(position), 0) FROM audit_log"))
