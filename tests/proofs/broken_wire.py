"""A TCP proxy between caller and gateway that does what networks do to connections: late, cut, garbled, silent."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

GARBAGE = b"\x00\xffHTTP/9.9 \r\n\x16\x03\x01garbage\r\n\r\n"
LONGEST_DELAY = 0.02
# Within so many bytes of the answers a broken connection breaks.
FAR = 3000


class Fate(StrEnum):
    """What becomes of a connection."""

    FINE = "fine"
    LATE = "late"
    DROPPED = "dropped"
    CUT = "cut"
    CUT_ASKING = "cut asking"
    HALF_CLOSED = "half closed"
    GARBLED = "garbled"
    SILENT = "silent"


class BrokenWire:
    """Listens on a port of its own. `fates` are drawn from for each new connection; `fate` is that of all, if set."""

    def __init__(self, target: int, seed: int, broken: float) -> None:
        self.port = 0
        self.fate: Fate | None = Fate.FINE
        self.drawn: Counter[str] = Counter()
        self._target = target
        self._chance = random.Random(seed)
        self._broken = broken
        self._open: set[asyncio.Task[None]] = set()

    def cut_all(self) -> None:
        """Every connection that is open now ends."""
        for task in self._open:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        fate = self.fate or self._draw()
        self.drawn[fate] += 1
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._pass(fate, reader, writer)
        finally:
            writer.transport.abort()
            self._open.discard(task)

    def _draw(self) -> Fate:
        if self._chance.random() >= self._broken:
            return Fate.FINE
        return self._chance.choice(list(Fate)[1:])

    async def _pass(self, fate: Fate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fate is Fate.DROPPED:
            return
        if fate is Fate.SILENT:
            while await reader.read(65536):
                pass
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        breaks_at = self._chance.randrange(FAR)
        asking = asyncio.create_task(self._ask(fate, reader, back, breaks_at // 4))
        answering = asyncio.create_task(self._answer(fate, there, writer, breaks_at))
        try:
            await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
        finally:
            back.transport.abort()
            for each in (asking, answering):
                each.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    async def _ask(
        self, fate: Fate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, breaks_at: int
    ) -> None:
        passed = 0
        while chunk := await reader.read(65536):
            passed += len(chunk)
            if fate is Fate.CUT_ASKING and passed > breaks_at:
                writer.write(chunk[: len(chunk) // 2])
                await writer.drain()
                return
            writer.write(chunk)

    async def _answer(
        self, fate: Fate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, breaks_at: int
    ) -> None:
        passed = 0
        while chunk := await reader.read(65536):
            passed += len(chunk)
            if fate is Fate.LATE:
                await asyncio.sleep(self._chance.uniform(0, LONGEST_DELAY))
            if passed > breaks_at and fate in (Fate.CUT, Fate.GARBLED, Fate.HALF_CLOSED):
                writer.write(chunk[: max(0, len(chunk) - (passed - breaks_at))])
                if fate is Fate.GARBLED:
                    writer.write(GARBAGE)
                await writer.drain()
                if fate is Fate.HALF_CLOSED:
                    writer.write_eof()
                    await asyncio.sleep(1)
                return
            writer.write(chunk)


@asynccontextmanager
async def broken_wire(target: int, *, seed: int = 7, broken: float = 0.5) -> AsyncIterator[BrokenWire]:
    """Listens inside the block; at first every connection is fine."""
    wire = BrokenWire(target, seed, broken)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut_all()
        await server.wait_closed()
