"""What the gateway tells Prometheus of itself. No id is ever a label: the number of series is bounded."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog.kit.db import Database
from ecatalog.ops import queries


class GatewayCollector(Collector):
    """Reads the database's own counts, the files' sizes and the states of launches and edges at the time of the scrape."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def collect(self) -> Iterator[Metric]:
        stats = self._db.stats
        yield _gauge("database_bytes", "Size of the database file.", _size(self._db.path))
        yield _gauge("wal_bytes", "Size of the write-ahead log.", _size(_wal_of(self._db.path)))
        yield _gauge("position", "The last visible position of the log of facts.", self._db.position)
        yield _counter("write_groups", "Groups of writes; each is one fsync.", stats.groups)
        yield _counter("writes", "Writes that were asked for.", stats.actions)
        yield _counter("write_replays", "Groups that were run again one by one.", stats.replays)
        yield _counter("slow_writes", "Writes that kept the others waiting for over 50 ms.", stats.slow)
        yield _counter("checkpoints", "Checkpoints of the write-ahead log.", stats.checkpoints)
        yield _counter("foreign_writes", "Changes by another program's connection.", self._db.foreign_writes)
        yield from self._states()

    def _states(self) -> Iterator[Metric]:
        counts = self._db.read_now(queries.count_states)
        launches = GaugeMetricFamily("ecatalog_launches", "Live launches, by state.", labels=["state"])
        for state in ("queued", "starting", "running", "stopping"):
            launches.add_metric([state], counts.get(state, 0))
        yield launches
        yield _gauge("edges", "Edges whose lease is alive.", counts.get("edges", 0))
        yield _gauge("pending_requests", "Requests that wait for a decision.", counts.get("requests", 0))


def _wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ecatalog_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ecatalog_{name}", text, value=value)
