"""The demo's WebSockets: says back what it hears. `python -m bench_edge.echo PORT`."""

import asyncio
import base64
import hashlib
import sys
from typing import cast

import uvloop

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(asyncio.Protocol):
    """Knows just enough of RFC 6455: short masked frames, sent back unmasked."""

    def __init__(self) -> None:
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            self._open()
        while self._is_open and len(self._buffer) >= 6 and len(self._buffer) >= 6 + (self._buffer[1] & 0x7F):
            size = self._buffer[1] & 0x7F
            mask, masked = self._buffer[2:6], self._buffer[6 : 6 + size]
            payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
            self._transport.write(bytes((self._buffer[0], size)) + payload)
            self._buffer = self._buffer[6 + size :]

    def _open(self) -> None:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + _MAGIC, usedforsecurity=False).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._is_open, self._buffer = True, rest


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
