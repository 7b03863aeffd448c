"""Instants at which something may have ended, and the one timer that goes off at the earliest of them."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime

from ecatalog_edge.clock import Clock
from ecatalog_edge.lease import Lease

# The event loop's timers stand still in suspend and know nothing of a wall clock that is set forward, hence a
# look at the clocks this often even when the next instant is far away.
LOOK_EVERY = 0.5


class Deadlines:
    """A heap of instants.

    An instant says only "look again", so one that has become void costs a look and no more.
    """

    def __init__(
        self, clock: Clock, lease: Lease, *, on_passed: Callable[[], None], on_silence: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._lease = lease
        self._on_passed = on_passed
        self._on_silence = on_silence
        self._heap: list[datetime] = []
        self._known: set[datetime] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._had_lease = False

    def start(self) -> None:
        self._set_timer()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def watch(self, instant: datetime) -> None:
        """Goes off at this instant; watching it twice is watching it once."""
        if instant in self._known:
            return
        self._known.add(instant)
        heapq.heappush(self._heap, instant)
        if self._heap[0] is instant and self._timer is not None:
            self._set_timer()

    def look(self) -> None:
        """Calls what is due: everything passed is one call, the end of the lease another."""
        if self._pop_passed():
            self._on_passed()
        is_live = self._lease.is_live
        if self._had_lease and not is_live:
            self._on_silence()
        self._had_lease = is_live

    def renewed(self) -> None:
        """The lease was renewed: from now on its end is watched."""
        if not self._had_lease:
            self._had_lease = self._lease.is_live
            self._set_timer()

    def _pop_passed(self) -> bool:
        now = self._clock.now()
        before = len(self._heap)
        while self._heap and self._heap[0] <= now:
            self._known.discard(heapq.heappop(self._heap))
        return len(self._heap) < before

    def _fire(self) -> None:
        try:
            self.look()
        finally:
            self._set_timer()

    def _set_timer(self) -> None:
        self.stop()
        delay = LOOK_EVERY
        if self._heap:
            delay = min(delay, (self._heap[0] - self._clock.now()).total_seconds())
        if self._had_lease:
            delay = min(delay, self._lease.left)
        # A timer of the loop may go off a little early (uvloop counts in milliseconds): never less than one
        # of them.
        self._timer = asyncio.get_running_loop().call_later(max(delay, 0.001), self._fire)
