"""Believable use of demos, pure: people come on working days, mostly in the morning and after lunch."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec

# How likely a visit begins in each hour of the day, by the visitor's clock.
_HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 8, 14, 15, 12, 5, 9, 14, 12, 8, 4, 2, 1, 1, 1, 0, 0)
_WEEKEND = 0.12
_FAILURES = 0.04
_REPORTED_EVERY = 300


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One event, as `usage_analytics` has it."""

    at: datetime
    event: str
    demo_id: str | None = None
    launch_id: str | None = None
    seconds: int = 0


def believable_use(
    random: Random,
    demo_ids: Sequence[str],
    *,
    first: date,
    until: datetime,
    timezone: str,
    visits_a_day: float,
    launch_ids: Iterator[str],
) -> Iterator[Use]:
    """What one client did from the first day until that instant, in order of visits."""
    zone = ZoneInfo(timezone)
    last = until.astimezone(zone).date()
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        # Interest wanes: the last days of a long trial see about half the visits of the first.
        expected = visits_a_day * (_WEEKEND if day.weekday() >= 5 else 1.0) / (1 + offset / 60)
        for _ in range(_visits(random, expected)):
            begin = _moment(random, day, zone)
            for use in _visit(random, demo_ids, begin, launch_ids):
                if use.at < until:
                    yield use


def _visits(random: Random, expected: float) -> int:
    """A whole number of visits whose mean is what is expected."""
    whole = int(expected)
    return sum(random.random() < 0.8 for _ in range(whole)) + (random.random() < expected - 0.8 * whole)


def _moment(random: Random, day: date, zone: ZoneInfo) -> datetime:
    hour = random.choices(range(24), weights=_HOURS)[0]
    local = datetime.combine(day, time(hour, random.randrange(60), random.randrange(60)), zone)
    return local.astimezone(UTC)


def _visit(random: Random, demo_ids: Sequence[str], begin: datetime, launch_ids: Iterator[str]) -> Iterator[Use]:
    yield Use(at=begin, event="login")
    at = begin + timedelta(seconds=random.randint(8, 90))
    for demo_id in random.sample(demo_ids, k=min(len(demo_ids), random.choice((1, 1, 1, 2, 2, 3)))):
        for use in _stay(random, demo_id, next(launch_ids), at):
            at = use.at
            yield use
        at += timedelta(seconds=random.randint(20, 200))
    if random.random() < 0.6:
        yield Use(at=at, event="logout")


def _stay(random: Random, demo_id: str, launch_id: str, at: datetime) -> Iterator[Use]:
    def use(event: str, seconds: int = 0) -> Use:
        return Use(at=at, event=event, demo_id=demo_id, launch_id=launch_id, seconds=seconds)

    yield use("demo_opened")
    at += timedelta(milliseconds=random.randint(900, 6000))
    if random.random() < _FAILURES:
        yield use("demo_failed")
        return
    yield use("demo_ready")
    left = min(5400, int(random.lognormvariate(6.2, 0.8)))
    while left > 0:
        span = min(left, _REPORTED_EVERY)
        left -= span
        at += timedelta(seconds=span)
        yield use("active", seconds=int(span * random.uniform(0.55, 0.95)))
    yield use("demo_closed")
