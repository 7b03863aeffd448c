"""The clock of the edge never goes back and errs early, whatever heartbeats and clocks do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecatalog_edge.clock import BELIEVE_AFTER, DRIFT, Clock
from ecatalog_edge.lease import Lease

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
seconds = st.floats(min_value=0, max_value=1000, allow_nan=False)
jumps = st.floats(min_value=-100_000, max_value=100_000, allow_nan=False)


class Hands:
    """Both clocks, set by the test."""

    def __init__(self) -> None:
        self.boot = 1000.0
        self.wall = START.timestamp()

    def clock(self) -> Clock:
        return Clock(boot=lambda: self.boot, wall=lambda: self.wall)


def at(offset: float) -> datetime:
    return START + timedelta(seconds=offset)


steps = st.one_of(
    st.tuples(st.just("go on"), seconds),
    st.tuples(st.just("set the wall clock"), jumps),
    st.tuples(st.just("hear"), jumps),
)


@given(st.lists(steps, max_size=40))
def test_now_never_goes_back(course: list[tuple[str, float]]) -> None:
    hands = Hands()
    clock = hands.clock()
    before = clock.now()
    for what, value in course:
        match what:
            case "go on":
                hands.boot += value
                hands.wall += value
            case "set the wall clock":
                hands.wall += value
            case _:
                clock.heard(at(value), hands.boot)
        now = clock.now()
        assert now >= before
        before = now


@given(st.lists(steps, max_size=40), jumps)
def test_an_instant_that_has_passed_has_passed_for_ever(course: list[tuple[str, float]], offset: float) -> None:
    hands = Hands()
    clock = hands.clock()
    had_passed = False
    for what, value in course:
        if what == "go on":
            hands.boot += value
        elif what == "hear":
            clock.heard(at(value), hands.boot)
        else:
            hands.wall += value
        passed = clock.passed(at(offset))
        assert passed or not had_passed
        had_passed = passed


@given(st.lists(st.tuples(seconds, st.floats(min_value=0, max_value=3, allow_nan=False)), min_size=1, max_size=40))
def test_the_gateways_time_is_followed_within_the_smallest_delay_seen_lately(
    beats: list[tuple[float, float]],
) -> None:
    """The true time of the gateway is known here: the mapping is late by at most the last delay."""
    hands = Hands()
    hands.wall = 0.0
    clock = hands.clock()
    true = 0.0
    for wait, delay in beats:
        hands.boot += wait + delay
        true += wait + delay
        clock.heard(at(true - delay), hands.boot)
        now = clock.now()
        assert at(true - delay) - timedelta(milliseconds=1) <= now <= at(true) + timedelta(milliseconds=1)


def test_a_late_heartbeat_does_not_set_the_clock_back() -> None:
    hands = Hands()
    hands.wall = 0.0
    clock = hands.clock()
    clock.heard(at(0), hands.boot)
    hands.boot += 10
    clock.heard(at(2), hands.boot)
    assert abs(clock.now() - at(10)) <= timedelta(seconds=10 * DRIFT)


def test_the_end_counts_from_the_wall_clock_before_any_heartbeat() -> None:
    hands = Hands()
    clock = hands.clock()
    assert not clock.passed(at(1))
    hands.wall += 1
    assert clock.passed(at(1))


def test_a_gateway_set_back_is_believed_for_leases_after_a_while_and_revives_nothing() -> None:
    hands = Hands()
    hands.wall = 0.0
    clock = hands.clock()
    lease = Lease(clock)
    clock.heard(at(7200), hands.boot)
    lease.renew(at(7200), at(7260), hands.boot)
    assert lease.is_live
    assert clock.passed(at(7200))
    for second in range(int(BELIEVE_AFTER) + 2):
        hands.boot += 1
        clock.heard(at(second), hands.boot)
        lease.renew(at(second), at(second + 60), hands.boot)
    assert clock.steps_back == 1
    assert lease.is_live
    assert clock.passed(at(7200))


def test_heartbeats_that_were_all_stuck_are_not_believed() -> None:
    hands = Hands()
    clock = hands.clock()
    lease = Lease(clock)
    clock.heard(at(0), hands.boot)
    lease.renew(at(0), at(60), hands.boot)
    hands.boot += 3600
    for second in range(1, 90):
        clock.heard(at(second), hands.boot)
        lease.renew(at(second), at(second + 60), hands.boot)
        assert not lease.is_live


def test_a_wall_clock_that_is_wrong_by_hours_does_not_end_the_lease() -> None:
    hands = Hands()
    hands.wall += 7200
    clock = hands.clock()
    lease = Lease(clock)
    clock.heard(at(0), hands.boot)
    lease.renew(at(0), at(60), hands.boot)
    assert lease.is_live
    hands.boot += 59.9
    assert lease.is_live
    hands.boot += 0.2
    assert not lease.is_live


@given(seconds, seconds, st.floats(min_value=0, max_value=60, allow_nan=False))
def test_a_lease_never_outlives_what_the_gateway_granted(waited: float, stuck: float, length: float) -> None:
    """Whatever a heartbeat's delay: once a prompt one was heard, the lease ends by the gateway's own clock."""
    hands = Hands()
    clock = hands.clock()
    lease = Lease(clock)
    clock.heard(at(0), hands.boot)
    hands.boot += waited + stuck
    clock.heard(at(waited), hands.boot)
    lease.renew(at(waited), at(waited + length), hands.boot)
    true_left = length - stuck
    assert lease.left <= true_left + DRIFT * (waited + stuck) + 0.001


async def test_no_lease_is_no_lease() -> None:
    lease = Lease(Hands().clock())
    assert not lease.is_live
    assert lease.left == float("-inf")
