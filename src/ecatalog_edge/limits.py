"""How much one launch may be asked of: connections at a time, requests a second, bytes of a request's body."""

from dataclasses import dataclass

from ecatalog_edge.registry import Live
from ecatalog_edge.state import Why

# A second's worth of requests may come at once, and as much again after a pause.
BURST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each launch. They keep one visitor's page that has gone wild from the others' demos."""

    connections: int = 2_000
    requests_per_second: int = 2_000
    body_bytes: int = 1024 * 1024 * 1024


class Pace:
    """A token bucket: what is left of the requests that may come now."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = float(rate * BURST_SECONDS)
        self._at = now

    def allows(self, now: float) -> bool:
        """Takes one, if there is one; `now` in seconds of a clock that only goes forward."""
        most = self._rate * BURST_SECONDS
        self._left = min(most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def refusal(limits: Limits, live: Live, now: float) -> Why | None:
    """Why this launch takes no further request just now, None when it does."""
    if len(live.connections) >= limits.connections:
        return Why.CROWDED
    pace = live.pace
    if pace is None:
        pace = live.pace = Pace(limits.requests_per_second, now)
    return None if pace.allows(now) else Why.HURRIED
