"""The lease on which an edge serves: as long as the gateway has heard of it lately, and not a moment longer."""

from datetime import datetime

from ecatalog_edge.clock import Clock


class Lease:
    """Counted on CLOCK_BOOTTIME only: a wall clock that is wrong by minutes must not silence an edge."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends = float("-inf")

    def renew(self, now: datetime, lease_until: datetime, received_at: float) -> None:
        """Takes what a heartbeat granted. The clock must have heard the same heartbeat before.

        The earlier of two readings counts: the length that was granted, from the arrival, and the instant
        itself. A heartbeat that was stuck for a minute (a frozen process) thus renews nothing.
        """
        length = (lease_until - now).total_seconds()
        self._ends = min(received_at + length, self._clock.boot_of(lease_until))

    @property
    def left(self) -> float:
        """Seconds until it ends; negative when it has ended, -inf when there never was one."""
        return self._ends - self._clock.boot()

    @property
    def is_live(self) -> bool:
        return self._clock.boot() < self._ends
