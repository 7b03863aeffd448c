"""Counts and times of calls, kept in plain lists so that a call pays next to nothing; read by /metrics."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Measure:
    """What one route answered, by status, and how long it took."""

    __slots__ = ("buckets", "route", "seconds", "statuses")

    def __init__(self, route: str) -> None:
        self.route = route
        self.statuses: Counter[int | str] = Counter()
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, status: int | str, seconds: float) -> None:
        self.statuses[status] += 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class MeasureCollector(Collector):
    """The measures as `<prefix>_requests_total` and `<prefix>_seconds`.

    Labels are routes, never paths: their number is bounded.
    """

    def __init__(self, prefix: str, measures: Iterable[Measure]) -> None:
        self._prefix = prefix
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            f"{self._prefix}_requests", "Requests answered, by route and status.", labels=("route", "status")
        )
        seconds = HistogramMetricFamily(
            f"{self._prefix}_seconds", "Time from the request's head to the answer's end.", labels=("route",)
        )
        for measure in list(self._measures):
            for status, count in measure.statuses.items():
                requests.add_metric((measure.route, str(status)), count)
            counts = accumulate(measure.buckets)
            bounds = [*map(str, BOUNDS), "+Inf"]
            seconds.add_metric((measure.route,), list(zip(bounds, counts, strict=True)), measure.seconds)
        yield requests
        yield seconds


class Measures(dict[str, Measure]):
    """Measures by route, made when a route is first called."""

    def __missing__(self, route: str) -> Measure:
        self[route] = Measure(route)
        return self[route]

    def add(self, route: str, status: int | str, seconds: float) -> None:
        self[route].add(status, seconds)
