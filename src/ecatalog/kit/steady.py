"""A clock that never goes back, for actions and queries in several threads."""

from datetime import UTC, datetime
from threading import Lock

from ecatalog.kit.clock import Clock


class SteadyClock:
    """Tells what its clock tells, cut to the millisecond; while that clock is set back, its last instant again.

    Without it, rows written before the clock was set back would lie in the future of those who read them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = Lock()

    def __call__(self) -> datetime:
        now = self._clock()
        if now.microsecond % 1000:
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        with self._lock:
            self._last = max(self._last, now)
            return self._last
