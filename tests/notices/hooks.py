"""The stand of the tests on webhooks: somebody's server on loopback, and the outbox with the channel."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import new_id
from ecatalog.kit.secrets import Secrets
from ecatalog.notices import webhook_keeping, webhook_queries
from ecatalog.notices.post import Post
from ecatalog.notices.webhook_model import secret_of
from ecatalog.notices.webhook_planning import WebhookPlanner
from ecatalog.notices.webhooks import Webhooks, purpose_of
from ecatalog_client.types.messages import Message
from tests.cast import SettableClock

LOOPBACK = (ip_network("127.0.0.1/32"),)


@dataclass(frozen=True)
class Got:
    """What the server was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        """The number that the fact was told with."""
        found: int = self.json["data"]["details"]["number"]
        return found

    def is_signed_by(self, secret: str) -> bool:
        """Verified as a receiver would, by the words of the specification and none of our code."""
        kind, _, encoded = secret.partition("_")
        assert kind == "whsec"
        signed = b".".join((self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body))
        expected = base64.b64encode(hmac.new(base64.b64decode(encoded), signed, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """Somebody's server: it answers as it was told, one answer per message, and 204 when nothing was said."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, deque[int | bytes | Answer]] = field(default_factory=dict)
    grew: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def will_answer(self, *answers: int | bytes | Answer, path: str = "/hook") -> None:
        self.answers.setdefault(path, deque()).extend(answers)

    def at(self, path: str) -> list[Got]:
        return [got for got in self.got if got.path == path]

    async def until(self, count: int, path: str = "/hook") -> list[Got]:
        """What came to this path, once it is so much."""
        async with asyncio.timeout(20):
            while len(self.at(path)) < count:
                self.grew.clear()
                await self.grew.wait()
        return self.at(path)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection: it is served until either side ends it."""
        task = asyncio.create_task(self.serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        path = head[0].split(" ")[1]
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append(Got(path, headers, body))
        self.grew.set()
        waiting = self.answers.get(path)
        answer = waiting.popleft() if waiting else 204
        if isinstance(answer, int):
            answer = f"HTTP/1.1 {answer} Said\r\nContent-Length: 0\r\n\r\n".encode()
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)


@asynccontextmanager
async def receiving(
    *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.serving:
            task.cancel()
        await asyncio.gather(*receiver.serving, return_exceptions=True)


class Stand:
    """The outbox with webhooks alone. Facts are told with a number; time passes when a test says so."""

    def __init__(self, db: Database, clock: SettableClock, folder: Path, **how: Any) -> None:
        self.db = db
        self.clock = clock
        self.secrets = Secrets("e" * 43)
        self.channel = Webhooks(db, self.secrets, clock, **({"networks": LOOPBACK} | how))
        self.post = Post(db, clock, folder, [self.channel], [WebhookPlanner(db)])
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.post.start()
        self._tasks = [asyncio.create_task(courier.run()) for courier in self.post.couriers]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.post.stop()

    async def add(self, url: str, **fields: Any) -> tuple[str, str]:
        """A webhook: its id and its secret."""
        webhook_id, secret = new_id(), secret_of(b"s" * 32)
        sealed = self.secrets.seal(secret, purpose_of(webhook_id))
        given = {"kinds": "all", "form": "standard"} | fields
        await self.db.write(webhook_keeping.add_webhook, SYSTEM, webhook_id, url=url, sealed=sealed, **given)
        await self.gather()
        return webhook_id, secret

    async def tell(self, *numbers: int, kind: str = "test.told", **about: Any) -> None:
        for number in numbers:
            await self.db.write(_record, kind, number, about)
        await self.gather()

    async def gather(self) -> None:
        await self.post.gather_all()

    async def pass_(self, **span: float) -> None:
        """Time passes, and the couriers look."""
        self.clock.pass_(**span)
        self.post.call()

    async def messages(self, webhook_id: str) -> list[Message]:
        """What there is for a webhook, oldest first."""
        found = await self.db.read(webhook_queries.list_deliveries, webhook_id, state="", before=2**62, limit=1000)
        return found[::-1]

    async def until(self, webhook_id: str, *states: str) -> list[Message]:
        """The messages about facts that were told with a number, once they are in these states, oldest first."""
        async with asyncio.timeout(20):
            while True:
                found = [each for each in await self.messages(webhook_id) if each.kind.startswith("test.")]
                if tuple(each.state for each in found) == states:
                    return found
                await asyncio.sleep(0.002)

    async def failure(self, webhook_id: str) -> str:
        """Tells a fact, waits for its first try to fail, and answers why it did."""
        await self.tell(1)
        return (await self.until_tried(webhook_id)).last_error

    async def until_tried(self, webhook_id: str, times: int = 1) -> Message:
        """The first message that was tried so often in vain, once that is written."""
        async with asyncio.timeout(20):
            while True:
                for each in await self.messages(webhook_id):
                    if each.attempts == times and each.last_error and each.state in ("pending", "dead"):
                        return each
                await asyncio.sleep(0.002)


def _record(tx: Tx, kind: str, number: int, about: dict[str, Any]) -> None:
    tx.record(kind, SYSTEM, **about, number=number)
