"""Which backups are kept: laws of the rule, over all histories of backups."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecatalog.ops.retention import DAYS, MONTHS, WEEKS, to_keep

START = datetime(2024, 1, 1, tzinfo=UTC)
times = st.lists(
    st.integers(0, 800 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)), unique=True, max_size=120
)


def test_of_a_backup_each_night_seven_days_four_weeks_and_three_months_are_kept() -> None:
    nights = [datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=day) for day in range(100)]

    kept = [f"{at:%m-%d}" for at in sorted(to_keep(nights))]

    assert kept == ["02-28", "03-22", "03-29", "03-31", "04-04", "04-05", "04-06", "04-07", "04-08", "04-09", "04-10"]


@given(times)
def test_the_newest_is_always_kept(good: list[datetime]) -> None:
    assert not good or max(good) in to_keep(good)


@given(times)
def test_only_what_is_there_is_kept_and_not_more_than_the_rule_says(good: list[datetime]) -> None:
    kept = to_keep(good)

    assert kept <= set(good)
    assert len(kept) <= DAYS + WEEKS + MONTHS


@given(times)
def test_the_newest_of_each_of_the_last_periods_is_kept(good: list[datetime]) -> None:
    kept = to_keep(good)

    for most, period in ((DAYS, "%Y-%m-%d"), (WEEKS, "%G-%V"), (MONTHS, "%Y-%m")):
        newest = {f"{at:{period}}": at for at in sorted(good)}
        assert {newest[name] for name in sorted(newest)[-most:]} <= kept


@given(times)
def test_pruning_twice_is_pruning_once(good: list[datetime]) -> None:
    assert to_keep(to_keep(good)) == to_keep(good)


@given(times, st.integers(1, 40))
def test_pruning_every_night_keeps_what_pruning_once_would(good: list[datetime], every: int) -> None:
    """What was let go of early is never missed later: else the three months would never be reached."""
    stored: set[datetime] = set()
    for number, at in enumerate(sorted(good)):
        stored.add(at)
        if number % every == 0:
            stored = to_keep(stored)

    assert to_keep(stored) == to_keep(good)
