"""Raw HTTP/1.1 and WebSocket over one socket, for proofs that look at bytes and instants."""

import base64
import json
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, headers (lower-case names), the body, and when its last byte was read (wall clock)."""

    status: int
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One TCP connection that speaks HTTP to `host` (a name that need not resolve) at 127.0.0.1:`port`."""

    def __init__(self, port: int, host: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = host
        self.buffer = b""

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method in {"POST", "PATCH", "PUT"}:
            lines.append(f"Content-Length: {len(body)}")
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer(self) -> Answer:
        """Reads one answer; ConnectionError when the other side closes first."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in rest)}
        status = int(first.split()[1])
        body = b"" if status in {101, 204, 304} else self._body(headers)
        return Answer(status, headers, body, time.time())

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        self.send(method, path, headers, body)
        return self.answer()

    def close(self) -> None:
        self.sock.close()

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        if "content-length" not in headers:
            return b""
        return self._take(int(headers["content-length"]))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                self._more()
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            piece = self._take(int(size, 16) + 2)[:-2]
            if not piece:
                return body
            body += piece

    def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self._more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _more(self) -> None:
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError("the other side closed the connection")
        self.buffer += piece


class WebSocket(Line):
    """A client of RFC 6455, as bare as a proof needs it: one text frame at a time, and a look at what lies unread."""

    def __init__(self, port: int, host: str, path: str, headers: dict[str, str]) -> None:
        super().__init__(port, host)
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        answer = self.ask("GET", path, headers | upgrade | {"Sec-WebSocket-Key": key})
        if answer.status != 101:
            raise ConnectionError(f"{answer.status}: {answer.body[:300]!r}")

    def send_text(self, text: str) -> None:
        mask, payload = os.urandom(4), text.encode()
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack(">BH", 0x80 | 126, len(payload))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.sock.sendall(b"\x81" + length + mask + masked)

    def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload; waits for it."""
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(size)

    def close_code(self) -> int | None:
        """Reads on to the close frame and returns its code; None when the stream ends without one."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == 8:
                    return int.from_bytes(payload[:2], "big")
        except ConnectionError:
            return None

    def is_closed_now(self) -> bool:
        """Whether a close frame or the end of the stream has arrived already; never waits."""
        self.sock.setblocking(False)
        try:
            while piece := self.sock.recv(65536):
                self.buffer += piece
        except BlockingIOError:
            pass
        else:
            return True
        finally:
            self.sock.settimeout(10)
        return self._holds_close_frame()

    def _holds_close_frame(self) -> bool:
        rest = self.buffer
        while len(rest) >= 2:
            if rest[0] & 0x0F == 8:
                return True
            size, start = rest[1] & 0x7F, 2
            if size == 126:
                size, start = int.from_bytes(rest[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(rest[2:10], "big"), 10
            rest = rest[start + size :]
        return False
