"""Visitors with long connections through an edge: WebSockets, downloads, and one who is shut out again and again."""

import asyncio
import json
import time
from collections import Counter
from urllib.parse import urlsplit

from ecatalog_client import AsyncCatalog
from ecatalog_client.errors import CatalogError, Unavailable
from tests.edge.visitors import Line
from tests.proofs.installation import PASSWORD
from tests.proofs.lasting_demo import CHUNK
from tests.proofs.soak_callers import DEADLINE, PASSING

ACCESS_ENDED = 4403
_SECONDS_BETWEEN_WORDS = 0.2
_SECONDS_BETWEEN_REVOCATIONS = 3.0
_CHUNKS = 60


class Copy:
    """A copy of a demo as one visitor has it: where it is, and the cookie of who came in."""

    def __init__(self, edge_port: int, host: str, cookie: str) -> None:
        self._edge_port = edge_port
        self.host = host
        self.cookie = cookie

    @classmethod
    async def enter(cls, edge_port: int, url: str) -> "Copy":
        """By the address that works once."""
        address = urlsplit(url)
        host = address.netloc
        async with await Line.open(edge_port) as line:
            reply = await line.ask("GET", f"{address.path}?{address.query}", host=host, cookies=None)
        if reply.status == 503:
            raise Unavailable("The edge could not ask the gateway.")
        assert reply.status == 303, (reply.status, reply.body)
        return cls(edge_port, host, reply.get("set-cookie").partition(";")[0])

    async def socket(self) -> Line:
        line = await Line.open(self._edge_port)
        asked = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
            "Origin": f"http://{self.host}",
        }
        reply = await line.ask("GET", "/live", asked, host=self.host, cookies=self.cookie)
        assert reply.status == 101, (reply.status, reply.body)
        return line

    async def download(self) -> None:
        """A long one, to its last byte."""
        async with await Line.open(self._edge_port) as line:
            line.send(
                f"GET /long?chunks={_CHUNKS} HTTP/1.1\r\nHost: {self.host}\r\nCookie: {self.cookie}\r\n\r\n".encode()
            )
            status, _ = await line.reply_head()
            assert status == 200, status
            for _ in range(_CHUNKS):
                assert await asyncio.wait_for(line.reader.readexactly(len(CHUNK)), 10) == CHUNK


async def say(line: Line, word: str) -> None:
    """Says it, and waits until it comes back; the demo's own readings come in between."""
    said = json.dumps({"type": "echo", "word": word}).encode()
    line.send_frame(0x81, said)
    while await line.frame() != (0x81, said):
        pass


class Holders:
    """Those whose connections nothing but the end may end. `drops` says what did, `counts` what went through."""

    def __init__(self, copy: Copy) -> None:
        self.drops: list[str] = []
        self.counts: Counter[str] = Counter()
        self._copy = copy
        self._began = time.monotonic()

    async def talk(self, number: int, over: asyncio.Event) -> None:
        line = await self._copy.socket()
        try:
            while not over.is_set():
                await say(line, f"{number}-{self.counts['words']}")
                self.counts["words"] += 1
                await asyncio.sleep(_SECONDS_BETWEEN_WORDS)
        except (OSError, EOFError, TimeoutError) as error:
            self._note(f"WebSocket {number}", error)
        finally:
            line.writer.transport.abort()

    async def load(self, number: int, over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                await self._copy.download()
                self.counts["downloads"] += 1
            except (OSError, EOFError, TimeoutError, AssertionError) as error:
                self._note(f"download {number}", error)
                return

    def _note(self, what: str, error: BaseException) -> None:
        self.drops.append(f"{what} after {time.monotonic() - self._began:.1f} s: {error!r}")


async def enter(catalog: AsyncCatalog, demo_id: str, edge_port: int) -> Copy:
    """Opens the demo, waits until its copy runs, and goes in."""
    launch = await catalog.demos.open(demo_id, deadline=DEADLINE)
    while launch.state != "running":
        assert launch.state in ("queued", "starting"), launch
        await asyncio.sleep(0.1)
        launch = await catalog.launches.get(launch.id, deadline=DEADLINE)
    entry = await catalog.launches.enter(launch.id, deadline=DEADLINE)
    return await Copy.enter(edge_port, entry.url)


class ShutOut:
    """A client who goes in again and again, and whose access is taken and given back. `cuts` counts how that ended."""

    def __init__(self, admin: AsyncCatalog, edge_port: int, email: str, client_id: str, demo_id: str) -> None:
        self.cuts: Counter[str] = Counter()
        self._admin = admin
        self._edge_port = edge_port
        self._email = email
        self._client_id = client_id
        self._demo_id = demo_id

    async def run(self, url: str, over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                async with AsyncCatalog(url) as catalog:
                    await self._once(catalog)
            except CatalogError as error:
                if error.code not in PASSING:
                    raise
                self.cuts["not tried to the end"] += 1
            await asyncio.sleep(_SECONDS_BETWEEN_REVOCATIONS)

    async def _once(self, catalog: AsyncCatalog) -> None:
        await self._admin.clients.restore(self._client_id, deadline=DEADLINE)
        signed_in = await catalog.auth.login(email=self._email, password=PASSWORD, deadline=DEADLINE)
        catalog.token = signed_in.token
        copy = await enter(catalog, self._demo_id, self._edge_port)
        async with await copy.socket() as line:
            await say(line, "here")
            await self._admin.clients.revoke(self._client_id, reason="over", deadline=DEADLINE)
            self.cuts[await _how_it_ended(line)] += 1


async def _how_it_ended(line: Line) -> str:
    """Waits for the end, which the edge gives, or the copy when the launcher was the quicker of the two."""
    try:
        code = await line.close_code()
    except EOFError:
        return "ended with its copy"
    assert code == ACCESS_ENDED, code
    return "cut"
