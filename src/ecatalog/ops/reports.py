"""Reports of a database file, beside a running catalog or without one: what went wrong, and what was used."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from ecatalog.analytics.actions import usage_summary
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.connections import open_reader
from ecatalog.kit.db import Tx
from ecatalog.kit.readers import run_query
from ecatalog.kit.tx import Session
from ecatalog.ops import queries
from ecatalog.ops.report_queries import list_failed_launches
from ecatalog_client.types.analytics import UsageSummary
from ecatalog_client.types.audit import AuditFact

T = TypeVar("T")

# The facts that tell of something that went wrong, and in which of its details it is said.
FAILURES: Mapping[str, str] = {
    "access.held": "reason",
    "backup.failed": "error",
    "database.checked": "problems",
    "database.edited": "tables",
    "demo.suspended": "reason",
    "message.dead": "error",
    "webhook.paused": "webhook",
}
_MOST = 1000


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong, so many times (1,000 at most), last at, and what was said then."""

    kind: str
    times: int
    last: datetime
    said: str


def troubles(tx: Tx, since: datetime) -> list[Trouble]:
    """What went wrong since then, the newest first."""
    found = [each for kind, detail in FAILURES.items() for each in _of_kind(tx, kind, detail, since)]
    found += [
        Trouble(kind="launch failed", times=each.times, last=each.last, said=each.reason)
        for each in list_failed_launches(tx, since)
    ]
    return sorted(found, key=lambda each: each.last, reverse=True)


def _of_kind(tx: Tx, kind: str, detail: str, since: datetime) -> Iterable[Trouble]:
    facts = queries.list_facts(tx, {"kind": kind, "since": since}, limit=_MOST)
    # A look at every page each week is a fact too when all was well.
    bad = [fact for fact in facts if kind != "database.checked" or fact.details.get("problems")]
    if bad:
        yield Trouble(kind=kind, times=len(bad), last=bad[0].at, said=_said(bad[0], detail))


def _said(fact: AuditFact, detail: str) -> str:
    found = fact.details.get(detail, "")
    return " ".join(map(str, found)) if isinstance(found, list) else str(found)


def usage(tx: Tx, since: datetime) -> UsageSummary:
    """What all clients used from that day to this one."""
    return usage_summary(tx, SYSTEM, since=since.date().isoformat(), until=tx.now.date().isoformat())


def reported(path: Path, now: datetime, days: int, report: Callable[[Tx, datetime], T]) -> T:
    """The report of so many days until now. Raises apsw.Error, RuntimeError when the file cannot be read."""
    with closing(open_reader(path, 5000)) as connection:
        return run_query(Session(connection), now, lambda tx: report(tx, now - timedelta(days=days)))
