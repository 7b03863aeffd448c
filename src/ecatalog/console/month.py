"""The use of the last thirty days, remembered: to sum it takes long with much use, and it is looked at often.

Read once when somebody first asks; from then on a job reads it anew, each minute, while somebody goes on looking.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog

from ecatalog.console import dashboard_queries
from ecatalog.console.dashboard import DAYS, every_day
from ecatalog.console.dashboard_queries import Top
from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.web.door import Door
from ecatalog_client.types.analytics import DayUsage

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
        """What is remembered of today; read now when there is nothing yet, by one for all who wait."""
        self._wanted_at = self._clock()
        async with self._reading:
            if self._kept is None or self._kept.at.date() != self._wanted_at.date():
                self._kept = await self._db.read_long(month_of)
            return self._kept

    async def refresh(self) -> bool:
        """Reads it anew if somebody looked at it in the last ten minutes; whether that was so."""
        if self._kept is None or self._wanted_at is None or self._clock() - self._wanted_at > _LOOKED_AT:
            return False
        self._kept = await self._db.read_long(month_of)
        return True


async def keep_month(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled. What goes wrong is logged, and tried again in the next round."""
    while True:
        await sleep(_SECONDS_BETWEEN_ROUNDS)
        try:
            await door.part(MonthMemory).refresh()
        except Unavailable:
            _log.warning("month_not_read")
