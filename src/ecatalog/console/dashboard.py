"""What the dashboard shows of this moment, read at once: who is in which demo, and what waits for a decision."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from ecatalog.console import client_queries, dashboard_queries
from ecatalog.console.client_queries import LiveLine, Pulse
from ecatalog.console.dashboard_queries import Counts, Ending, Failing, RequestLine
from ecatalog.kit.db import Tx
from ecatalog_client.types.analytics import DayUsage

DAYS = 30
SOON = timedelta(days=7)
MOST = 6
_MOST_LIVE = 50
_JUST_USED = timedelta(minutes=2)


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """What needs somebody: requests, windows that end, clients who never came, demos that do not answer."""

    waiting: list[RequestLine]
    ending: list[Ending]
    never_seen: list[Ending]
    failing: list[Failing]

    @property
    def is_empty(self) -> bool:
        return not (self.waiting or self.ending or self.never_seen or self.failing)


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the page; `pulse` is what the stream of the page would say of it."""

    pulse: Pulse
    live: list[LiveLine]
    decisions: Decisions
    counts: Counts


def dashboard_of(tx: Tx, never_seen: Sequence[Ending]) -> Dashboard:
    """`never_seen` is what was remembered: who logged in since is left away."""
    return Dashboard(
        pulse=client_queries.find_pulse(tx),
        live=client_queries.list_live(tx, _MOST_LIVE),
        decisions=Decisions(
            waiting=dashboard_queries.list_waiting(tx, MOST),
            ending=dashboard_queries.list_ending(tx, tx.now + SOON, MOST),
            never_seen=[found for each in never_seen if (found := dashboard_queries.find_never_seen(tx, each.id))],
            failing=dashboard_queries.list_failing(tx, MOST),
        ),
        counts=dashboard_queries.count_all(tx),
    )


def every_day(used: list[DayUsage], first: date, days: int) -> list[DayUsage]:
    """The days in order, with zeros on those on which nothing was used."""
    known = {each.day: each for each in used}
    names = ((first + timedelta(days=number)).isoformat() for number in range(days))
    return [known.get(name) or DayUsage(day=name, opens=0, active_seconds=0) for name in names]


def is_in_use(line: LiveLine, now: datetime) -> bool:
    """Whether something was used in the copy just now; what tells no idle end is taken for used."""
    if line.state != "running":
        return False
    return line.idle_at is None or line.idle_at - timedelta(seconds=line.idle_seconds) > now - _JUST_USED
