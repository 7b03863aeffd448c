"""The internal listener: is it alive, is it ready, and what it counts. Never reachable for visitors."""

from ipaddress import IPv4Network

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from ecatalog_client.internal import silent_to
from ecatalog_edge.edge import Edge


class Internal:
    """`/livez` touches nothing; `/readyz` is 200 while the edge may serve; `/metrics` is Prometheus text."""

    def __init__(self, edge: Edge, *more: Collector, copies: IPv4Network | None = None) -> None:
        self._edge = edge
        self._copies = copies
        self._metrics = CollectorRegistry()
        for collector in (edge.collected(), *more):
            self._metrics.register(collector)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listens; OSError when the address is not free."""
        app = web.Application(middlewares=silent_to(self._copies))
        app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._tell_metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    @property
    def port(self) -> int:
        assert self._runner is not None, "the listener has not been started"
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if self._edge.is_ready:
            return web.Response(text="ok\n")
        why = "the lease has ended" if self._edge.guard.is_synced else "not synced with the gateway"
        return web.Response(status=503, text=f"{why}\n")

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics), headers={"Content-Type": "text/plain; version=0.0.4"})
