"""What the gateway tells Prometheus of itself. No id is ever a label: the number of series is bounded."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unavailable
from ecatalog.ops import queries

LIVE_STATES = ("queued", "starting", "running", "stopping")


class GatewayCollector(Collector):
    """Reads the database's counts, the sizes of its files and the states of launches when it is asked."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def collect(self) -> Iterator[Metric]:
        try:
            counts = self._db.read_now(queries.count_states)
        except Unavailable:
            # Before the start and after the stop there is nothing to tell, and the scrape is answered all the same.
            return
        yield from self._files()
        yield from self._writes()
        yield _launches(counts)
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
        yield _counter("foreign_writes", "Changes by another program's connection.", self._db.foreign_writes)


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
