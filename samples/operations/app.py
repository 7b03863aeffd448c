"""Live operations: a dashboard of a made-up logistics network, fed by a WebSocket. Standard library only.

Listens on $HOST:$PORT. `/live` is a WebSocket (RFC 6455): a reading every second, and `{"type": "echo", …}` comes back.
"""

import base64
import hashlib
import json
import math
import os
import random
import signal
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.css": ("app.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
}
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST_MESSAGE = 64 * 1024
POINTS = 119
HUBS = ("Rotterdam", "Hamburg", "Gdansk", "Antwerp", "Le Havre", "Valencia")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def reading(now: float) -> dict[str, Any]:
    """What the network does at this second: smooth curves with a little noise, the same for every visitor."""
    noise = random.Random(int(now))
    wave = math.sin(now / 37) + 0.4 * math.sin(now / 11)
    hubs = [
        {
            "name": name,
            "load": round(min(99.0, max(8.0, 58 + 24 * math.sin(now / (29 + 7 * i) + i) + noise.uniform(-3, 3))), 1),
            "trucks": int(20 + 14 * (1 + math.sin(now / (41 + 5 * i) + 2 * i))),
        }
        for i, name in enumerate(HUBS)
    ]
    return {
        "type": "reading",
        "at": int(now),
        "orders_per_minute": round(420 + 90 * wave + noise.uniform(-12, 12)),
        "on_time": round(96.5 + 1.8 * math.sin(now / 53) + noise.uniform(-0.2, 0.2), 1),
        "in_transit": int(1840 + 160 * math.sin(now / 71)),
        "late": int(14 + 9 * (1 + math.sin(now / 31))),
        "hubs": hubs,
    }


class Handler(BaseHTTPRequestHandler):
    """Files, health, and the way to the WebSocket."""

    protocol_version = "HTTP/1.1"
    timeout = 120
    wbufsize = -1  # Head and body leave in one packet: two would wait for each other (Nagle, delayed ACK).

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/live":
            self._upgrade()
        elif path == "/healthz":
            self._answer(200, b"ok\n", "text/plain")
        elif path in FILES:
            name, kind = FILES[path]
            self._answer(200, (HERE / name).read_bytes(), kind)
        else:
            self._answer(404, b"There is nothing here.\n", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _upgrade(self) -> None:
        key = self.headers.get("Sec-WebSocket-Key")
        if self.headers.get("Upgrade", "").lower() != "websocket" or not key:
            self._answer(426, b"This is a WebSocket.\n", "text/plain")
            return
        accept = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        Conversation(self.connection).run()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: whoever runs this counts the requests."""


class Conversation:
    """One visitor's WebSocket: a thread tells readings, this one listens."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        self.over = threading.Event()

    def run(self) -> None:
        threading.Thread(target=self._tell, daemon=True).start()
        try:
            while self._listen():
                pass
        except (OSError, ValueError, EOFError):
            pass
        finally:
            self.over.set()

    def _tell(self) -> None:
        now = time.time()
        past = [reading(now - second)["orders_per_minute"] for second in range(POINTS, 0, -1)]
        try:
            self._send(TEXT, json.dumps({"type": "history", "orders_per_minute": past}).encode())
            while not self.over.is_set():
                self._send(TEXT, json.dumps(reading(time.time())).encode())
                self.over.wait(1)
        except OSError:
            self.over.set()

    def _listen(self) -> bool:
        """Takes one message; False when the conversation is over."""
        opcode, payload = self._message()
        if opcode == CLOSE:
            self._send(CLOSE, payload[:2])
            return False
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == TEXT and json.loads(payload).get("type") == "echo":
            self._send(TEXT, payload)
        return True

    def _message(self) -> tuple[int, bytes]:
        """One message, its fragments joined. A control frame may come in between and is answered at once."""
        first, message = 0, b""
        while True:
            is_last, opcode, payload = self._frame()
            if opcode >= CLOSE:
                return opcode, payload
            first, message = opcode or first, message + payload
            if len(message) > LONGEST_MESSAGE:
                raise ValueError("too long")
            if is_last:
                return first, message

    def _frame(self) -> tuple[bool, int, bytes]:
        head, sizes = self._take(2)
        size = sizes & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        if not sizes & 0x80 or size > LONGEST_MESSAGE:
            raise ValueError("an unmasked or over-long frame")
        mask = self._take(4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._take(size)))
        return bool(head & 0x80), head & 0x0F, payload

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            piece = self.connection.recv(size - len(taken))
            if not piece:
                raise EOFError
            taken += piece
        return taken

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | opcode])
        head += bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
        with self.lock:
            self.connection.sendall(head + payload)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8000"))), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
