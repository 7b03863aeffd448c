"""Access windows, pure: what was typed, in a time zone, becomes the instants that decide."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from ecatalog.kit.clock import to_text
from ecatalog.kit.errors import Invalid

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MOMENT = timedelta(milliseconds=1)


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time, `[starts_at, ends_at)`, in UTC."""

    starts_at: datetime
    ends_at: datetime


@cache
def _zone_names() -> frozenset[str]:
    # These two depend on the machine, or stand for no place at all.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def zone_for(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises Invalid.

    The list is asked first: ZoneInfo would try paths too.
    """
    if name not in _zone_names():
        raise Invalid(
            f"There is no time zone {name!r}: use a name such as Europe/Berlin or UTC.",
            fields={"timezone": "not an IANA time zone"},
        )
    return ZoneInfo(name)


def window(start_text: str, end_text: str, timezone: str) -> Window:
    """The window between two dates or RFC 3339 instants.

    A start date means the start of that day in the time zone, an end date the end of that day, which is the
    start of the next one. An instant is taken as it is, to the millisecond. Raises Invalid, naming the
    field.
    """
    zone = zone_for(timezone)
    starts_at = _instant("access_start_date", start_text, zone, days_later=0)
    ends_at = _instant("access_end_date", end_text, zone, days_later=1)
    if starts_at >= ends_at:
        raise Invalid(
            "Access ends before it begins: choose a later end.",
            fields={"access_end_date": "not after the start"},
        )
    return Window(starts_at, ends_at)


def instant_for(field: str, text: str, timezone: str) -> datetime:
    """The instant that was typed: an RFC 3339 one, or the start of a day in the time zone. Raises Invalid."""
    return _instant(field, text, zone_for(timezone), days_later=0)


def _instant(field: str, text: str, zone: ZoneInfo, *, days_later: int) -> datetime:
    try:
        instant = _read(text, zone, days_later)
    except (ValueError, OverflowError):
        instant = None  # A well-formed text that is no day of the calendar, or beyond the years 1 to 9999.
    # What is kept must still be an instant in every time zone, hence bounds of our own.
    if instant is not None and _FIRST <= instant < _LAST:
        return instant
    raise Invalid(
        f"{text!r} is not a day or an instant: write 2026-03-31 or 2026-03-31T18:00:00Z.",
        fields={field: "not a date or an RFC 3339 instant"},
    )


def _read(text: str, zone: ZoneInfo, days_later: int) -> datetime | None:
    if _DATE.fullmatch(text):
        return start_of_day(date.fromisoformat(text) + days_later * _DAY, zone)
    if _INSTANT.fullmatch(text):
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    return None


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which clocks of the zone show this day or a later one.

    Where clocks skip midnight (Santiago goes from 23:59 to 01:00) that is the instant of the jump; a day
    that was skipped whole (Apia, 30 December 2011) starts where the next one does. Raises OverflowError near
    year 1 and 9999.
    """
    midnight = datetime.combine(day, time(), zone)
    # PEP 495: in a gap, fold 0 reads midnight by the offset before the jump and fold 1 by the one after it,
    # so the jump itself lies between the two. Where midnight comes twice, fold 0 is the first.
    after = midnight.astimezone(UTC)
    before = midnight.replace(fold=1).astimezone(UTC)
    if before >= after:
        return after
    while after - before > timedelta(seconds=1):  # Every jump falls on a whole second.
        between = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if between.astimezone(zone).date() < day:
            before = between
        else:
            after = between
    return after


def later_end(end_text: str, ends_at: datetime, timezone: str, now: datetime, days: int) -> str:
    """The end that lies so many days, counted in the time zone, after the later of now and the present end.

    An end that was typed as an instant and still lies ahead keeps its hour of the day; every other new end
    is a date. Raises Invalid beyond the year 9999.
    """
    zone = zone_for(timezone)
    try:
        if now >= ends_at:
            return (now.astimezone(zone).date() + days * _DAY).isoformat()
        if _DATE.fullmatch(end_text):
            return (date.fromisoformat(end_text) + days * _DAY).isoformat()
        local = ends_at.astimezone(zone).replace(tzinfo=None) + days * _DAY
        return to_text(local.replace(tzinfo=zone))
    except OverflowError:
        raise Invalid("The new end is too far away.", fields={"days": "beyond the year 9999"}) from None


def in_words(instant: datetime, timezone: str) -> str:
    """The instant as people of that zone say it: `1 April 2026, 00:00 (Europe/Berlin)`."""
    local = instant.astimezone(zone_for(timezone))
    return f"{local.day} {local:%B %Y, %H:%M} ({timezone})"


def end_in_words(ends_at: datetime, timezone: str) -> str:
    """The end of a window as people say it: midnight belongs to the day that is over."""
    local = ends_at.astimezone(zone_for(timezone))
    if local.time() == time():
        local -= _MOMENT
    return f"{local.day} {local:%B %Y, %H:%M} ({timezone})"
