"""What the gateway tells Prometheus of itself. No id is ever a label: the number of series is bounded."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import accumulate
from math import inf
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog.kit.clock import Clock, from_text, utc_now
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.inspect import wal_bytes
from ecatalog.kit.jobs import TROUBLES
from ecatalog.kit.times import BOUNDS
from ecatalog.ops import queries
from ecatalog.ops.health import wanted_bytes
from ecatalog.ops.last_backup import LastBackup, find_last_backup
from ecatalog.ops.ntp import is_kept_by_ntp
from ecatalog.ops.replication import seconds_behind
from ecatalog.ops.standing_queries import find_hold

LIVE_STATES = ("queued", "starting", "running", "stopping")


class GatewayCollector(Collector):
    """Reads the database's counts, the sizes of its files and the states of launches when it is asked.

    `data` is the data directory, in which is noted how the last backup went; `litestream` is where it
    replicates to, `is_journal_kept` whether revocations are written beside the backups.
    """

    def __init__(
        self,
        db: Database,
        data: Path,
        clock: Clock = utc_now,
        *,
        litestream: str = "",
        is_journal_kept: Callable[[], bool] = lambda: True,
    ) -> None:
        self._db = db
        self._data = data
        self._litestream = litestream
        self._is_journal_kept = is_journal_kept
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        try:
            counts = self._db.read_now(queries.count_states)
        except Unavailable:
            # Before the start and after the stop there is nothing to tell, and the scrape is answered all the same.
            return
        yield from self._files()
        yield from self._writes()
        yield self._times()
        yield from self._upkeep()
        yield from self._clocks()
        yield from self._safety()
        yield _launches(counts)
        yield from self._queue()
        yield _gauge("edges", "Edges whose lease is alive.", counts["edges"])
        yield _gauge("launchers", "Launchers whose lease is alive.", counts["launchers"])
        yield _gauge("sessions", "Sessions that have not expired.", counts["sessions"])
        waiting = counts.get("messages_pending", 0) + counts.get("messages_leased", 0)
        yield _gauge("messages_waiting", "Messages that are not sent yet.", waiting)
        yield _gauge(
            "messages_dead", "Messages that could not be sent, until they are replayed.", counts.get("messages_dead", 0)
        )
        yield _gauge("pending_requests", "Requests that wait for a decision.", counts["requests"])

    def _files(self) -> Iterator[Metric]:
        path = self._db.path
        disk = os.statvfs(path.parent)
        size = _size(path)
        yield _gauge("database_bytes", "Size of the database file.", size)
        yield _gauge("wal_bytes", "Size of the write-ahead log.", wal_bytes(path))
        yield _gauge("disk_bytes", "Size of the disk that the database is on.", disk.f_blocks * disk.f_frsize)
        yield _gauge("disk_free_bytes", "What is free on it for this account.", disk.f_bavail * disk.f_frsize)
        yield _gauge("disk_wanted_bytes", "What should be free, for a copy of the database.", wanted_bytes(size))

    def _writes(self) -> Iterator[Metric]:
        stats = self._db.stats
        yield _gauge("position", "The last visible position of the log of facts.", self._db.position)
        yield _counter("write_groups", "Groups of writes that were begun; one fsync each.", stats.groups)
        yield _counter("write_commits", "Commits; each is one fsync.", stats.commits)
        yield _counter("writes", "Writes that were run.", stats.actions)
        yield _counter("write_replays", "Groups that were run again one by one.", stats.replays)
        yield _counter("slow_writes", "Writes that kept the others waiting for over 50 ms.", stats.slow)
        yield _counter("checkpoints", "Checkpoints of the write-ahead log.", stats.checkpoints)
        yield _counter("busy_errors", "Writes refused because another program held the database locked.", stats.busy)
        troubles = CounterMetricFamily(
            "ecatalog_connection_errors",
            "Reads, writes and checkpoints that failed for the database's files or its disk, by what was wrong.",
            labels=["kind"],
        )
        for kind in TROUBLES:
            troubles.add_metric([kind], stats.troubles[kind] + self._db.troubles[kind])
        yield troubles
        yield _counter("foreign_writes", "Changes by another program's connection.", self._db.foreign_writes)

    def _times(self) -> Metric:
        text = "Time of queries and actions by their names in the source; of long reads with their wait for a thread."
        family = HistogramMetricFamily("ecatalog_query_seconds", text, labels=("query", "kind"))
        bounds = [*map(str, BOUNDS), "+Inf"]
        for kind, times in (("read", self._db.times), ("write", self._db.stats.times)):
            for name, counts, seconds in times.told():
                family.add_metric((name, kind), list(zip(bounds, accumulate(counts), strict=True)), seconds)
        return family

    def _upkeep(self) -> Iterator[Metric]:
        marks = self._db.read_now(queries.list_marks)
        optimized, checked = (_instant(marks.get(name)) for name in ("optimized_at", "checked_at"))
        problems = float(marks.get("check_problems", 0))
        yield _gauge(
            "optimize_age_seconds", "Since the planner's statistics were made, each day.", self._age(optimized)
        )
        yield _gauge("check_age_seconds", "Since every page was looked at, each week.", self._age(checked))
        yield _gauge("check_problems", "What was found then; not 0 means a damaged database.", problems)

    def _clocks(self) -> Iterator[Metric]:
        text = "What time it is here, since 1970; compare it with the time of the scrape."
        yield _gauge("clock_seconds", text, self._clock().timestamp())
        is_kept, kept = is_kept_by_ntp(), "1 when the kernel says that its clock is corrected, 0 when not, else -1."
        yield _gauge("clock_synchronised", kept, -1 if is_kept is None else int(is_kept))

    def _age(self, since: datetime | None) -> float:
        return (self._clock() - since).total_seconds() if since else inf

    def _safety(self) -> Iterator[Metric]:
        """How the last backup went, and how old the last good one is; without any, its age is told as infinite."""
        last = find_last_backup(self._data)
        age = self._age(last.good_at if last else None)
        is_good = last is not None and not last.error
        tested = "1 when the last try ended with a backup that was opened again and compared, 0 when it failed."
        hold = self._db.read_now(find_hold)
        yield _gauge("backup_age_seconds", "Age of the last good backup.", age)
        yield _gauge("backup_succeeded", tested, float(is_good))
        yield _gauge("backup_bytes", "Size of the last good backup.", last.bytes if last else 0)
        yield _gauge("backup_previous_bytes", "Size of the one before.", last.previous_bytes if last else 0)
        behind = seconds_behind(self._db.path, self._litestream)
        yield _gauge(
            "litestream_behind_seconds", "How far Litestream is behind the last change, if it replicates.", behind
        )
        kept = "0 while the journal of revocations cannot be written."
        yield _gauge("journal_kept", kept, float(self._is_journal_kept()))
        yield from self._tests(last)
        yield _gauge("access_on_hold", "1 while clients' access is on hold after a restore.", float(hold is not None))

    def _tests(self, last: LastBackup | None) -> Iterator[Metric]:
        """A backup is opened again before it counts; `ecatalog backup verify` does the same with a stored one."""
        tested_at = last.tested_at if last else None
        is_good = last is not None and tested_at is not None and not last.test_error
        yield _gauge("restore_test_age_seconds", "Since a backup was opened and compared.", self._age(tested_at))
        yield _gauge("restore_test_succeeded", "1 when it was as its manifest tells, 0 when not.", float(is_good))

    def _queue(self) -> Iterator[Metric]:
        phases = GaugeMetricFamily("ecatalog_launch_phases", "Live launches, by phase.", labels=["phase"])
        for phase, number in sorted(self._db.read_now(queries.count_phases).items()):
            phases.add_metric([phase], number)
        yield phases
        since = self._db.read_now(queries.waiting_since)
        waits = (self._clock() - from_text(since)).total_seconds() if since else 0.0
        waiting = self._db.read_now(queries.count_waiting)
        yield _gauge("launch_queue", "Launches that wait for their place.", waiting)
        yield _gauge("launch_queue_seconds", "How long the first of them has waited.", max(waits, 0.0))


def _launches(counts: dict[str, int]) -> Metric:
    launches = GaugeMetricFamily("ecatalog_launches", "Live launches, by state.", labels=["state"])
    for state in LIVE_STATES:
        launches.add_metric([state], counts.get(state, 0))
    return launches


def _instant(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ecatalog_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ecatalog_{name}", text, value=value)
