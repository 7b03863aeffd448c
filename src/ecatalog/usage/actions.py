"""Recording use: the event and its day's sums, always in one transaction."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ecatalog.kit.db import Tx
from ecatalog.usage import queries
from ecatalog.usage.model import Event, sums_of
from ecatalog_client.types.serving import ActiveMinute

# An edge that was cut off tells late what it saw; after this nobody tells of a minute any more.
MINUTES_ARE_KEPT_FOR = timedelta(days=7)
_BATCH = 500


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
    tx.touch("usage_analytics")
    sums = sums_of(event, seconds)
    if sums is not None:
        queries.add_to_day(tx, sums, at, client_id=client_id, demo_id=demo_id)


def record_active(
    tx: Tx, minutes: Iterable[ActiveMinute], *, launch_id: str, client_id: str | None, demo_id: str
) -> int:
    """Merges active seconds with what is known of them; how many are new. Those of a client are use."""
    new = 0
    for each in minutes:
        known = queries.find_seconds(tx, launch_id, each.minute)
        merged = known | each.seconds
        if merged == known:
            continue
        queries.set_seconds(tx, launch_id, each.minute, merged)
        added = merged.bit_count() - known.bit_count()
        new += added
        if client_id is not None:
            at = datetime.fromtimestamp(each.minute * 60, UTC)
            record_use(tx, "active", client_id=client_id, demo_id=demo_id, launch_id=launch_id, seconds=added, at=at)
    return new


def remove_events(tx: Tx, event_ids: Sequence[int]) -> int:
    """Removes these events, a few hundred at most: they are kept elsewhere by now. The daily sums stay."""
    return sum(queries.remove_event(tx, event_id) for event_id in event_ids)


def remove_old_minutes(tx: Tx) -> int:
    """Removes some of the minutes that nobody tells of any more; how many they were."""
    before = tx.now - MINUTES_ARE_KEPT_FOR
    return queries.remove_old_minutes(tx, int(before.timestamp()) // 60, _BATCH)
