"""The use of the last thirty days, and who never came, remembered: long to add up with much use, and looked at often.

Read soon after the start, or when somebody asks sooner; from then on by a job, each minute, while somebody looks on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog

from ecatalog.console import dashboard_queries
from ecatalog.console.dashboard import DAYS, MOST, every_day
from ecatalog.console.dashboard_queries import Ending, Top
from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.web.door import Door
from ecatalog_client.types.analytics import DayUsage

_SECONDS_AFTER_START = 2.0
_SECONDS_BETWEEN_ROUNDS = 60.0
_LOOKED_AT = timedelta(minutes=10)

_log = structlog.get_logger("ecatalog.console")


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What all clients used in the last thirty UTC days, until `at`."""

    at: datetime
    opens: int
    active_seconds: int
    days: list[DayUsage]
    demos: list[Top]
    clients: list[Top]
    never_seen: list[Ending]


def month_of(tx: Tx) -> Month:
    first = (tx.now - timedelta(days=DAYS - 1)).date()
    days = every_day(dashboard_queries.list_days(tx, first.isoformat()), first, DAYS)
    return Month(
        at=tx.now,
        opens=sum(day.opens for day in days),
        active_seconds=sum(day.active_seconds for day in days),
        days=days,
        demos=dashboard_queries.list_top_demos(tx, first.isoformat()),
        clients=dashboard_queries.list_top_clients(tx, first.isoformat()),
        never_seen=dashboard_queries.list_never_seen(tx, MOST),
    )


class MonthMemory:
    """The last reading of the month, and when somebody last wanted it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept: Month | None = None
        self._wanted_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def read(self) -> Month:
        """What is remembered of the last minutes; read now when there is nothing, by one for all who wait."""
        self._wanted_at = self._clock()
        async with self._reading:
            if self._kept is None or self._is_old(self._kept, self._wanted_at):
                self._kept = await self._db.read_long(month_of)
            return self._kept

    async def begin(self) -> bool:
        """Reads it before anybody asks, so that the first look does not wait; whether nobody had."""
        async with self._reading:
            if self._kept is not None:
                return False
            self._kept = await self._db.read_long(month_of)
            return True

    def _is_old(self, kept: Month, now: datetime) -> bool:
        """While nobody looked it was not read anew."""
        return now - kept.at > _LOOKED_AT or kept.at.date() != now.date()

    async def refresh(self) -> bool:
        """Reads it anew if somebody looked at it in the last ten minutes; whether that was so."""
        if self._kept is None or self._wanted_at is None or self._clock() - self._wanted_at > _LOOKED_AT:
            return False
        self._kept = await self._db.read_long(month_of)
        return True


async def keep_month(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled. What goes wrong is logged, and tried again in the next round."""
    memory = door.part(MonthMemory)
    read, seconds = memory.begin, _SECONDS_AFTER_START
    while True:
        await sleep(seconds)
        try:
            await read()
        except Unavailable:
            _log.warning("month_not_read")
        read, seconds = memory.refresh, _SECONDS_BETWEEN_ROUNDS
