"""What the post tells Prometheus: tries and their times by channel, and how webhooks stand. No id is ever a label."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unavailable
from ecatalog.notices.webhook_queries import count_by_standing

if TYPE_CHECKING:
    from ecatalog.notices.post import Post

# Taken; refused, to be tried again; given up, after the last try or for good.
Result = Literal["sent", "refused", "dead"]
RESULTS: tuple[Result, ...] = ("sent", "refused", "dead")
WEBHOOKS = ("on", "off", "paused")
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Tally:
    """The tries of one channel: how they ended, and how long the other side took."""

    def __init__(self) -> None:
        self.results: Counter[Result] = Counter()
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, result: Result, seconds: float) -> None:
        self.results[result] += 1
        self.buckets[bisect_left(_BOUNDS, seconds)] += 1
        self.seconds += seconds


class PostCollector(Collector):
    """Reads the tallies of the couriers, and how many webhooks there are."""

    def __init__(self, db: Database, post: "Post") -> None:
        self._db = db
        self._post = post

    def collect(self) -> Iterator[Metric]:
        tries = CounterMetricFamily(
            "ecatalog_deliveries",
            "Tries to hand over a message, by channel and result: sent, refused (it is tried again), dead (given up).",
            labels=("channel", "result"),
        )
        seconds = HistogramMetricFamily(
            "ecatalog_delivery_seconds", "Time of a try, from its begin to the answer.", labels=("channel",)
        )
        bounds = [*map(str, _BOUNDS), "+Inf"]
        for name, tally in self._post.tallies():
            for result in RESULTS:
                tries.add_metric((name, result), tally.results[result])
            seconds.add_metric((name,), list(zip(bounds, accumulate(tally.buckets), strict=True)), tally.seconds)
        yield tries
        yield seconds
        yield from self._webhooks()

    def _webhooks(self) -> Iterator[Metric]:
        try:
            counts = self._db.read_now(count_by_standing)
        except Unavailable:
            return  # Before the start and after the stop; the scrape is answered all the same.
        webhooks = GaugeMetricFamily(
            "ecatalog_webhooks", "Webhooks: on, off, or paused because they kept failing.", labels=("state",)
        )
        for state in WEBHOOKS:
            webhooks.add_metric((state,), counts.get(state, 0))
        yield webhooks
