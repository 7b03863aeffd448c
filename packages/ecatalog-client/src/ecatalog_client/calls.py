"""One way to call: a deadline always, the breaker, and another try only where it cannot do harm.

How one try is made is the transport's: a stub of gRPC, or HTTP.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ecatalog_client.breaker import Breaker, BreakerState
from ecatalog_client.errors import CatalogError, Unanswered, Unavailable
from ecatalog_client.retry import Budget, may_retry, pause_after

T = TypeVar("T")

# How long one try waits for a connection, and a probe for its answer.
CONNECT_SECONDS = 1.0
PROBE_SECONDS = 1.0
# So long may callers wait in vain since the last word of the upstream, all tries together: then the breaker opens.
LONG_SILENCE = 2.0


def _ignore(*_: object) -> None:
    """Nobody measures."""


@dataclass(frozen=True)
class Hooks:
    """What metrics hear.

    `attempt(method, outcome, seconds)` with "ok" or the `code` of the error, for each try; `retry(method)`;
    `breaker(upstream, state)`; `watch(name, is_connected)`.
    """

    attempt: Callable[[str, str, float], None] = _ignore
    retry: Callable[[str], None] = _ignore
    breaker: Callable[[str, BreakerState], None] = _ignore
    watch: Callable[[str, bool], None] = _ignore


@dataclass(slots=True)
class Attempt:
    """One try: when the call's deadline ends, and how far the try came."""

    ends: float
    clock: Callable[[], float]
    reached_breaker: bool = False
    is_sent: bool = False

    @property
    def left(self) -> float:
        """The seconds until the deadline."""
        return self.ends - self.clock()


class FailedError(Exception):
    """A try that failed, and whether the upstream was silent: that is what the breaker counts."""

    def __init__(self, error: CatalogError, *, is_silence: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_silence = is_silence


Send = Callable[[Attempt], Awaitable[T]]


class Caller:
    """Calls one upstream. The clock, the pause and the jitter are arguments, so that tests own the time.

    With a `probe`, an open breaker is closed by that instead of by somebody's call, and 2 s of waiting in vain open it:
    then nobody loses a second deadline.
    """

    def __init__(
        self,
        *,
        upstream: str = "gateway",
        hooks: Hooks | None = None,
        breaker: Breaker | None = None,
        probe: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._hooks = hooks or Hooks()
        self._clock = clock
        self._pause = pause
        self._jitter = jitter
        self._probe = probe
        self._heard_at = float("-inf")
        self._waited = 0.0
        self._budget = Budget()
        self.breaker = breaker or Breaker(upstream, clock=clock, on_change=self._hooks.breaker)

    async def call(self, method: str, send: Send[T], *, deadline: float, is_safe: bool) -> T:
        """What `send` returns, within `deadline` seconds. Raises the family of errors.

        Tried again after Unavailable only, not before it says to come back: when `is_safe` (a repetition does no
        harm), or when nothing had been sent yet, since there was no connection.
        """
        began = self._clock()
        self._budget.earn()
        tries = 0
        while True:
            tries += 1
            attempt = Attempt(began + deadline, self._clock)
            try:
                return await self._try(attempt, method, send)
            except Unavailable as error:
                pause = max(pause_after(tries, self._jitter), error.retry_after or 0.0)
                is_harmless = attempt.reached_breaker and (is_safe or not attempt.is_sent)
                if not is_harmless or not may_retry(tries=tries, pause=pause, left=attempt.left, budget=self._budget):
                    raise error from None
            self._hooks.retry(method)
            await self._pause(pause)

    async def _try(self, attempt: Attempt, method: str, send: Send[T]) -> T:
        ticket = await self._admit()
        attempt.reached_breaker = True
        started = self._clock()
        outcome = "abandoned"
        try:
            reply = await send(attempt)
            outcome = "ok"
            self._heard(ticket)
            return reply
        except FailedError as failed:
            outcome = failed.error.code
            if failed.is_silence:
                self._missed(ticket, started)
            else:
                self._heard(ticket)
            raise failed.error from None
        finally:
            if outcome == "abandoned":
                self.breaker.abandoned(ticket)
            self._hooks.attempt(method, outcome, self._clock() - started)

    async def _admit(self) -> int:
        """A ticket of the breaker; of one that rests no longer, once the probe has been answered."""
        ticket = self.breaker.admit()
        if self._probe is None or self.breaker.state is not BreakerState.HALF_OPEN:
            return ticket
        is_over = False
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._probe()
            is_over = True
            self._heard(ticket)
        except (TimeoutError, FailedError) as error:
            is_over = True
            self.breaker.failed(ticket)
            raise Unanswered(f"The {self.breaker.upstream} does not answer now. Try again in a moment.") from error
        finally:
            if not is_over:
                self.breaker.abandoned(ticket)
        return self.breaker.admit()

    def _heard(self, ticket: int) -> None:
        self._heard_at = self._clock()
        self._waited = 0.0
        self.breaker.succeeded(ticket)

    def _missed(self, ticket: int, started: float) -> None:
        """Five short failures open the breaker, as anywhere; long ones do so before a second deadline is lost."""
        self._waited += self._clock() - max(started, self._heard_at)
        if self._probe is not None and self._waited >= LONG_SILENCE:
            self.breaker.lost(ticket)
        else:
            self.breaker.failed(ticket)
