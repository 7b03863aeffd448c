"""What happens by itself: launches end whose time is over, copies are kept warm, demos are looked after."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.launches.actions import end_overdue
from ecatalog.launches.time_queries import next_end
from ecatalog.launches.warm import begin_checks, draw_jitter, is_any_warm, list_due_checks, tend_warm
from ecatalog.web.door import Door

log = structlog.get_logger("ecatalog.launches.jobs")

# A window can be moved forward at any time, so the next end is looked up again after a second at the latest.
_LONGEST_SLEEP = 1.0
_SHORTEST_SLEEP = 0.02
_BATCH = 100
_WARM_SECONDS = 5.0
_CHECK_SECONDS = 20.0


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


async def keep_copies_warm(door: Door) -> None:
    """Runs until it is cancelled: whenever launches, demos or plans change, and by the clock, for hours that begin."""
    while True:
        seen = _counters(door.db)
        try:
            if await door.db.read(is_any_warm):
                await door.db.write(tend_warm, draw_jitter())
        except Exception:
            log.exception("copies_not_kept_warm")
        with suppress(TimeoutError):
            async with asyncio.timeout(_WARM_SECONDS):
                await _changed(door.db, seen)


def _counters(db: Database) -> tuple[int, ...]:
    return tuple(db.counter(table) for table in ("launches", "launchers", "demos", "warm_plans", "docker_images"))


async def _changed(db: Database, seen: tuple[int, ...]) -> None:
    while True:
        position = db.position
        if _counters(db) != seen:
            return
        await db.moved(position)


async def check_demos(door: Door) -> None:
    """Runs until it is cancelled: each demo is started once in a while, and asked whether it answers."""
    every = door.settings.check_demos_every
    while every:
        try:
            if await door.db.read(list_due_checks, every):
                await door.db.write(begin_checks, every)
        except Exception:
            log.exception("demos_not_checked")
        await asyncio.sleep(_CHECK_SECONDS)
