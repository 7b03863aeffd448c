"""Recording use: the event and its day's sums, always in one transaction."""

from datetime import datetime
from typing import Any

from ecatalog.kit.db import Tx
from ecatalog.usage import queries
from ecatalog.usage.model import Event, sums_of


def record_use(
    tx: Tx,
    event_type: str,
    *,
    client_id: str,
    demo_id: str | None = None,
    launch_id: str | None = None,
    seconds: int = 0,
    details: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """Records that a client did something, now unless `at` says when.

    ValueError for an event that is none of ours.
    """
    event, at = Event(event_type), at or tx.now
    queries.add_event(
        tx,
        event,
        at,
        client_id=client_id,
        demo_id=demo_id,
        launch_id=launch_id,
        seconds=seconds,
        details=details or {},
    )
    sums = sums_of(event, seconds)
    if sums is not None:
        queries.add_to_day(tx, sums, at, client_id=client_id, demo_id=demo_id)
