"""When a call is tried again: against a real server, with the time, the pauses and the jitter in our hands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.errors import CatalogError, Conflict, Exhausted, Stale, Unavailable
from ecatalog.rpc.server import RpcServer
from ecatalog.rpc.service import Service, Unary
from ecatalog_client.breaker import BreakerState
from ecatalog_client.calls import Caller, Hooks
from ecatalog_client.channel import open_channel
from ecatalog_client.retry import FIRST_PAUSE, LONGEST_PAUSE, TRIES, Budget, may_retry, pause_after
from ecatalog_client.stub_calls import StubCaller
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.v1.launches_pb2_grpc import EdgeServiceStub

ACTOR = Actor(Role.SERVICE, "test", scopes=frozenset({"edge"}))


@dataclass
class Upstream:
    """A service that does what its script says, one entry per call, and the last one from then on."""

    script: list[CatalogError | float | None]
    calls: int = 0
    port: int = 0
    attempts: list[tuple[str, str]] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    later: float = 0.0

    async def answer(self, request: Any, actor: Actor) -> pb.RedeemReply:
        now = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if isinstance(now, CatalogError):
            raise now
        if now is not None:
            await asyncio.sleep(now)
        return pb.RedeemReply(path="/")

    async def begin(self, port: int = 0) -> None:
        method = Unary("Redeem", pb.RedeemRequest, pb.RedeemReply, "edge", self.answer)
        self.server = RpcServer([Service("ecatalog.v1.EdgeService", (method,))], lambda token, is_use=True: ACTOR)
        self.port = await self.server.start("127.0.0.1", port)

    def clock(self) -> float:
        return monotonic() + self.later

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def calling(
    upstream: Upstream, port: int, pause: Callable[[float], Any] | None = None
) -> AsyncIterator[Callable[..., Any]]:
    """`call(is_safe=…, deadline=…)` towards the upstream."""
    channel = open_channel(f"127.0.0.1:{port}", "token")
    hooks = Hooks(
        attempt=lambda method, outcome, seconds: upstream.attempts.append((method, outcome)),
        retry=upstream.retries.append,
    )
    caller = StubCaller(
        channel,
        Caller(hooks=hooks, clock=upstream.clock, pause=pause or upstream.pause, jitter=lambda low, high: high),
    )
    stub = EdgeServiceStub(channel.raw)  # type: ignore[no-untyped-call]

    async def call(*, is_safe: bool, deadline: float = 5.0) -> Any:
        return await caller.call("Redeem", stub.Redeem, pb.RedeemRequest(), deadline=deadline, is_safe=is_safe)

    call.caller = caller  # type: ignore[attr-defined]
    try:
        yield call
    finally:
        await channel.aclose()


@asynccontextmanager
async def serving(*script: CatalogError | float | None) -> AsyncIterator[tuple[Upstream, Any]]:
    upstream = Upstream(list(script))
    await upstream.begin()
    async with calling(upstream, upstream.port) as call:
        try:
            yield upstream, call
        finally:
            await upstream.server.stop()


async def test_a_safe_call_is_tried_three_times_with_growing_pauses() -> None:
    async with serving(Unavailable("one"), Unavailable("two"), None) as (upstream, call):
        assert (await call(is_safe=True)).path == "/"
    assert upstream.calls == 3
    assert upstream.pauses == [0.1, 0.2]
    assert upstream.retries == ["Redeem", "Redeem"]
    assert upstream.attempts == [("Redeem", "unavailable"), ("Redeem", "unavailable"), ("Redeem", "ok")]


async def test_after_three_tries_the_last_error_is_raised() -> None:
    async with serving(Unavailable("down")) as (upstream, call):
        with pytest.raises(Unavailable, match="down"):
            await call(is_safe=True)
    assert upstream.calls == TRIES


async def test_a_call_that_may_do_harm_is_sent_once() -> None:
    async with serving(Unavailable("lost"), None) as (upstream, call):
        with pytest.raises(Unavailable):
            await call(is_safe=False)
    assert upstream.calls == 1


async def test_a_call_that_may_do_harm_is_tried_again_while_there_is_no_connection() -> None:
    """A gateway that is being restarted: nothing was sent yet, so nothing can happen twice."""
    upstream = Upstream([None])
    await upstream.begin()
    port = upstream.port
    await upstream.server.stop()

    async def begin_then(seconds: float) -> None:
        upstream.pauses.append(seconds)
        if len(upstream.pauses) == 1:
            await upstream.begin(port)

    async with calling(upstream, port, begin_then) as call:
        assert (await call(is_safe=False)).path == "/"
    assert (upstream.calls, len(upstream.pauses)) == (1, 1)
    await upstream.server.stop()


@pytest.mark.parametrize("error", [Conflict("no"), Stale("no"), Exhausted("no", retry_after=1)])
async def test_a_refusal_is_an_answer_and_not_tried_again(error: CatalogError) -> None:
    async with serving(error) as (upstream, call):
        for _ in range(6):
            with pytest.raises(type(error)):
                await call(is_safe=True)
        assert upstream.calls == 6
        assert call.caller.breaker.state is BreakerState.CLOSED


async def test_a_call_ends_at_its_deadline() -> None:
    async with serving(30.0) as (upstream, call):
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable, match="in time"):
                await call(is_safe=True, deadline=0.1)
    assert upstream.calls == 1


async def test_failures_open_the_breaker_and_then_nothing_is_sent() -> None:
    async with serving(Unavailable("down")) as (upstream, call):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await call(is_safe=True)
        assert call.caller.breaker.state is BreakerState.OPEN
        sent = upstream.calls
        with pytest.raises(Unavailable):
            await call(is_safe=True)
        assert upstream.calls == sent == 5


async def test_an_answer_between_failures_keeps_the_breaker_closed() -> None:
    down = Unavailable("down")
    async with serving(*[down] * 4, None, *[down] * 4) as (_, call):
        for is_good in [False] * 4 + [True] + [False] * 4:
            if is_good:
                await call(is_safe=False)
            else:
                with pytest.raises(Unavailable):
                    await call(is_safe=False)
        assert call.caller.breaker.state is BreakerState.CLOSED


async def test_who_gives_up_while_probing_leaves_the_probe_to_others() -> None:
    async with serving(30.0) as (upstream, call):
        breaker = call.caller.breaker
        for _ in range(5):
            breaker.failed(breaker.admit())
        upstream.later = 1.0
        waiting = asyncio.create_task(call(is_safe=True))
        while upstream.calls == 0:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        assert breaker.state is BreakerState.OPEN
        assert upstream.attempts == [("Redeem", "abandoned")]


@given(calls=st.integers(0, 500), wishes=st.lists(st.booleans(), max_size=600))
def test_retries_are_never_more_than_a_tenth_of_the_calls_and_the_reserve(calls: int, wishes: list[bool]) -> None:
    budget, granted = Budget(), 0
    for _ in range(calls):
        budget.earn()
        granted += budget.spend()
    granted += sum(budget.spend() for wish in wishes if wish)
    assert granted <= 10 + calls * 0.1 + 1e-6


@given(tries=st.integers(1, 5), pause=st.floats(0, 2), left=st.floats(-1, 5))
def test_no_retry_goes_past_the_deadline_or_the_third_try(tries: int, pause: float, left: float) -> None:
    if may_retry(tries=tries, pause=pause, left=left, budget=Budget()):
        assert tries < TRIES
        assert pause < left


@given(tries=st.integers(1, 20), part=st.floats(0, 1))
def test_the_jitter_is_full_and_the_pause_bounded(tries: int, part: float) -> None:
    pause = pause_after(tries, jitter=lambda low, high: low + (high - low) * part)
    assert 0 <= pause <= min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))
    assert pause_after(tries, jitter=lambda low, high: low) == 0
