"""Where messages go: an SMTP server and a webhook receiver on loopback, as bare as can be: senders are measured."""

import asyncio
import threading
import time
from collections.abc import Callable


class Arrivals:
    """How many came, when the first and the last did, and what they were."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.first_at = self.last_at = 0.0

    def add(self, content: bytes) -> None:
        self.contents.append(content)
        self.last_at = time.perf_counter()
        self.first_at = self.first_at or self.last_at

    @property
    def rate(self) -> float:
        """So many a second, from the first to the last."""
        return (len(self.contents) - 1) / (self.last_at - self.first_at)


class Smtp(asyncio.Protocol):
    """Says yes to everything (RFC 5321)."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""
        self._is_in_mail = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 bench\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take():
            pass

    def _take(self) -> bool:
        """Answers the next whole command or mail; False when there is none."""
        end = b"\r\n.\r\n" if self._is_in_mail else b"\r\n"
        found, ending, rest = self._buffer.partition(end)
        if not ending:
            return False
        self._buffer = rest
        self._transport.write(self._take_mail(found) if self._is_in_mail else self._answer(found))
        return True

    def _take_mail(self, content: bytes) -> bytes:
        self._is_in_mail = False
        self._arrivals.add(content)
        return b"250 OK\r\n"

    def _answer(self, command: bytes) -> bytes:
        verb = command[:4].upper()
        if verb == b"DATA":
            self._is_in_mail = True
            return b"354 Go on\r\n"
        return b"250-bench\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n" if verb == b"EHLO" else b"250 OK\r\n"


class Receiver(asyncio.Protocol):
    """Takes every POST with a 204."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, ending, rest = self._buffer.partition(b"\r\n\r\n")
        if not ending:
            return
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            self._buffer = b""
            self._arrivals.add(rest[:length])
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


class Served:
    """Listens on a free port of loopback, in a thread of its own, and counts anew for each sender."""

    def __init__(self, protocol: Callable[[Arrivals], asyncio.Protocol]) -> None:
        self.arrivals = Arrivals()
        self._protocol = protocol
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def begin_anew(self) -> None:
        """Before the next sender connects."""
        self.arrivals = Arrivals()

    def wait_for(self, count: int, seconds: float = 300) -> Arrivals:
        """What came, once it is so much. TimeoutError when it does not."""
        ends = time.monotonic() + seconds
        while len(self.arrivals.contents) < count:
            if time.monotonic() > ends:
                raise TimeoutError(f"{len(self.arrivals.contents)} of {count} came")
            time.sleep(0.01)
        return self.arrivals

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> int:
        server = await self._loop.create_server(lambda: self._protocol(self.arrivals), "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])
