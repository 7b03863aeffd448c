"""The circuit breaker, against a model of what was promised: 5 in a row, half of 20, one probe, fast refusals."""

import asyncio
from time import perf_counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ecatalog_client.breaker import Breaker, BreakerState
from ecatalog_client.calls import Caller
from ecatalog_client.channel import open_channel
from ecatalog_client.errors import Unavailable
from ecatalog_client.stub_calls import StubCaller


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, **more: Any) -> Breaker:
    return Breaker("gateway", clock=clock, **more)


def fail(tested: Breaker, times: int) -> None:
    for _ in range(times):
        tested.failed(tested.admit())


def test_it_opens_after_five_failures_in_a_row_and_refuses_with_the_time_to_wait() -> None:
    clock = Clock()
    tested = breaker(clock, rest=2.0)
    fail(tested, 4)
    tested.admit()
    fail(tested, 1)
    clock.now += 0.5
    with pytest.raises(Unavailable) as refused:
        tested.admit()
    assert refused.value.retry_after == 1.5


def test_a_success_begins_the_count_anew() -> None:
    tested = breaker(Clock())
    for _ in range(3):
        fail(tested, 4)
        for _ in range(20):
            tested.succeeded(tested.admit())
    assert tested.state is BreakerState.CLOSED


def test_it_opens_when_half_of_the_last_twenty_failed() -> None:
    tested = breaker(Clock())
    for _ in range(10):
        tested.succeeded(tested.admit())
        assert tested.state is BreakerState.CLOSED
        fail(tested, 1)
    assert tested.state is BreakerState.OPEN


def test_one_probe_goes_through_and_decides() -> None:
    clock = Clock()
    heard: list[str] = []
    tested = breaker(clock, on_change=lambda upstream, state: heard.append(state))
    fail(tested, 5)
    clock.now += 1
    probe = tested.admit()
    with pytest.raises(Unavailable):
        tested.admit()
    tested.failed(probe)
    clock.now += 1
    tested.succeeded(tested.admit())
    assert heard == ["open", "half_open", "open", "half_open", "closed"]
    fail(tested, 4)
    assert tested.state is BreakerState.CLOSED, "what was before counts no more"


def test_an_abandoned_probe_makes_room_for_another() -> None:
    clock = Clock()
    tested = breaker(clock)
    fail(tested, 5)
    clock.now += 1
    tested.abandoned(tested.admit())
    tested.succeeded(tested.admit())
    assert tested.state is BreakerState.CLOSED


def test_a_slow_call_from_before_does_not_pass_for_the_probe() -> None:
    clock = Clock()
    tested = breaker(clock)
    slow = tested.admit()
    fail(tested, 5)
    clock.now += 1
    tested.admit()
    tested.succeeded(slow)
    assert tested.state is BreakerState.HALF_OPEN


async def test_an_open_breaker_answers_within_five_milliseconds() -> None:
    """The promise N1. The best of several calls: the machine may be busy with something else."""
    channel = open_channel("127.0.0.1:9", "token")
    caller = StubCaller(channel, Caller())
    fail(caller.breaker, 5)

    async def never(request: Any, /, *, timeout: float, metadata: Any) -> Any:
        raise AssertionError("nothing is sent")

    async def refused() -> float:
        started = perf_counter()
        with pytest.raises(Unavailable):
            await caller.call("Redeem", never, None, deadline=5, is_safe=True)
        return perf_counter() - started

    assert min([await refused() for _ in range(5)]) < 0.005
    await channel.aclose()
    await asyncio.sleep(0)


class BreakerLaws(RuleBasedStateMachine):
    """Any order of calls, outcomes and time; the model is the list of outcomes since it last closed."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.tested = breaker(self.clock)
        self.outcomes: list[bool] = []
        self.under_way: list[int] = []
        self.stale: list[int] = []
        self.probe: int | None = None
        self.opened_at = 0.0
        self.is_open = False

    @initialize()
    def begin(self) -> None:
        assert self.tested.state is BreakerState.CLOSED

    @precondition(lambda self: not self.is_open)
    @rule()
    def call(self) -> None:
        self.under_way.append(self.tested.admit())

    @precondition(lambda self: not self.is_open and self.under_way)
    @rule(is_good=st.booleans())
    def finish(self, is_good: bool) -> None:
        ticket = self.under_way.pop(0)
        (self.tested.succeeded if is_good else self.tested.failed)(ticket)
        self.outcomes.append(is_good)
        last = self.outcomes[-20:]
        is_half = len(last) == 20 and last.count(False) >= 10
        if not is_good and ((not any(self.outcomes[-5:]) and len(self.outcomes) >= 5) or is_half):
            self.open()

    @precondition(lambda self: self.stale)
    @rule(is_good=st.booleans())
    def finish_late(self, is_good: bool) -> None:
        before = self.tested.state
        (self.tested.succeeded if is_good else self.tested.failed)(self.stale.pop(0))
        assert self.tested.state is before

    @precondition(lambda self: self.is_open and self.probe is None)
    @rule()
    def try_while_open(self) -> None:
        if self.clock.now - self.opened_at >= 1.0:
            self.probe = self.tested.admit()
        else:
            with pytest.raises(Unavailable):
                self.tested.admit()

    @precondition(lambda self: self.probe is not None)
    @rule()
    def try_beside_the_probe(self) -> None:
        with pytest.raises(Unavailable):
            self.tested.admit()

    @precondition(lambda self: self.probe is not None)
    @rule(is_good=st.booleans())
    def finish_probe(self, is_good: bool) -> None:
        assert self.probe is not None
        (self.tested.succeeded if is_good else self.tested.failed)(self.probe)
        self.probe = None
        if is_good:
            self.is_open, self.outcomes = False, [True]
        else:
            self.open()

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def open(self) -> None:
        self.is_open, self.opened_at = True, self.clock.now
        self.stale += self.under_way
        self.under_way = []

    @invariant()
    def it_is_in_the_state_of_the_model(self) -> None:
        state = BreakerState.CLOSED
        if self.is_open:
            state = BreakerState.OPEN if self.probe is None else BreakerState.HALF_OPEN
        assert self.tested.state is state


TestBreakerLaws = BreakerLaws.TestCase
