"""When messages are due, pure: gaps between tries, and the working hours of whoever is told."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENING, CLOSING = time(9), time(17)
_DAY = timedelta(days=1)
_JITTER = 0.2


def next_try(attempts: int, gaps: Sequence[timedelta], chance: float) -> timedelta | None:
    """The time until the next try after `attempts` of them, None after the last.

    `chance` (0 to 1) moves it by a fifth at most, so that what failed together is not tried together.
    """
    if attempts > len(gaps):
        return None
    return gaps[attempts - 1] * (1 - _JITTER + 2 * _JITTER * chance)


def is_working_hour(at: datetime, zone: ZoneInfo) -> bool:
    """Whether people of that zone are at work: Monday to Friday, from nine to five."""
    local = at.astimezone(zone)
    return local.weekday() < 5 and OPENING <= local.time() < CLOSING


def due_before(ends_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """When somebody is told that access ends in so many days: at nine, local time, on the last working day that begins
    at least so many days of the calendar before the end.

    An end at midnight belongs to the day before: whose last day is a Tuesday is told on Monday at nine, a day before.
    """
    local = ends_at.astimezone(zone).replace(tzinfo=None) - days * _DAY
    day = local.date() if local.time() >= OPENING else local.date() - _DAY
    while day.weekday() >= 5:
        day -= _DAY
    return opening_of(day, zone)


def opening_of(day: date, zone: ZoneInfo) -> datetime:
    """Nine o'clock of that day, in UTC."""
    return datetime.combine(day, OPENING, zone).astimezone(UTC)


def is_due(now: datetime, ends_at: datetime, days: int, zone: ZoneInfo) -> bool:
    """Whether now is a moment to tell it: due, before the end, and in working hours."""
    return due_before(ends_at, days, zone) <= now < ends_at and is_working_hour(now, zone)


def last_monday(now: datetime, zone: ZoneInfo) -> datetime:
    """Nine o'clock on the last Monday that has had one, in UTC."""
    today = now.astimezone(zone).date()
    monday = opening_of(today - today.weekday() * _DAY, zone)
    return monday if monday <= now else opening_of(today - (today.weekday() + 7) * _DAY, zone)
