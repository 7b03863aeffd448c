"""What the edge counts, as plain integers on the hot path, told as metrics when somebody asks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog_edge.state import Why

KINDS = ("request", "stream", "websocket")
CUT_BUCKETS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


class Stats:
    """The counters.

    Cuts are kept by reason and kind; latency is how long closing took, per launch and session.
    """

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.bytes_in = 0
        self.bytes_out = 0
        self.upstream_errors: Counter[str] = Counter()
        self.refused_shapes = 0
        self.denials: Counter[Why] = Counter()
        self.cuts: Counter[tuple[Why, str]] = Counter()
        self.cut_seconds = 0.0
        self.cut_buckets: Counter[float] = Counter()
        self.cut_count = 0
        self.heartbeats = 0
        self.streams_lost = 0
        self.unreported = 0

    def cut(self, why: Why, counts: Counter[str], seconds: float) -> None:
        for kind, count in counts.items():
            self.cuts[why, kind] += count
        self.cut_seconds += seconds
        self.cut_count += 1
        for bucket in CUT_BUCKETS:
            if seconds <= bucket:
                self.cut_buckets[bucket] += 1


class Collected(Collector):
    """Turns the counters into metric families at the moment of a scrape."""

    def __init__(
        self,
        stats: Stats,
        *,
        live: Callable[[], Counter[str]],
        past_end: Callable[[], int],
        lease_left: Callable[[], float],
        is_synced: Callable[[], bool],
        position: Callable[[], int],
    ) -> None:
        self._stats = stats
        self._live = live
        self._past_end = past_end
        self._lease_left = lease_left
        self._is_synced = is_synced
        self._position = position

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._counters()
        yield self._latency()

    def _gauges(self) -> Iterator[Metric]:
        counts = self._live()
        live = GaugeMetricFamily("ecatalog_edge_live_connections", "Live connections by kind.", labels=["kind"])
        for kind in KINDS:
            live.add_metric([kind], counts[kind])
        yield live
        for name, text, value in (
            (
                "live_connections_past_end",
                "Live although access has ended; not 0 is a fault.",
                self._past_end(),
            ),
            (
                "lease_seconds",
                "What is left of the lease on which this edge serves.",
                max(0.0, self._lease_left()),
            ),
            ("synced", "1 when the edge knows what it may serve.", int(self._is_synced())),
            ("position", "The position of the catalog that is applied.", self._position()),
        ):
            yield GaugeMetricFamily(f"ecatalog_edge_{name}", text, value=value)

    def _counters(self) -> Iterator[Metric]:
        stats = self._stats
        statuses = [((str(status),), count) for status, count in stats.requests.items()]
        yield _counter("requests", "Requests by status.", ["status"], statuses)
        ways = [(("in",), stats.bytes_in), (("out",), stats.bytes_out)]
        yield _counter("bytes", "Bytes of visitors, both ways.", ["direction"], ways)
        errors = [((kind,), count) for kind, count in stats.upstream_errors.items()]
        yield _counter("upstream_errors", "Demos that did not answer as they should.", ["kind"], errors)
        denials = [((str(why),), count) for why, count in stats.denials.items()]
        yield _counter("denials", "Requests that were not served, by reason.", ["why"], denials)
        cuts = [((str(why), kind), count) for (why, kind), count in stats.cuts.items()]
        yield _counter("cut_connections", "Live connections that were cut.", ["why", "kind"], cuts)
        for name, text, value in (
            ("refused_shapes", "Requests refused for their shape.", stats.refused_shapes),
            ("heartbeats", "Heartbeats of the gateway.", stats.heartbeats),
            ("watch_losses", "How often the watch broke.", stats.streams_lost),
            ("use_reports_failed", "Reports of use that the gateway did not take; told again.", stats.unreported),
        ):
            yield _counter(name, text, [], [((), value)])

    def _latency(self) -> Metric:
        stats = self._stats
        buckets = [(str(bucket), stats.cut_buckets[bucket]) for bucket in CUT_BUCKETS]
        buckets.append(("+Inf", stats.cut_count))
        return HistogramMetricFamily(
            "ecatalog_edge_cut_seconds",
            "How long closing everything of one visitor took.",
            buckets=buckets,
            sum_value=stats.cut_seconds,
        )


def _counter(name: str, text: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    family = CounterMetricFamily(f"ecatalog_edge_{name}", text, labels=labels)
    for label_values, value in values:
        family.add_metric(list(label_values), value)
    return family
