"""One way to call: a deadline always, the breaker, and another try only where it cannot do harm."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio

from ecatalog_client.breaker import Breaker, BreakerState
from ecatalog_client.channel import Channel
from ecatalog_client.errors import CatalogError, Unavailable
from ecatalog_client.retry import Budget, may_retry, pause_after
from ecatalog_client.status import SILENCE, error_from

# How long one try waits for a connection: the channel's own pause between two attempts is half of it.
CONNECT_SECONDS = 1.0


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


class Stub(Protocol):
    """A unary method of a generated stub."""

    def __call__(self, request: Any, /, *, timeout: float, metadata: tuple[tuple[str, str], ...]) -> Awaitable[Any]: ...


class Caller:
    """Calls one upstream. The clock, the pause and the jitter are arguments, so that tests own the time."""

    def __init__(
        self,
        channel: Channel,
        *,
        upstream: str = "gateway",
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._channel = channel
        self._hooks = hooks or Hooks()
        self._clock = clock
        self._pause = pause
        self._jitter = jitter
        self._budget = Budget()
        self.breaker = Breaker(upstream, clock=clock, on_change=self._hooks.breaker)

    async def call(self, method: str, stub: Stub, request: Any, *, deadline: float, is_safe: bool) -> Any:
        """The reply, within `deadline` seconds. Raises the family of errors.

        Tried again after Unavailable only: when `is_safe` (a repetition does no harm), or when nothing had
        been sent yet, since there was no connection.
        """
        ends = self._clock() + deadline
        self._budget.earn()
        tries = 0
        while True:
            tries += 1
            attempt = _Attempt()
            try:
                return await self._try(attempt, method, stub, request, ends)
            except Unavailable as error:
                pause = pause_after(tries, self._jitter)
                is_harmless = attempt.reached_breaker and (is_safe or not attempt.is_sent)
                if not is_harmless or not may_retry(
                    tries=tries, pause=pause, left=ends - self._clock(), budget=self._budget
                ):
                    raise error from None
            self._hooks.retry(method)
            await self._pause(pause)

    async def _try(self, attempt: "_Attempt", method: str, stub: Stub, request: Any, ends: float) -> Any:
        ticket = self.breaker.admit()
        attempt.reached_breaker = True
        started = self._clock()
        outcome = "abandoned"
        try:
            reply = await self._send(attempt, stub, request, ends)
            outcome = "ok"
            self.breaker.succeeded(ticket)
            return reply
        except _FailedError as failed:
            outcome = failed.error.code
            (self.breaker.failed if failed.is_silence else self.breaker.succeeded)(ticket)
            raise failed.error from None
        finally:
            if outcome == "abandoned":
                self.breaker.abandoned(ticket)
            self._hooks.attempt(method, outcome, self._clock() - started)

    async def _send(self, attempt: "_Attempt", stub: Stub, request: Any, ends: float) -> Any:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, ends - self._clock())):
                is_connected = await self._channel.connected()
        except TimeoutError:
            is_connected = False
        left = ends - self._clock()
        if not is_connected or left <= 0:
            raise _FailedError(Unavailable("The catalog cannot be reached. Try again in a moment."), is_silence=True)
        attempt.is_sent = True
        try:
            return await stub(request, timeout=left, metadata=self._channel.metadata)
        except grpc.aio.AioRpcError as error:
            raise _FailedError(error_from(error), is_silence=error.code() in SILENCE) from None


@dataclass(slots=True)
class _Attempt:
    """How far one try came."""

    reached_breaker: bool = False
    is_sent: bool = False


class _FailedError(Exception):
    """A try that failed, and whether the upstream was silent: that is what the breaker counts."""

    def __init__(self, error: CatalogError, *, is_silence: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_silence = is_silence
