"""A gateway as edges and launchers know it: the real gRPC server on a free port, over a real database."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from ecatalog.accounts.actions import create_api_token
from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.kit.secrets import Secrets
from ecatalog.launches import rpc, serving
from ecatalog.launches.edges import EdgeHub
from ecatalog.launches.launchers import LauncherHub
from ecatalog.rpc.server import RpcServer
from ecatalog_client.types.serving import Begin, Change, Gone, Heartbeat, ServedLaunch, Synced, WantedChange
from tests.cast import SettableClock

COOKIE_KEY = bytes(range(32))
LEASE = timedelta(seconds=60)
EDGE_TOKEN, LAUNCHER_TOKEN = "token-of-the-edge", "token-of-the-launcher"

Update = TypeVar("Update")


class Stand:
    """May be stopped and started again, on the same port, as a gateway that is restarted."""

    def __init__(self, db: Database, clock: SettableClock) -> None:
        self.db = db
        self.clock = clock
        self.port = 0

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        await serving.ensure_identity(self.db)
        self.edges = EdgeHub(self.db, LEASE, clock=self.clock, boottime=lambda: self.clock().timestamp())
        self.launchers = LauncherHub(self.db, clock=self.clock)
        await self.edges.start()
        services = rpc.services(
            self.db,
            self.edges,
            self.launchers,
            cookie_key=COOKIE_KEY,
            catalog_url="http://localhost:8080",
            secrets=Secrets(""),
            clock=self.clock,
        )
        self.server = RpcServer(services, ServiceTokens(self.db, self.clock).authenticate)
        self.port = await self.server.start("127.0.0.1", self.port)
        self._epochs = asyncio.create_task(serving.begin_epochs_after_foreign_writes(self.db))

    async def stop(self) -> None:
        await self.server.stop()
        self._epochs.cancel()
        await asyncio.gather(self._epochs, return_exceptions=True)
        await self.edges.stop()
        await self.launchers.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()


@asynccontextmanager
async def standing(db: Database, clock: SettableClock) -> AsyncIterator[Stand]:
    """A started stand, with one token for edges and one for launchers."""
    await db.write(create_api_token, SYSTEM, "edge", ["edge"], EDGE_TOKEN)
    await db.write(create_api_token, SYSTEM, "launcher", ["launcher"], LAUNCHER_TOKEN)
    stand = Stand(db, clock)
    await stand.start()
    try:
        yield stand
    finally:
        await stand.stop()


Rows = dict[tuple[str, ...], Any]


class Follower:
    """Applies a watch as an edge or a launcher does: `rows` is what it knows, gathered aside during a snapshot."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.begins: list[Begin] = []
        self.position = 0
        self.heartbeat: Heartbeat | None = None
        self._gathered: Rows | None = None

    @property
    def place(self) -> tuple[str, int]:
        """The epoch and position to resume from; none within a snapshot."""
        if not self.begins or self._gathered is not None:
            return "", 0
        return self.begins[-1].epoch, self.position

    def apply(self, update: Any) -> None:
        match update:
            case Begin():
                self.begins.append(update)
                self._gathered = {} if update.is_snapshot else None
            case Change() | WantedChange():
                apply_change(self.rows if self._gathered is None else self._gathered, update)
                self.position = update.position or self.position
            case Synced():
                if self._gathered is not None:
                    self.rows, self._gathered = self._gathered, None
                self.position = update.position
            case Heartbeat():
                self.heartbeat = update


def apply_change(rows: Rows, change: Change | WantedChange) -> None:
    for gone in change.gone:
        rows.pop(_gone_key(gone), None)
    rows.update(rows_of(change))
    for key, row in list(rows.items()):
        if isinstance(row, ServedLaunch) and row.state in ("stopped", "failed"):
            del rows[key]  # A final one is told once, so that edges can say what became of it.


def rows_of(change: Change | WantedChange) -> Rows:
    """The rows of a change by kind and id."""
    if isinstance(change, WantedChange):
        return {("launch", row.id): row for row in change.launches}
    return {
        **{("launch", row.id): row for row in change.launches},
        **{("client", row.id): row for row in change.clients},
        **{("grant", row.client_id, row.demo_id): row for row in change.grants},
        **{("demo", row.id): row for row in change.demos},
        **{("session", row.id): row for row in change.sessions},
    }


def _gone_key(gone: Gone | str) -> tuple[str, ...]:
    if isinstance(gone, str):
        return "launch", gone
    return (gone.kind, gone.id, gone.demo_id) if gone.kind == "grant" else (gone.kind, gone.id)


async def until(updates: AsyncGenerator[Update, None], is_it: Callable[[Update], bool]) -> list[Update]:
    """Takes updates up to the first one that is it; all that came, that one included."""
    came = []
    async for update in updates:
        came.append(update)
        if is_it(update):
            return came
    raise AssertionError("the watch ended")


@asynccontextmanager
async def running(updates: AsyncGenerator[Any, None], apply: Callable[[Any], None]) -> AsyncIterator[None]:
    """Applies all updates in the background, as long as the block lasts."""

    async def consume() -> None:
        async with aclosing(updates):
            async for update in updates:
                apply(update)

    task = asyncio.create_task(consume())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
