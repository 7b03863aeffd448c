"""What time it is for the edge: never earlier than the gateway's time as its heartbeats tell it, and never
going back.

The gateway's time is mapped to CLOCK_BOOTTIME, which runs on while the machine is suspended and which nobody
sets.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

# How far the mapping may relax: two healthy oscillators drift apart by less than this, so that a fast one of
# ours does not run ahead for ever. It is also what keeps `now` moving forward between heartbeats.
DRIFT = 0.0005
# A gateway whose clock was set back by more than STEP is believed after this many seconds of agreeing
# heartbeats, and for leases only: an access that has ended stays ended.
STEP = 5.0
BELIEVE_AFTER = 30.0


# Seconds since boot, time in suspend included.
boottime: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


class Clock:
    """Erring early: of all estimates, `now` is the latest.

    Both sources are arguments, so that tests own them.
    """

    def __init__(self, *, boot: Callable[[], float] = boottime, wall: Callable[[], float] = time.time) -> None:
        self.boot = boot
        self._wall = wall
        self._high = wall()
        self._offset: float | None = None
        self._heard_at = 0.0
        self._low_since: float | None = None
        self._low_best = 0.0
        self.steps_back = 0

    def heard(self, gateway_now: datetime, received_at: float) -> None:
        """A heartbeat said that it was `gateway_now` when sent; it arrived at `received_at` (CLOCK_BOOTTIME).

        A heartbeat can only be late, so each sample is at most the true offset, and the largest is the best.
        """
        sample = gateway_now.timestamp() - received_at
        if self._offset is None:
            self._offset = sample
        else:
            self._offset = max(sample, self._offset - DRIFT * max(0.0, received_at - self._heard_at))
            self._doubt(self._offset, sample, received_at)
        self._heard_at = received_at

    def _doubt(self, offset: float, sample: float, received_at: float) -> None:
        """Samples far below the mapping, all of them and for long, mean that the gateway's clock was set
        back.
        """
        if sample >= offset - STEP:
            self._low_since = None
        elif self._low_since is None:
            self._low_since, self._low_best = received_at, sample
        else:
            self._low_best = max(self._low_best, sample)
            if received_at - self._low_since >= BELIEVE_AFTER:
                self._offset, self._low_since = self._low_best, None
                self.steps_back += 1

    def now(self) -> datetime:
        """The later of the gateway's time and our wall clock; never earlier than it ever was."""
        return datetime.fromtimestamp(self._seconds(), UTC)

    @property
    def last(self) -> float:
        """What `now` said last, as seconds since 1970: for who has just asked it."""
        return self._high

    def passed(self, instant: datetime) -> bool:
        """True from the moment when either clock has passed the instant, for ever after."""
        return self._seconds() >= instant.timestamp()

    def _seconds(self) -> float:
        high = self._high
        wall = self._wall()
        if wall > high:
            high = wall
        if self._offset is not None and (told := self._offset + self.boot()) > high:
            high = told
        self._high = high
        return high

    def boot_of(self, instant: datetime) -> float:
        """When, on CLOCK_BOOTTIME, the gateway's clock shows `instant`; -inf before the first heartbeat."""
        if self._offset is None:
            return float("-inf")
        return instant.timestamp() - self._offset
