"""How the calls to the gateway go, as metrics: tries by outcome, retries, and whether the breaker is open."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog_client.services import Hooks


class Calls(Collector):
    """Heard through the SDK's hooks, told at a scrape."""

    def __init__(self) -> None:
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._retries: Counter[str] = Counter()
        self._breakers: dict[str, str] = {}
        self._is_watching = False

    def hooks(self) -> Hooks:
        return Hooks(attempt=self._attempt, retry=self._retry, breaker=self._breaker, watch=self._watch)

    def collect(self) -> Iterator[Metric]:
        tries = CounterMetricFamily(
            "ecatalog_edge_calls", "Tries of calls to the gateway.", labels=["method", "outcome"]
        )
        for (method, outcome), count in self._attempts.items():
            tries.add_metric([method, outcome], count)
        retries = CounterMetricFamily("ecatalog_edge_call_retries", "Calls that were tried again.", labels=["method"])
        for method, count in self._retries.items():
            retries.add_metric([method], count)
        breakers = GaugeMetricFamily(
            "ecatalog_edge_breaker", "1 for the state that the breaker is in.", labels=["upstream", "state"]
        )
        for upstream, state in self._breakers.items():
            breakers.add_metric([upstream, state], 1)
        connected = GaugeMetricFamily(
            "ecatalog_edge_watch_connected", "1 while the watch is connected.", value=int(self._is_watching)
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
