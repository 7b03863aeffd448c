"""The edge put together: what `app.py` runs and what tests run, with the gateway and the clock as arguments."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from ecatalog_edge.clock import Clock
from ecatalog_edge.cookies import cookie_name
from ecatalog_edge.deadlines import Deadlines
from ecatalog_edge.follower import Feed, Follower
from ecatalog_edge.guard import Guard
from ecatalog_edge.hosts import DemoHosts
from ecatalog_edge.journal import Journal
from ecatalog_edge.lease import Lease
from ecatalog_edge.limits import Limits
from ecatalog_edge.metering import Meter, Reporting
from ecatalog_edge.proxies import Proxies
from ecatalog_edge.registry import Registry
from ecatalog_edge.site import Redeeming, Site
from ecatalog_edge.stats import Collected, Stats
from ecatalog_edge.tunnel import GRACE
from ecatalog_edge.upstream import Pool
from ecatalog_edge.visitor import Visitor

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 1.5
REPORT_TIMEOUT = 1.0
BACKLOG = 2048


class Gateway(Feed, Redeeming, Reporting, Protocol):
    """All that the edge needs of the catalog: the watch, acknowledgements, redeeming a code, and telling use."""


class Edge:
    """Serves from `start` to `stop`. `edge_id` names it towards the gateway; with `tls` it speaks https by itself.

    `may_be_local`: demos that run elsewhere may be on this machine.
    """

    def __init__(
        self,
        gateway: Gateway,
        edge_id: str,
        demos_url: str,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        may_be_local: bool = False,
        proxies: Proxies | None = None,
    ) -> None:
        self._tls = tls
        clock = clock or Clock()
        self.stats = Stats()
        self.lease = Lease(clock)
        self.registry = Registry()
        self.guard = Guard(clock, self.lease, self.registry, self.stats)
        self.deadlines = Deadlines(
            clock,
            self.lease,
            on_passed=self._fatal(self.guard.on_passed),
            on_silence=self._fatal(self.guard.on_silence),
        )
        self.guard.on_instant = self.deadlines.watch
        self.follower = Follower(gateway, edge_id, self.guard, self.deadlines, self.stats)
        hosts = DemoHosts(demos_url)
        self.meter = Meter(gateway, clock.now, self.stats)
        self.site = Site(
            hosts,
            self.guard,
            Pool(may_be_local=may_be_local),
            self.stats,
            gateway,
            cookie_name(is_secure=hosts.is_secure),
            journal or Journal(),
            self.meter,
            limits or Limits(),
            proxies or Proxies(),
        )
        self.failed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._following: asyncio.Task[None] | None = None
        self._metering: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What it listens on, once started."""
        assert self._server is not None, "the edge has not been started"
        return tuple(self._server.sockets)

    @property
    def is_ready(self) -> bool:
        return self.guard.is_synced and self.lease.is_live

    async def start(self, host: str, port: int) -> None:
        """Listens, and follows the gateway. OSError when the address is not free."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Visitor(self.site), host, port, backlog=BACKLOG, ssl=self._tls)
        for listening in self.sockets:
            # Sockets inherit it: a visitor whose network is gone is noticed, also on an idle WebSocket.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.deadlines.start()
        self._following = loop.create_task(self.follower.run())
        self._following.add_done_callback(self._watch_ended)
        self._metering = loop.create_task(self.meter.run())
        self._sweep = loop.call_later(SWEEP_SECONDS, self._sweep_up)

    async def stop(self) -> None:
        """Takes nobody new, lets short answers end, then ends everything; within DRAIN_SECONDS and a little."""
        if self._server is not None:
            self._server.close()
        for visitor in list(self.site.visitors):
            visitor.stop()
        await self._drain()
        has_tunnels = self.registry.counts()["websocket"] > 0
        self.guard.close_all()
        if has_tunnels:
            await asyncio.sleep(GRACE + 0.05)
        await self._end_tasks()
        self.deadlines.stop()
        if self._sweep is not None:
            self._sweep.cancel()
        self.site.pool.close()
        self.site.journal.flush()
        await self._close_sockets()

    async def _end_tasks(self) -> None:
        """The last of use is told while there is a gateway to tell it."""
        tasks = [task for task in (self._following, self._metering) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            with suppress(TimeoutError):
                async with asyncio.timeout(REPORT_TIMEOUT):
                    await self.meter.report()

    def collected(self) -> Collected:
        """The metrics of this edge."""
        return Collected(
            self.stats,
            live=self.registry.counts,
            past_end=self.guard.count_past_end,
            lease_left=lambda: self.lease.left,
            is_synced=lambda: self.guard.is_synced,
            position=lambda: self.guard.state.position,
        )

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._fail(task.exception())

    def _fatal(self, cutting: Callable[[], None]) -> Callable[[], None]:
        """An edge that cannot cut must not go on: its owner ends the process, and with it every connection."""

        def guarded() -> None:
            try:
                cutting()
            except Exception as error:
                self._fail(error)

        return guarded

    def _fail(self, error: BaseException | None) -> None:
        log.critical("edge.failed", exc_info=error)
        self.failed.set()

    async def _drain(self) -> None:
        """Waits for plain requests only: streams and WebSockets do not end by themselves."""
        ends = asyncio.get_running_loop().time() + DRAIN_SECONDS
        # A poll, at the end of a process, is cheaper than an event on the path of every request.
        while self.registry.counts()["request"] and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _close_sockets(self) -> None:
        """A moment for the last frames and pages to leave."""
        ends = asyncio.get_running_loop().time() + 0.5
        while self.site.visitors and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for visitor in list(self.site.visitors):
            visitor.transport.abort()
        await asyncio.sleep(0)

    def _sweep_up(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._sweep = loop.call_later(SWEEP_SECONDS, self._sweep_up)
        self.site.pool.sweep(now)
        for visitor in list(self.site.visitors):
            visitor.expire(now)
