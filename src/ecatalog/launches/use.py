"""Taking in what edges saw of use: active seconds, and until when a copy is kept for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden
from ecatalog.launches import queries
from ecatalog.launches.idle import Idle, idle_of, unopened
from ecatalog.launches.queries import Used
from ecatalog.usage.actions import record_active
from ecatalog_client.types.serving import ActiveMinute, LaunchUse

# After the gateway was away, edges need a moment to tell what was used meanwhile.
GRACE = timedelta(minutes=2)
_ALL_SECONDS = (1 << 60) - 1


def take_use(tx: Tx, actor: Actor, uses: Iterable[LaunchUse]) -> None:
    """Records what an edge saw. What it says of launches that are unknown, or of times that cannot be, is left out."""
    if actor.role is not Role.SYSTEM and "edge" not in actor.scopes:
        raise Forbidden("This needs a token with the scope 'edge'.")
    for use in uses:
        row = queries.find_used(tx, use.launch_id)
        if row is not None:
            _take_one(tx, row, use)


def _take_one(tx: Tx, row: Used, use: LaunchUse) -> None:
    minutes = _possible(use.minutes, row.created_at, min(tx.now, row.ends_at))
    record_active(tx, minutes, launch_id=row.id, client_id=row.client_id, demo_id=row.demo_id)
    idle = idle_of(_not_ahead(use, tx.now), row.created_at, row.idle_seconds)
    # Of several edges the one that saw use last decides, so the instant never moves back.
    if idle is not None and row.is_live and (row.idle_at is None or idle.at > row.idle_at):
        queries.set_idle(tx, row.id, idle.at, idle.reason)


def _possible(minutes: Iterable[ActiveMinute], first: datetime, last: datetime) -> list[ActiveMinute]:
    """Those within the launch's time; seconds after `last` have not been."""
    begin, end = int(first.timestamp()) // 60, int(last.timestamp())
    possible = []
    for each in minutes:
        seconds = each.seconds & (_ALL_SECONDS if each.minute < end // 60 else (2 << end % 60) - 1)
        if begin <= each.minute <= end // 60 and seconds:
            possible.append(ActiveMinute(minute=each.minute, seconds=seconds))
    return possible


def _not_ahead(use: LaunchUse, now: datetime) -> LaunchUse:
    """An edge errs early, so its clock may be a little ahead of ours."""
    names = ("open_at", "used_at", "asked_at")
    seen = {name: instant for name in names if (instant := getattr(use, name)) is not None}
    return msgspec.structs.replace(use, **{name: min(instant, now) for name, instant in seen.items()})


def begin_idling(tx: Tx, launch_id: str) -> None:
    """A copy begins to run: it is kept for its demo's idle time, until somebody comes."""
    row = queries.find_used(tx, launch_id)
    if row is not None and row.kind == "open":
        idle: Idle = unopened(tx.now, row.idle_seconds)
        queries.set_idle(tx, row.id, idle.at, idle.reason)


def forgive_silence(tx: Tx) -> int:
    """Nothing is idle yet when the gateway starts: nobody could tell it of use while it was away."""
    return queries.postpone_idle(tx, tx.now + GRACE)
