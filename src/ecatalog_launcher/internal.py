"""The internal listener: is it alive, is it ready, and what it counts."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Network

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecatalog_client.internal import silent_to
from ecatalog_launcher.reconciler import Reconciler

# From the start, so that the first of each is an increase and not a new series.
_MOVES = ("starting", "running", "stopping", "stopped", "failed")


class Collected(Collector):
    """Reads the reconciler's counts at the moment of a scrape."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def collect(self) -> Iterator[Metric]:
        wanted = GaugeMetricFamily("ecatalog_launcher_launches", "Launches that are not over.", labels=["state"])
        for state, count in Counter(row.state for row in self._reconciler.rows.values()).items():
            wanted.add_metric([state], count)
        yield wanted
        moves = CounterMetricFamily("ecatalog_launcher_moves", "Moves reported, by new state.", labels=["state"])
        for moved in _MOVES:
            moves.add_metric([moved], self._reconciler.moves[moved])
        yield moves
        errors = CounterMetricFamily("ecatalog_launcher_driver_errors", "Failed calls of the driver.", labels=["call"])
        for call, count in self._reconciler.errors.items():
            errors.add_metric([call], count)
        yield errors
        rounds = CounterMetricFamily("ecatalog_launcher_rounds", "Looks at what is wanted and what the engine holds.")
        rounds.add_metric([], self._reconciler.rounds)
        yield rounds
        steps = GaugeMetricFamily("ecatalog_launcher_steps", "Steps under way towards what is wanted.")
        steps.add_metric([], self._reconciler.steps)
        yield steps
        may_act = "1 while this launcher knows what is wanted and holds the engine's lease."
        yield GaugeMetricFamily("ecatalog_launcher_ready", may_act, value=int(self._reconciler.is_ready))


class Internal:
    """`/livez` touches nothing; `/readyz` is 200 while the launcher may act; `/metrics` is Prometheus text."""

    def __init__(self, reconciler: Reconciler, *more: Collector, copies: IPv4Network | None = None) -> None:
        self._reconciler = reconciler
        self._copies = copies
        self._metrics = CollectorRegistry()
        for collector in (Collected(reconciler), *more):
            self._metrics.register(collector)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listens; OSError when the address is not free."""
        app = web.Application(middlewares=silent_to(self._copies))
        routes = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._tell_metrics}
        app.add_routes([web.get(path, answer) for path, answer in routes.items()])
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if self._reconciler.is_ready:
            return web.Response(text="ok\n")
        why = "another launcher has the engine" if self._reconciler.is_synced else "not synced with the gateway"
        return web.Response(status=503, text=f"{why}\n")

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics), headers={"Content-Type": "text/plain; version=0.0.4"})
