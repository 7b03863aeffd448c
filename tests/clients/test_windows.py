"""Access windows: what dates and instants mean in every time zone, on every day of its clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecatalog.clients.model import end_in_words, in_words, later_end, start_of_day, window
from ecatalog.kit.errors import Invalid

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MOMENT = timedelta(milliseconds=1)
days = st.dates(date(1902, 1, 1), date(2060, 1, 1))
zones = st.sampled_from(ZONES)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_dates_mean_whole_days_in_utc() -> None:
    span = window("2026-03-01", "2026-03-31", "UTC")
    assert (span.starts_at, span.ends_at) == (utc("2026-03-01"), utc("2026-04-01"))


def test_dates_mean_days_of_the_clients_zone_also_when_its_clocks_change() -> None:
    span = window("2026-03-01", "2026-03-29", "Europe/Berlin")
    assert (span.starts_at, span.ends_at) == (utc("2026-02-28T23:00"), utc("2026-03-29T22:00"))


def test_one_day_may_have_23_or_25_hours() -> None:
    spring = window("2026-03-29", "2026-03-29", "Europe/Berlin")
    autumn = window("2026-10-25", "2026-10-25", "Europe/Berlin")
    assert spring.ends_at - spring.starts_at == timedelta(hours=23)
    assert autumn.ends_at - autumn.starts_at == timedelta(hours=25)


def test_a_day_without_midnight_starts_when_clocks_jump() -> None:
    assert window("2019-09-08", "2019-09-08", "America/Santiago").starts_at == utc("2019-09-08T04:00")
    assert window("2018-11-04", "2018-11-04", "America/Sao_Paulo").starts_at == utc("2018-11-04T03:00")


def test_midnight_that_comes_twice_is_the_first_one() -> None:
    span = window("2019-11-03", "2019-11-03", "America/Havana")
    assert span.starts_at == utc("2019-11-03T04:00")
    assert span.ends_at - span.starts_at == timedelta(hours=25)


def test_instants_are_taken_as_they_are_to_the_millisecond() -> None:
    span = window("2026-03-01T09:00:00+01:00", "2026-03-01t12:30:00.123987Z", "Asia/Tokyo")
    assert span.starts_at == utc("2026-03-01T08:00")
    assert span.ends_at == utc("2026-03-01T12:30") + timedelta(milliseconds=123)


def test_a_date_and_an_instant_go_together() -> None:
    span = window("2026-03-01", "2026-03-01T18:00:00Z", "Asia/Tokyo")
    assert span.starts_at == utc("2026-02-28T15:00")


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-02-30", "20260301", "2026-W09-1", "2026-03-01T10:00", "2026-03-01T10:00:00",
     "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01T10:00:00+25:00", "0001-01-01T00:00:00+01:00",
     "٢٠٢٦-٠٣-٠١", " 2026-03-01", "10000-01-01", "2026-13-01"],
)  # fmt: skip
def test_anything_else_is_refused_by_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        window(text, "2026-03-31", "UTC")
    assert refused.value.fields.keys() == {"access_start_date"}
    with pytest.raises(Invalid) as refused:
        window("2026-03-31", text, "UTC")
    assert refused.value.fields.keys() == {"access_end_date"}


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "europe/berlin", "UTC\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as refused:
        window("2026-03-01", "2026-03-31", zone)
    assert refused.value.fields.keys() == {"timezone"}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02", "2026-03-01"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00.0001Z", "2026-03-01T10:00:00.0009Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
    ],
)
def test_an_end_that_is_not_after_the_start_is_refused(start: str, end: str) -> None:
    with pytest.raises(Invalid) as refused:
        window(start, end, "UTC")
    assert refused.value.fields.keys() == {"access_end_date"}


def test_a_day_that_a_zone_skipped_is_no_window() -> None:
    with pytest.raises(Invalid):
        window("2011-12-30", "2011-12-30", "Pacific/Apia")
    span = window("2011-12-29", "2011-12-31", "Pacific/Apia")
    assert span.ends_at - span.starts_at == timedelta(hours=48)


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "9000-01-02", "9999-12-31"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_ends_of_the_calendar_are_refused_not_a_bug(text: str, zone: str) -> None:
    with pytest.raises(Invalid):
        window(text, text, zone)


def test_every_day_of_a_year_starts_at_its_first_instant_in_every_zone() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        for offset in range(366):
            day = date(2026, 1, 1) + timedelta(days=offset)
            start = start_of_day(day, zone)
            assert start.astimezone(zone).date() == day, name
            assert (start - MOMENT).astimezone(zone).date() == day - timedelta(days=1), name


@given(zones, days)
@example("Pacific/Apia", date(2011, 12, 30))
@example("Africa/Monrovia", date(1972, 1, 7))
@example("America/St_Johns", date(2006, 10, 29))
@example("America/Santiago", date(2026, 9, 6))
@example("Africa/Cairo", date(2026, 4, 24))
@example("Asia/Beirut", date(2026, 3, 29))
@example("Antarctica/Troll", date(2026, 3, 29))
def test_a_day_starts_at_its_first_instant(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    start = start_of_day(day, zone)
    assert start.utcoffset() == timedelta()
    assert start.astimezone(zone).date() >= day
    assert (start - MOMENT).astimezone(zone).date() < day


@given(zones, days)
def test_days_follow_each_other_without_gap_or_overlap(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    length = start_of_day(day + timedelta(days=1), zone) - start_of_day(day, zone)
    assert timedelta() <= length <= timedelta(hours=49)


@given(zones, days, st.integers(0, 400))
def test_a_window_of_dates_is_the_sum_of_its_days(name: str, first: date, more: int) -> None:
    last = first + timedelta(days=more)
    try:
        span = window(first.isoformat(), last.isoformat(), name)
    except Invalid:
        assert start_of_day(first, ZoneInfo(name)) == start_of_day(last + timedelta(days=1), ZoneInfo(name))
        return
    assert span.starts_at == start_of_day(first, ZoneInfo(name))
    assert span.ends_at == start_of_day(last + timedelta(days=1), ZoneInfo(name))


def test_days_are_added_to_the_end_that_was_typed() -> None:
    end = later_end("2026-03-27", utc("2026-03-27T23:00"), "Europe/Berlin", utc("2026-03-10T12:00"), 3)
    assert end == "2026-03-30"


def test_days_are_added_to_today_in_the_zone_when_the_window_is_over() -> None:
    now = utc("2026-03-10T23:30")
    assert later_end("2026-03-01", utc("2026-03-01T23:00"), "Europe/Berlin", now, 7) == "2026-03-18"
    assert later_end("2026-03-01T10:00:00Z", utc("2026-03-01T10:00"), "UTC", now, 7) == "2026-03-17"


def test_an_end_at_an_hour_keeps_its_hour_over_a_change_of_clocks() -> None:
    end = later_end("2026-03-28T17:00:00Z", utc("2026-03-28T17:00"), "Europe/Berlin", utc("2026-03-10T12:00"), 2)
    assert end == "2026-03-30T16:00:00.000Z"


def test_days_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(Invalid):
        later_end("9999-01-01", utc("9999-01-02"), "UTC", utc("2026-03-10"), 3660)


@given(zones, days, st.integers(1, 3660), st.integers(-2_000_000_000, 2_800_000_000))
def test_a_renewal_by_days_always_ends_later(name: str, last: date, more: int, second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    ends_at = start_of_day(last + timedelta(days=1), ZoneInfo(name))
    renewed = window("1901-01-01", later_end(last.isoformat(), ends_at, name, now, more), name).ends_at
    assert renewed >= max(now, ends_at) + timedelta(days=more - 2)
    assert renewed > now


def test_instants_are_told_in_the_zone_of_the_client() -> None:
    assert in_words(utc("2026-03-31T22:00"), "Europe/Berlin") == "1 April 2026, 00:00 (Europe/Berlin)"
    assert end_in_words(utc("2026-03-31T22:00"), "Europe/Berlin") == "31 March 2026, 23:59 (Europe/Berlin)"
    assert end_in_words(utc("2026-03-31T16:00"), "Europe/Berlin") == "31 March 2026, 18:00 (Europe/Berlin)"
