"""Neighbours that change the catalog without a pause while its gateway is killed, and note what was acknowledged.

A call that fails may have been done or not; what was answered as done must be there. Nothing may be done twice.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from ecatalog_client import AsyncCatalog
from ecatalog_client.errors import CatalogError, Conflict, Unavailable
from ecatalog_client.types.clients import Client

BASE = date(2031, 1, 1)
DEADLINE = 8.0
LONGEST_PAUSE = 0.6
AT_ONCE = 12
# The gateway is away, or answers that it does not know what became of a change.
PASSING = (Unavailable.code, CatalogError.code)


@dataclass
class Books:
    """What was asked for, and what was acknowledged."""

    renewed: list[tuple[str, str]] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)


async def new_client(catalog: AsyncCatalog, name: str) -> Client:
    return await catalog.clients.create(
        name=name, email=f"{name}@soak.example", company="Soak", access_start_date="2026-01-01",
        access_end_date="2030-12-31", deadline=DEADLINE,
    )  # fmt: skip


class Caller:
    """One neighbour. `seed` chooses its pauses."""

    def __init__(self, catalog: AsyncCatalog, books: Books, seed: int) -> None:
        self.catalog = catalog
        self.books = books
        self.chance = random.Random(seed)
        self.number = 0

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self.number += 1
            await self.attempt(self.once)
            await asyncio.sleep(self.chance.uniform(0, LONGEST_PAUSE))

    async def attempt(self, once: Callable[[], Awaitable[None]]) -> None:
        """Whatever passes is waited out; a refusal is a fault of the proof or of the catalog, and raised."""
        name = type(self).__name__
        try:
            await once()
            self.books.outcomes[f"{name} done"] += 1
        except CatalogError as error:
            if error.code not in PASSING:
                raise
            self.books.outcomes[f"{name} {error.code}"] += 1
            await asyncio.sleep(0.1)

    async def once(self) -> None:
        raise NotImplementedError


class Renewer(Caller):
    """Moves the ends of some windows on by a day, all at once and again, so that their mails come together."""

    def __init__(self, catalog: AsyncCatalog, books: Books, seed: int) -> None:
        super().__init__(catalog, books, seed)
        self._clients: list[str] = []

    async def once(self) -> None:
        if len(self._clients) < AT_ONCE:
            self._clients.append((await new_client(self.catalog, f"renewed-{self.chance.getrandbits(64):x}")).id)
            return
        end = (BASE + timedelta(days=self.number)).isoformat()
        found = await asyncio.gather(*(self._renew(each, end) for each in self._clients), return_exceptions=True)
        for each in found:
            if each is not None:
                raise each

    async def _renew(self, client_id: str, end: str) -> None:
        await self.catalog.clients.renew(client_id, access_end_date=end, deadline=DEADLINE)
        self.books.renewed.append((client_id, end))


class Revoker(Caller):
    """Makes a client and revokes it."""

    async def once(self) -> None:
        name = f"revoked-{self.number}"
        client = await new_client(self.catalog, name)
        self.books.created[client.email] = client.id
        await self.catalog.clients.revoke(client.id, reason=f"over {self.number}", deadline=DEADLINE)
        self.books.revoked.append(client.id)


class Opener(Caller):
    """Opens a demo and stops its copy, now and then only when it runs."""

    demo_id = ""

    async def once(self) -> None:
        launch = await self.catalog.demos.open(self.demo_id, deadline=DEADLINE)
        self.books.opened.append(launch.id)
        await asyncio.sleep(self.chance.uniform(0, 2))
        await self.catalog.launches.delete(launch.id, deadline=DEADLINE)
        self.books.stopped.append(launch.id)


class Asker(Caller):
    """A client asks for more time, and an administrator decides."""

    admin: AsyncCatalog

    async def once(self) -> None:
        message, end = f"ask {self.number}", (BASE + timedelta(days=self.number)).isoformat()
        try:
            request = await self.catalog.requests.create(
                request_type="renewal", message=message, requested_end_date=end, deadline=DEADLINE
            )
        except Conflict:
            await self._clear()
            return
        self.books.asked[request.id] = message
        if self.number % 2:
            await self.admin.requests.approve(request.id, deadline=DEADLINE)
            self.books.decided[request.id] = "approved"
        else:
            await self.admin.requests.reject(request.id, deadline=DEADLINE)
            self.books.decided[request.id] = "rejected"

    async def _clear(self) -> None:
        """One whose answer was lost waits still, and another may not be made meanwhile."""
        async for request in self.catalog.requests.list(status="pending"):
            await self.catalog.requests.cancel(request.id, deadline=DEADLINE)


async def call(callers: Sequence[Caller], over: asyncio.Event) -> None:
    """Until it is over; the first fault ends all."""
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.run(over))
