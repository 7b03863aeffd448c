"""What ends by itself: launches whose access window or lifetime is over."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.launches.actions import end_overdue
from ecatalog.launches.queries import next_end
from ecatalog.web.door import Door

log = structlog.get_logger("ecatalog.launches.jobs")

# A window can be moved forward at any time, so the next end is looked up again after a second at the latest.
_LONGEST_SLEEP = 1.0
_SHORTEST_SLEEP = 0.02
_BATCH = 100


async def end_launches_that_are_over(
    door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Runs until it is cancelled. What goes wrong is logged, and tried again after a second."""
    while True:
        try:
            seconds = await end_what_is_over(door.db)
        except Exception:
            log.exception("launches_not_ended")
            seconds = _LONGEST_SLEEP
        await sleep(seconds)


async def end_what_is_over(db: Database) -> float:
    """Ends what is over now, in batches; the seconds to wait before looking again."""
    while True:
        seconds = await db.read(next_end)
        if seconds is None:
            return _LONGEST_SLEEP
        if seconds > 0:
            return min(_LONGEST_SLEEP, max(_SHORTEST_SLEEP, seconds))
        if not await db.write(end_overdue, SYSTEM, limit=_BATCH):
            return _LONGEST_SLEEP  # Somebody else ended it meanwhile.
