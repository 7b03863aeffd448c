"""Long connections with both ends in one hand: what the visitor sends and gets, and what the demo sends and gets."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Self

from tests.edge.demos import Asked, DemoServer
from tests.edge.frames import frame
from tests.edge.visitors import Line

WAIT = 10.0
_numbers = itertools.count()


class EchoDemo(DemoServer):
    """A demo whose events are the proof's: `/feed` is a stream, `/ws-raw` a WebSocket; any other path is told back."""

    def has_heard(self, target: str) -> bool:
        return any(asked.target == target for asked in reversed(self.asked))

    async def _feed(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await writer.drain()
        self.sockets.put_nowait((reader, writer))
        await self.gate.wait()
        return False


class End:
    """One end of a connection: keeps everything that it gets, from the start to the end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.got = bytearray()
        self.is_over = False
        self._reader = reader
        self._writer = writer
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def until(self, fact: Callable[[], bool]) -> bool:
        """Waits until it is so, or the connection is over; whether it is so."""
        async with asyncio.timeout(WAIT):
            while not fact() and not self.is_over:
                self._changed.clear()
                await self._changed.wait()
        return fact()

    async def over(self) -> None:
        """Waits for the end of what it gets."""
        await self.until(lambda: self.is_over)

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._writer.transport.abort()
        await asyncio.sleep(0)

    async def _read(self) -> None:
        try:
            while piece := await self._reader.read(1 << 16):
                self.got += piece
                self._changed.set()
        except ConnectionError:
            pass
        finally:
            self.is_over = True
            self._changed.set()


class Wire:
    """A WebSocket or a stream of events through an edge."""

    def __init__(self, visitor: End, demo: End, *, is_socket: bool) -> None:
        self.visitor = visitor
        self.demo = demo
        self._is_socket = is_socket
        self._late: list[tuple[bytes, bytes]] = []

    @classmethod
    async def open(cls, line: Line, demo: DemoServer, host: str, cookie: str, *, is_socket: bool) -> Self:
        if is_socket:
            fields = {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
                "Origin": f"http://{host}",
            }
            status = (await line.ask("GET", "/ws-raw", fields, host=host, cookies=cookie)).status
        else:
            line.send(f"GET /feed HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
            status, _ = await line.reply_head()
        assert status == (101 if is_socket else 200), status
        reader, writer = await asyncio.wait_for(demo.sockets.get(), WAIT)
        return cls(End(line.reader, line.writer), End(reader, writer), is_socket=is_socket)

    async def assert_passes(self) -> None:
        """What either end sends arrives at the other."""
        down, up = self._say()
        assert await self.visitor.until(lambda: down in self.visitor.got), "the demo's words did not arrive"
        if up:
            assert await self.demo.until(lambda: up in self.demo.got), "the visitor's words did not arrive"

    def speak_late(self) -> None:
        """Says something at both ends that must not arrive."""
        self._late.append(self._say())

    async def assert_cut(self) -> None:
        """What is said from now on arrives nowhere, nor what was said too late before; both ends come to their end."""
        self.speak_late()
        await self.visitor.over()
        await self.demo.over()
        for down, up in self._late:
            assert down not in self.visitor.got, "words of the demo left it after the cut"
            assert not up or up not in self.demo.got, "words of the visitor reached the demo after the cut"

    async def close(self) -> None:
        await self.visitor.close()
        await self.demo.close()

    def _say(self) -> tuple[bytes, bytes]:
        """Something new from each end that can speak; the bytes as they would arrive."""
        word = f"word-{next(_numbers)}-".encode()
        if not self._is_socket:
            self.demo.send(b"data: " + word + b"\n\n")
            return word, b""
        down, up = frame(0x81, word), frame(0x81, word, is_masked=True)
        self.demo.send(down)
        self.visitor.send(up)
        return down, up
