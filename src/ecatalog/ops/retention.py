"""Which backups are kept: the newest of each of the last days, weeks and months that have one. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime

DAYS, WEEKS, MONTHS = 7, 4, 3


def to_keep(good: Iterable[datetime]) -> set[datetime]:
    """Of the times of good backups, those to keep: for 7 days, 4 weeks (ISO) and 3 months (UTC) the newest in each.

    Days without a backup do not count, so that a catalog that stood still keeps what it has.
    """
    newest_first = sorted(good, reverse=True)
    kept: set[datetime] = set()
    periods: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (DAYS, datetime.date),
        (WEEKS, lambda at: at.isocalendar()[:2]),
        (MONTHS, lambda at: (at.year, at.month)),
    )
    for most, period_of in periods:
        first_of: dict[object, datetime] = {}
        for at in newest_first:
            first_of.setdefault(period_of(at), at)
        kept.update(list(first_of.values())[:most])
    return kept
