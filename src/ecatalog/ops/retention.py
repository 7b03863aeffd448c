"""Which backups are kept: the newest of each of the last days, weeks and months that have one. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime

from ecatalog.settings_backups import Keep


def to_keep(good: Iterable[datetime], keep: Keep) -> set[datetime]:
    """Of the times of good backups, those to keep: of so many days, weeks (ISO) and months (UTC) the newest in each.

    Days without a backup do not count, so that a catalog that stood still keeps what it has.
    """
    newest_first = sorted(good, reverse=True)
    kept: set[datetime] = set()
    periods: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (keep.days, datetime.date),
        (keep.weeks, lambda at: at.isocalendar()[:2]),
        (keep.months, lambda at: (at.year, at.month)),
    )
    for most, period_of in periods:
        first_of: dict[object, datetime] = {}
        for at in newest_first:
            first_of.setdefault(period_of(at), at)
        kept.update(list(first_of.values())[:most])
    return kept
