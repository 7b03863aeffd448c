"""Until when this launcher may act, and what time it is for the gateway: from its heartbeats, erring early."""

from collections.abc import Callable
from datetime import UTC, datetime

from ecatalog_client.types.serving import Heartbeat

_LATE_SECONDS = 5.0
_BELIEVED_AFTER_SECONDS = 30.0


class Lease:
    """The engine is ours while `is_held`. `boottime` is CLOCK_BOOTTIME in seconds.

    A heartbeat can only be late, so of all estimates of the gateway's time the latest is the best. A process that was
    held up finds old heartbeats waiting: taken for new, they would tell it that it may still act. Who tells an earlier
    time again and again for half a minute had its clock set back, and is believed.
    """

    def __init__(self, boottime: Callable[[], float]) -> None:
        self._boottime = boottime
        self._offset = float("-inf")
        self._late_since: float | None = None
        self._until = float("-inf")

    def heard(self, heartbeat: Heartbeat) -> None:
        self._learn(heartbeat.now.timestamp() - heartbeat.received_at_boottime, heartbeat.received_at_boottime)
        self._until = heartbeat.lease_until.timestamp() - self._offset if heartbeat.is_active else float("-inf")

    def _learn(self, sample: float, received_at: float) -> None:
        if sample > self._offset - _LATE_SECONDS:
            self._offset, self._late_since = max(self._offset, sample), None
        elif self._late_since is None:
            self._late_since = received_at
        elif received_at - self._late_since >= _BELIEVED_AFTER_SECONDS:
            self._offset, self._late_since = sample, None

    @property
    def is_held(self) -> bool:
        return self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """-inf before the first heartbeat, and when somebody else has the engine."""
        return self._until - self._boottime()

    def now(self) -> datetime:
        """The gateway's time. There is none before the first heartbeat."""
        return datetime.fromtimestamp(self._offset + self._boottime(), UTC)
