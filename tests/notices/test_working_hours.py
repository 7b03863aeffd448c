"""When people are told that access ends: in working hours and before the end, in every zone, over every change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecatalog.clients.model import window
from ecatalog.notices.channels import GAPS
from ecatalog.notices.model import due_before, is_due, is_working_hour, last_monday, next_try

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)
INSTANTS = st.integers(946_684_800, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
# The end of a day that clocks skip or pass twice, and one at a date line.
LISBON, SANTIAGO, APIA = ZoneInfo("Europe/Lisbon"), ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Apia")


@given(INSTANTS, ZONES, st.sampled_from([1, 7]))
@example(datetime(2026, 3, 29, 1, tzinfo=UTC), LISBON, 1)
@example(datetime(2026, 10, 25, 1, tzinfo=UTC), LISBON, 1)
@example(datetime(2026, 9, 6, 4, tzinfo=UTC), SANTIAGO, 1)
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), APIA, 1)
def test_it_is_due_in_working_hours_and_so_many_days_ahead(ends_at: datetime, zone: ZoneInfo, days: int) -> None:
    due = due_before(ends_at, days, zone)
    gap = ends_at - due

    assert is_working_hour(due, zone)
    assert due.astimezone(zone).hour == 9
    # A day of the calendar may have 23 or 25 hours (24 were left out at Apia); a weekend and a night may lie before.
    assert timedelta(days=days, hours=-25) <= gap <= timedelta(days=days + 3, hours=25)
    assert is_due(due, ends_at, days, zone)


@given(INSTANTS, ZONES, INSTANTS)
def test_nobody_is_told_outside_working_hours_or_after_the_end(
    ends_at: datetime, zone: ZoneInfo, now: datetime
) -> None:
    if is_due(now, ends_at, 1, zone):
        local = now.astimezone(zone)
        assert local.weekday() < 5
        assert 9 <= local.hour < 17
        assert now < ends_at


@given(INSTANTS, ZONES)
def test_a_digest_is_of_the_last_monday(now: datetime, zone: ZoneInfo) -> None:
    monday = last_monday(now, zone)

    assert monday.astimezone(zone).weekday() == 0
    assert monday.astimezone(zone).hour == 9
    assert timedelta() <= now - monday <= timedelta(days=8, hours=1)


@pytest.mark.parametrize(
    ("end", "days", "due"),
    [
        ("2026-03-31", 1, "2026-03-30T09:00"),  # The last day is a Tuesday.
        ("2026-03-30", 1, "2026-03-27T09:00"),  # A Monday: told on Friday.
        ("2026-03-31", 7, "2026-03-24T09:00"),
        ("2026-04-05", 7, "2026-03-27T09:00"),  # A Sunday: seven days before is one too.
        ("2026-03-31T18:00:00+02:00", 1, "2026-03-30T09:00"),
        ("2026-03-31T08:00:00+02:00", 1, "2026-03-27T09:00"),  # A day before its hour nobody is at work yet.
    ],
)
def test_days_as_people_count_them(end: str, days: int, due: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    ends_at = window("2026-03-01", end, "Europe/Berlin").ends_at

    assert due_before(ends_at, days, zone).astimezone(zone).strftime("%Y-%m-%dT%H:%M") == due


@given(st.integers(1, 4), st.floats(0, 1))
def test_gaps_grow_whatever_the_chance(attempts: int, chance: float) -> None:
    gap = next_try(attempts, GAPS, chance)

    assert gap is not None
    assert timedelta() < gap
    assert attempts == 1 or gap > (next_try(attempts - 1, GAPS, 1) or gap)


def test_after_the_fifth_try_there_is_none() -> None:
    assert next_try(5, GAPS, 0.5) is None
