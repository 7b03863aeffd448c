"""Active use: which seconds of a minute somebody really used a launch, gathered here and told to the gateway.

Pages say it by the script of `injecting.py`; where they do not, the visitor's requests and frames count. Seconds are
bits, merged by OR: two tabs, two edges or a repeated report count once. An edge that dies loses what it has not told.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from ecatalog_client.errors import CatalogError
from ecatalog_client.types.serving import ActiveMinute, LaunchUse
from ecatalog_edge.stats import Stats

log = structlog.get_logger()

REPORT_SECONDS = 15.0
# The signs of use that are this far apart are one use, as reading is between two touches.
PAUSE_SECONDS = 30
# A page that has not told anything for this long is closed, or its script is not allowed to tell.
SILENT_SECONDS = 90.0
# Of a minute in the past that nobody has taken: a gateway that is away for longer gets the later ones.
MOST_MINUTES = 24 * 60
MOST_PER_REPORT = 500
_MASK = (1 << 60) - 1


class Reporting(Protocol):
    """Where use is told: the catalog's service, or a twin of it."""

    async def report_use(self, uses: Sequence[LaunchUse]) -> None: ...


class Use:
    """The use of one launch that is seen here. Instants are seconds since 1970 by the gateway's clock; 0 for never."""

    __slots__ = ("asked_at", "is_new", "launch_id", "minutes", "open_at", "used_at")

    def __init__(self, launch_id: str) -> None:
        self.launch_id = launch_id
        self.minutes: dict[int, int] = {}
        self.open_at = 0.0
        self.used_at = 0.0
        self.asked_at = 0
        self.is_new = False

    def asked(self, second: int) -> None:
        """The visitor sent a request or a frame in that second."""
        if second == self.asked_at:
            return
        before, self.asked_at = self.asked_at, second
        self.is_new = True
        if second - self.open_at < SILENT_SECONDS:
            return  # Its pages tell by themselves what is use and what only a timer of theirs.
        first = before + 1 if 0 < second - before <= PAUSE_SECONDS else second
        for each in range(first, second + 1):
            self._add(each)

    def told(self, now: float, active: int) -> None:
        """A page is open, and was used in those of the last sixty seconds: bit 0 is this one, bit 1 the one before."""
        self.open_at = now
        self.is_new = True
        active &= _MASK
        if active:
            self.used_at = max(self.used_at, now - ((active & -active).bit_length() - 1))
        second = int(now)
        while active:
            low = active & -active
            self._add(second - low.bit_length() + 1)
            active ^= low

    def _add(self, second: int) -> None:
        minute, bit = divmod(second, 60)
        self.minutes[minute] = self.minutes.get(minute, 0) | (1 << bit)
        if len(self.minutes) > MOST_MINUTES:
            del self.minutes[min(self.minutes)]

    def take(self) -> LaunchUse:
        """What is new since the last time; `give_back` when nobody took it."""
        self.is_new = False
        taken, self.minutes = self.minutes, {}
        return LaunchUse(
            launch_id=self.launch_id,
            minutes=[ActiveMinute(minute=minute, seconds=seconds) for minute, seconds in sorted(taken.items())],
            open_at=_instant(self.open_at),
            used_at=_instant(self.used_at),
            asked_at=_instant(self.asked_at),
        )

    def give_back(self, taken: LaunchUse) -> None:
        """It is told again the next time, with what has come since."""
        self.is_new = True
        for each in taken.minutes:
            self.minutes[each.minute] = self.minutes.get(each.minute, 0) | each.seconds


def _instant(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


class Meter:
    """The use of every launch that was visited here, told every REPORT_SECONDS while there is something to tell."""

    def __init__(self, gateway: Reporting, now: Callable[[], datetime], stats: Stats) -> None:
        self._gateway = gateway
        self._stats = stats
        self._now = now
        self._uses: dict[str, Use] = {}

    def of(self, launch_id: str) -> Use:
        """The one `Use` of this launch, for as long as it is visited or has something to tell."""
        use = self._uses.get(launch_id)
        if use is None:
            use = self._uses[launch_id] = Use(launch_id)
        return use

    async def run(self) -> None:
        """For as long as the edge lives."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await self.report()

    async def report(self) -> None:
        """Tells what is new. What the gateway does not take is kept for the next time."""
        uses = [use for use in self._uses.values() if use.is_new]
        for at in range(0, len(uses), MOST_PER_REPORT):
            await self._report(uses[at : at + MOST_PER_REPORT])
        self._forget_old()

    async def _report(self, uses: list[Use]) -> None:
        taken = [use.take() for use in uses]
        try:
            await self._gateway.report_use(taken)
        except CatalogError as error:
            self._stats.unreported += 1
            log.warning("use.not_reported", reason=str(error), launches=len(uses))
            for use, one in zip(uses, taken, strict=True):
                use.give_back(one)

    def _forget_old(self) -> None:
        before = (self._now() - timedelta(hours=1)).timestamp()
        for use in list(self._uses.values()):
            if not use.is_new and max(use.open_at, use.asked_at) < before:
                del self._uses[use.launch_id]
