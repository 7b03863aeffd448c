"""A small real demo on a socket: plain HTTP with paths that misbehave on request, and WebSockets byte by byte."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable

from tests.edge.frames import frame, read_frame

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Asked:
    """One request as the demo saw it, raw head and all."""

    def __init__(self, head: bytes) -> None:
        self.raw = head
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.path = self.target.partition("?")[0]
        self.headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines if line)]
        self.body = b""

    def get(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)


Handler = Callable[[Asked, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


class DemoServer:
    """Listens on a free port of 127.0.0.1. `asked` keeps every request, `sockets` every opened WebSocket."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.sockets: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.sent = 0
        self.lost = asyncio.Event()
        self.custom: bytes = b""
        self.is_idle = True
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024)

    @property
    def address(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            self.lost.set()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        asked = Asked((await reader.readuntil(b"\r\n\r\n"))[:-4])
        self.asked.append(asked)
        self.is_idle = False
        handler: Handler = getattr(self, "_" + asked.path.strip("/").partition("/")[0].replace("-", "_"), self._echo)
        goes_on = await handler(asked, reader, writer)
        self.is_idle = True
        return goes_on

    async def _read_body(self, asked: Asked, reader: asyncio.StreamReader) -> bytes:
        if asked.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(asked.get("content-length") or 0))
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return body

    async def _echo(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Tells what arrived, as JSON."""
        asked.body = await self._read_body(asked, reader)
        told = {"method": asked.method, "target": asked.target, "headers": asked.headers, "size": len(asked.body)}
        body = json.dumps(told).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + (b"" if asked.method == "HEAD" else body))
        await writer.drain()
        return True

    async def _mirror(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """The request's body, in chunks."""
        asked.body = await self._read_body(asked, reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(asked.body), 50_000):
            piece = asked.body[at : at + 50_000]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _custom(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whatever the test put into `custom`; the connection closes unless a length was told."""
        await self._read_body(asked, reader)
        writer.write(self.custom)
        await writer.drain()
        return b"Content-Length" in self.custom

    async def _wait(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Says nothing until the gate opens, or the connection ends."""
        opened = asyncio.ensure_future(self.gate.wait())
        ended = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({opened, ended}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        ended.cancel()
        if not self.gate.is_set():
            self.lost.set()
            return False
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return False

    async def _events(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """A stream of server-sent events without an end: one now, then none until the gate opens."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
        await writer.drain()
        await reader.read(1)
        self.lost.set()
        return False

    async def _endless(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """As much as the visitor takes; `sent` counts it."""
        size = 1 << 30
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(64 * 1024)
        while self.sent < size:
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
        return False

    async def _never_reads(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Takes the head and leaves the body in the socket."""
        await self.gate.wait()
        return False

    async def _early(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers before it has read the body."""
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        await self.gate.wait()
        return False

    async def _continue(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Asks for the body by an interim answer, then tells its size."""
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        return await self._echo(asked, reader, writer)

    async def _once(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers as a server that keeps connections, and then closes."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce")
        await writer.drain()
        await self.gate.wait()
        return False

    async def _ws(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """A WebSocket that sends everything back, frame by frame."""
        await self._switch(asked, writer)
        while True:
            first, payload = await read_frame(reader)
            if first & 0x0F == 0x8:
                writer.write(frame(first, payload))
                return False
            kind = 0xA if first & 0x0F == 0x9 else first & 0x0F
            writer.write(frame((first & 0xF0) | kind, payload))
            await writer.drain()

    async def _ws_raw(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """A WebSocket whose demo side is the test."""
        await self._switch(asked, writer)
        self.sockets.put_nowait((reader, writer))
        await self.gate.wait()
        return False

    async def _switch(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        key = asked.get("sec-websocket-key").encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        await writer.drain()
