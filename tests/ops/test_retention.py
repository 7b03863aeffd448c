"""Which backups are kept: laws of the rule, over all histories of backups."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecatalog.ops.retention import to_keep
from ecatalog.settings_backups import Keep

START = datetime(2024, 1, 1, tzinfo=UTC)
times = st.lists(
    st.integers(0, 800 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)), unique=True, max_size=120
)
keeps = st.builds(Keep, days=st.integers(1, 9), weeks=st.integers(0, 6), months=st.integers(0, 5))


def test_of_a_backup_each_night_seven_days_four_weeks_and_three_months_are_kept() -> None:
    nights = [datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=day) for day in range(100)]

    kept = [f"{at:%m-%d}" for at in sorted(to_keep(nights, Keep(7, 4, 3)))]

    assert kept == ["02-28", "03-22", "03-29", "03-31", "04-04", "04-05", "04-06", "04-07", "04-08", "04-09", "04-10"]


@given(times, keeps)
def test_the_newest_is_always_kept(good: list[datetime], keep: Keep) -> None:
    assert not good or max(good) in to_keep(good, keep)


@given(times, keeps)
def test_only_what_is_there_is_kept_and_not_more_than_the_rule_says(good: list[datetime], keep: Keep) -> None:
    kept = to_keep(good, keep)

    assert kept <= set(good)
    assert len(kept) <= sum(keep)


@given(times, keeps)
def test_the_newest_of_each_of_the_last_periods_is_kept(good: list[datetime], keep: Keep) -> None:
    kept = to_keep(good, keep)

    for most, period in zip(keep, ("%Y-%m-%d", "%G-%V", "%Y-%m"), strict=True):
        newest = {f"{at:{period}}": at for at in sorted(good)}
        assert {newest[name] for name in sorted(newest, reverse=True)[:most]} <= kept


@given(times, keeps)
def test_pruning_twice_is_pruning_once(good: list[datetime], keep: Keep) -> None:
    assert to_keep(to_keep(good, keep), keep) == to_keep(good, keep)


@given(times, keeps, st.integers(1, 40))
def test_pruning_every_night_keeps_what_pruning_once_would(good: list[datetime], keep: Keep, every: int) -> None:
    """What was let go of early is never missed later: else the months would never be reached."""
    stored: set[datetime] = set()
    for number, at in enumerate(sorted(good)):
        stored.add(at)
        if number % every == 0:
            stored = to_keep(stored, keep)

    assert to_keep(stored, keep) == to_keep(good, keep)
