"""A circuit breaker: when an upstream keeps failing, calls fail at once, and one probe at a time asks for it.

Open after 5 failures in a row or when half of the last 20 calls failed (design, section 8). Pure but for the
clock.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from ecatalog_client.errors import Unanswered


class BreakerState(StrEnum):
    """Closed lets calls through, open refuses them, half-open waits for what became of the one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """For one upstream.

    `admit` before a call, then one of `succeeded`, `failed`, `abandoned` with its ticket.

    `rest` is how many seconds it stays open before a probe; `on_change` hears each new state. A ticket from
    before the last change of state counts for nothing: a slow call of the past must not pass for the probe.
    """

    def __init__(
        self,
        upstream: str,
        *,
        in_a_row: int = 5,
        window: int = 20,
        rest: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[str, BreakerState], None] | None = None,
    ) -> None:
        self.upstream = upstream
        self.state = BreakerState.CLOSED
        self._in_a_row = in_a_row
        self._rest = rest
        self._clock = clock
        self._on_change = on_change
        self._failures_in_a_row = 0
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._probe_at = 0.0
        self._ticket = 0

    def admit(self) -> int:
        """Lets a call through with a ticket, or raises Unanswered with the seconds until the next probe."""
        if self.state is BreakerState.CLOSED:
            return self._ticket
        wait = self._probe_at - self._clock()
        if self.state is BreakerState.HALF_OPEN or wait > 0:
            raise Unanswered(
                f"The {self.upstream} does not answer now. Try again in a moment.", retry_after=max(wait, 0.1)
            )
        self._become(BreakerState.HALF_OPEN)
        return self._ticket

    def succeeded(self, ticket: int) -> None:
        """The upstream answered, if only with a refusal."""
        if ticket != self._ticket:
            return
        if self.state is BreakerState.HALF_OPEN:
            self._outcomes.clear()
            self._become(BreakerState.CLOSED)
        self._failures_in_a_row = 0
        self._outcomes.append(True)

    def failed(self, ticket: int) -> None:
        """The upstream did not answer, or not in time."""
        if ticket != self._ticket:
            return
        self._failures_in_a_row += 1
        self._outcomes.append(False)
        if self.state is BreakerState.HALF_OPEN or self._is_too_much:
            self._open()

    def lost(self, ticket: int) -> None:
        """It was waited for so long in vain that this one failure is enough: opens at once."""
        if ticket == self._ticket:
            self._outcomes.append(False)
            self._open()

    def abandoned(self, ticket: int) -> None:
        """The caller gave up before there was an outcome. An abandoned probe makes room for another one."""
        if ticket == self._ticket and self.state is BreakerState.HALF_OPEN:
            self._become(BreakerState.OPEN)

    @property
    def _is_too_much(self) -> bool:
        is_full = len(self._outcomes) == self._outcomes.maxlen
        return self._failures_in_a_row >= self._in_a_row or (
            is_full and self._outcomes.count(False) * 2 >= len(self._outcomes)
        )

    def _open(self) -> None:
        self._probe_at = self._clock() + self._rest
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._ticket += 1
        if self._on_change is not None:
            self._on_change(self.upstream, state)
