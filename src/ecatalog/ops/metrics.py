"""What the gateway tells Prometheus of itself. No id is ever a label: the number of series is bounded."""

from collections.abc import Iterator
from itertools import accumulate
from math import inf
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog.kit.clock import Clock, from_text, utc_now
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.times import BOUNDS
from ecatalog.ops import queries
from ecatalog.ops.last_backup import find_last_backup
from ecatalog.ops.standing_queries import find_hold

LIVE_STATES = ("queued", "starting", "running", "stopping")


class GatewayCollector(Collector):
    """Reads the database's counts, the sizes of its files and the states of launches when it is asked.

    `data` is the data directory, in which is noted how the last backup went.
    """

    def __init__(self, db: Database, data: Path, clock: Clock = utc_now) -> None:
        self._db = db
        self._data = data
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
        yield _gauge("database_bytes", "Size of the database file.", _size(path))
        yield _gauge("wal_bytes", "Size of the write-ahead log.", _size(path.with_name(path.name + "-wal")))

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
        yield _counter("foreign_writes", "Changes by another program's connection.", self._db.foreign_writes)

    def _times(self) -> Metric:
        text = "Time of queries and actions by their names in the source; of long reads with their wait for a thread."
        family = HistogramMetricFamily("ecatalog_query_seconds", text, labels=("query", "kind"))
        bounds = [*map(str, BOUNDS), "+Inf"]
        for kind, times in (("read", self._db.times), ("write", self._db.stats.times)):
            for name, counts, seconds in times.told():
                family.add_metric((name, kind), list(zip(bounds, accumulate(counts), strict=True)), seconds)
        return family

    def _safety(self) -> Iterator[Metric]:
        """How the last backup went, and how old the last good one is; without any, its age is told as infinite."""
        last = find_last_backup(self._data)
        good_at = last.good_at if last else None
        age = (self._clock() - good_at).total_seconds() if good_at else inf
        # Whoever makes a backup opens it again before it counts: the restore test is a part of it.
        is_good = last is not None and not last.error
        tested = "1 when the last try ended with a backup that was opened again and compared, 0 when it failed."
        hold = self._db.read_now(find_hold)
        yield _gauge("backup_age_seconds", "Age of the last good backup.", age)
        yield _gauge("backup_succeeded", tested, float(is_good))
        yield _gauge("backup_bytes", "Size of the last good backup.", last.bytes if last else 0)
        yield _gauge("backup_previous_bytes", "Size of the one before.", last.previous_bytes if last else 0)
        yield _gauge("access_on_hold", "1 while clients' access is on hold after a restore.", float(hold is not None))

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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ecatalog_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ecatalog_{name}", text, value=value)
