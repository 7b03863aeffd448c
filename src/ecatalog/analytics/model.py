"""Spans of days and tables of usage, pure."""

from collections.abc import Sequence
from datetime import date

import msgspec

from ecatalog.kit.errors import Invalid
from ecatalog_client.types.analytics import ClientUsage, DayUsage, DemoUsage, UsageSummary

Table = tuple[Sequence[str], list[Sequence[object]]]


class Span(msgspec.Struct, frozen=True):
    """UTC days, both included, as the daily sums are keyed; open ends are the first and the last of all days."""

    first: str
    last: str


def span_of(since: str, until: str) -> Span:
    """The span between two days; empty texts leave it open. Raises Invalid."""
    for field, text in (("since", since), ("until", until)):
        if text and not _is_day(text):
            raise Invalid(f"{text!r} is not a day: write 2026-03-31.", fields={field: "not a day"})
    if since and until and until < since:
        raise Invalid("The span ends before it begins.", fields={"until": "before since"})
    return Span(since or "0000-00-00", until or "9999-99-99")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def table_of_client(usage: ClientUsage) -> Table:
    """One row per demo."""
    header = ("demo_id", "demo_name", "opens", "active_seconds", "failures", "first_use", "last_use")
    return header, [tuple(getattr(row, name) for name in header) for row in usage.by_demo]


def table_of_demo(usage: DemoUsage) -> Table:
    """One row per client."""
    header = ("client_id", "client_name", "company", "opens", "active_seconds", "first_use", "last_use")
    return header, [tuple(getattr(row, name) for name in header) for row in usage.by_client]


def table_of_summary(summary: UsageSummary) -> Table:
    """One row per day."""
    return table_of_days(summary.by_day)


def table_of_days(days: Sequence[DayUsage]) -> Table:
    header = ("day", "opens", "active_seconds")
    return header, [tuple(getattr(row, name) for name in header) for row in days]
