"""How the calls to the gateway go, as metrics: tries by outcome, retries, and whether the breaker is open.

For services that bring prometheus-client, which the extra `metrics` of this package installs.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog_client.breaker import BreakerState
from ecatalog_client.calls import Hooks


class Calls(Collector):
    """Heard through `hooks`, told at a scrape under the names `<prefix>_calls_total` and so on."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._retries: Counter[str] = Counter()
        self._breakers: dict[str, str] = {}
        self._is_watching = False

    def hooks(self) -> Hooks:
        return Hooks(attempt=self._attempt, retry=self._retry, breaker=self._breaker, watch=self._watch)

    def collect(self) -> Iterator[Metric]:
        prefix = self._prefix
        tries = CounterMetricFamily(f"{prefix}_calls", "Tries of calls to the gateway.", labels=["method", "outcome"])
        for (method, outcome), count in self._attempts.items():
            tries.add_metric([method, outcome], count)
        retries = CounterMetricFamily(f"{prefix}_call_retries", "Calls that were tried again.", labels=["method"])
        for method, count in self._retries.items():
            retries.add_metric([method], count)
        breakers = GaugeMetricFamily(
            f"{prefix}_breaker",
            "1 for the state that the breaker is in, once it has moved.",
            labels=["upstream", "state"],
        )
        for upstream, is_in in self._breakers.items():
            for state in BreakerState:
                breakers.add_metric([upstream, state], int(state == is_in))
        connected = GaugeMetricFamily(
            f"{prefix}_watch_connected", "1 while the watch is connected.", value=int(self._is_watching)
        )
        yield from (tries, retries, breakers, connected)

    def _attempt(self, method: str, outcome: str, seconds: float) -> None:
        self._attempts[method, outcome] += 1

    def _retry(self, method: str) -> None:
        self._retries[method] += 1

    def _breaker(self, upstream: str, state: str) -> None:
        self._breakers[upstream] = str(state)

    def _watch(self, name: str, is_connected: bool) -> None:
        self._is_watching = is_connected
