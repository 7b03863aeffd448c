"""What time brings becomes a fact, exactly once: windows that begin and end, requests that wait, the weekly digest.

Who finds something claims its mark in the transaction that records the fact. What was past already when a window was
set is marked, not told: whoever set it told the client.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ecatalog.clients.model import zone_for
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.notices import people_queries, queries, time_queries
from ecatalog.notices.decision_queries import remove_old_decisions
from ecatalog.notices.model import due_before, is_due, last_monday
from ecatalog.notices.time_queries import Reached

BATCH = 100
DAYS_BEFORE = (7, 1)
HOURS_OF_WAITING = (24, 48)
# A gateway that was down for longer does not tell any more what was long ago.
_NEWS_FOR = timedelta(days=3)
# Seven days, and a weekend and a night before them.
_LOOK_AHEAD = timedelta(days=12)
_MARKS_ARE_KEPT_FOR = timedelta(days=400)
_CODES_ARE_KEPT_FOR = timedelta(days=30)


def has_reached(tx: Tx) -> bool:
    """Whether a window has begun or ended, or a request has waited for long, without being told."""
    since = _news_since(tx)
    if time_queries.list_started(tx, since, 1) or time_queries.list_ended(tx, since, 1):
        return True
    return any(
        time_queries.list_waiting(tx, _waiting(hours), tx.now - timedelta(hours=hours), 1) for hours in HOURS_OF_WAITING
    )


def tell_windows(tx: Tx) -> int:
    """Tells of windows that have begun or ended; how many, at most 200."""
    since, told = _news_since(tx), 0
    for reached in time_queries.list_started(tx, since, BATCH):
        if time_queries.add_mark(tx, "started", reached.id, reached.at):
            tx.record("window.started", SYSTEM, client=reached.id)
            told += 1
    for reached in time_queries.list_ended(tx, since, BATCH):
        if time_queries.add_mark(tx, "ended", reached.id, reached.at):
            tx.record("window.ended", SYSTEM, client=reached.id)
            told += 1
    return told


def _news_since(tx: Tx) -> datetime:
    return max(queries.find_began_at(tx), tx.now - _NEWS_FOR)


def list_due_endings(tx: Tx) -> list[tuple[int, Reached]]:
    """Whom to tell now, in their working hours, that access ends in so many days. For a thread of its own."""
    found: list[tuple[int, Reached]] = []
    for days in DAYS_BEFORE:
        ending = time_queries.list_ending(tx, _ending(days), tx.now + _LOOK_AHEAD)
        found += [(days, each) for each in ending if is_due(tx.now, each.at, days, zone_for(each.timezone))]
    return found


def tell_endings(tx: Tx, due: Sequence[tuple[int, Reached]]) -> None:
    """Tells of these ends, unless they have moved. Who is told of the last day is not told of the week too."""
    for days, reached in sorted(due, key=lambda each: each[0]):
        if not time_queries.is_as_it_was(tx, "ending", reached):
            continue
        if time_queries.add_mark(tx, _ending(days), reached.id, reached.at):
            tx.record("window.ending", SYSTEM, client=reached.id, days=days)
        for longer in DAYS_BEFORE:
            if longer > days:
                time_queries.add_mark(tx, _ending(longer), reached.id, reached.at)


def tell_waiting(tx: Tx) -> int:
    """Tells of requests that have waited for a day or two; how many, at most 200."""
    told = 0
    for hours in HOURS_OF_WAITING:
        what = _waiting(hours)
        for request in time_queries.list_waiting(tx, what, tx.now - timedelta(hours=hours), BATCH):
            if time_queries.add_mark(tx, what, request.id, request.at):
                tx.record("request.waiting", SYSTEM, client=request.client_id, request=request.id, hours=hours)
                told += 1
    return told


def is_digest_due(tx: Tx, office: ZoneInfo) -> bool:
    """On Mondays, from nine o'clock of the team's zone on, until all have theirs."""
    return _digest_monday(tx, office) is not None


def _digest_monday(tx: Tx, office: ZoneInfo) -> datetime | None:
    """The Monday of the digest; one that is late by a day waits for the next."""
    monday = last_monday(tx.now, office)
    is_late = tx.now - monday >= timedelta(days=1) or monday < queries.find_began_at(tx)
    return None if is_late or time_queries.has_mark(tx, "digests", "", monday) else monday


def tell_digests(tx: Tx, office: ZoneInfo) -> int:
    """A digest is due for each user who has something to read; how many."""
    monday = _digest_monday(tx, office)
    if monday is None or not time_queries.add_mark(tx, "digests", "", monday):
        return 0
    readers = people_queries.list_digest_readers(tx)
    for user_id in readers:
        tx.record("digest.due", SYSTEM, user=user_id)
    return len(readers)


def mark_what_is_past(tx: Tx, client_id: str, set_at: datetime) -> None:
    """What lay in the past when a client's window was set: the message of that told it."""
    client = people_queries.find_about(tx, client_id)
    if client is None:
        return
    if client.access_starts_at <= set_at:
        time_queries.add_mark(tx, "started", client_id, client.access_starts_at)
    for days in DAYS_BEFORE:
        if due_before(client.access_ends_at, days, zone_for(client.timezone)) <= set_at:
            time_queries.add_mark(tx, _ending(days), client_id, client.access_ends_at)


def forget_old_marks(tx: Tx) -> int:
    """Removes some of the marks and codes that nobody asks for any more; how many."""
    marks = time_queries.remove_old_marks(tx, tx.now - _MARKS_ARE_KEPT_FOR, BATCH)
    return marks + remove_old_decisions(tx, tx.now - _CODES_ARE_KEPT_FOR, BATCH)


def _ending(days: int) -> str:
    return f"ending_{days}"


def _waiting(hours: int) -> str:
    return f"waiting_{hours}"
