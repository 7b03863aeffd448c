"""A visitor on a raw socket: sends bytes as they are and reads answers, so that no library hides a shape."""

import asyncio
import base64
import json
from typing import Any, Self

from tests.edge.frames import frame, read_frame
from tests.edge.twins import LABEL, cookie

DOMAIN = "demos.localhost"
HOST = f"{LABEL}.{DOMAIN}"
ORIGIN = f"http://{HOST}:8081"


class Reply:
    """One answer: status, fields (lower-case names, in order) and body."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def get(self, name: str) -> str:
        return ", ".join(self.all(name))

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One TCP connection to the edge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(
        self,
        method: str = "GET",
        target: str = "/",
        fields: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        host: str = HOST,
        cookies: str | None = "",
    ) -> Reply:
        """Sends a request as a proper visitor would, and reads the answer. `cookies` None sends none."""
        self.send(request(method, target, fields, body, host=host, cookies=cookies))
        return await self.reply(is_head=method == "HEAD")

    async def reply(self, *, is_head: bool = False) -> Reply:
        status, headers = await self.reply_head()
        fields = dict(headers)
        if is_head or status in (101, 204, 304) or status < 200:
            return Reply(status, headers, b"")
        if fields.get("transfer-encoding") == "chunked":
            return Reply(status, headers, await self._chunks())
        if "content-length" in fields:
            body = await asyncio.wait_for(self.reader.readexactly(int(fields["content-length"])), 5)
        else:
            body = await asyncio.wait_for(self.reader.read(), 5)
        return Reply(status, headers, body)

    async def reply_head(self) -> tuple[int, list[tuple[str, str]]]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        return int(first.split(" ")[1]), headers

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await asyncio.wait_for(self.reader.readline(), 5), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return body

    async def ended(self) -> bytes:
        """What comes until the other side closes; a reset also ends it."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionResetError:
            return b"(reset)"

    async def upgrade(self, target: str = "/ws", **fields: str) -> Reply:
        """A WebSocket handshake as a browser on the demo's own page makes it."""
        asked = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
            "Origin": ORIGIN,
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        return await self.ask("GET", target, {name: value for name, value in asked.items() if value})

    def send_frame(self, first: int, payload: bytes) -> None:
        self.send(frame(first, payload, is_masked=True))

    async def frame(self) -> tuple[int, bytes]:
        return await asyncio.wait_for(read_frame(self.reader), 5)

    async def close_code(self) -> int:
        """Reads whole frames until the close frame; its code. Fails when bytes end anywhere else."""
        while True:
            first, payload = await self.frame()
            if first & 0x0F == 0x8:
                return int.from_bytes(payload[:2], "big")


def request(
    method: str = "GET",
    target: str = "/",
    fields: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    host: str = HOST,
    cookies: str | None = "",
) -> bytes:
    """The bytes of a request; state-changing ones carry the Origin that a browser would send."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if cookies is not None:
        lines.append(f"Cookie: {cookies or cookie()}")
    sent = dict(fields or {})
    if method not in ("GET", "HEAD", "OPTIONS"):
        sent.setdefault("Origin", ORIGIN)
        if "Transfer-Encoding" not in sent:
            sent.setdefault("Content-Length", str(len(body)))
    lines += [f"{name}: {value}" for name, value in sent.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
