"""An SMTP server in a thread of its own, which remembers what came over each connection, and how that ended."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Line:
    """One connection: the ids of the messages that it brought, in order, and whether it ended with QUIT."""

    messages: list[str] = field(default_factory=list)
    has_quit: bool = False


class _Protocol(SMTP):
    def __init__(self, server: "MailServer", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, hostname="mail.test", loop=loop)
        self.line = Line()
        self._transports = server.transports
        server.lines.append(self.line)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transports.add(transport)
        super().connection_made(transport)


class MailServer:
    """Takes every mail. `contents` are the mails by id, as they came last; `count` counts each delivery."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.transports: set[asyncio.Transport] = set()
        self.contents: dict[str, bytes] = {}
        self.port = self.count = 0
        self.first_at = self.last_at = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Serves on a free port."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for transport in list(self.transports):
            transport.abort()
        await asyncio.sleep(0)

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(lambda: _Protocol(self, self._loop), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def handle_DATA(self, server: _Protocol, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message_id = content[: content.index(b"\r\n\r\n")].split(b"Message-ID: <", 1)[1].split(b"@", 1)[0].decode()
        server.line.messages.append(message_id)
        self.contents[message_id] = content
        self.count += 1
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Session, envelope: Envelope) -> str:
        server.line.has_quit = True
        return "221 Bye"

    def repeats(self) -> dict[str, list[tuple[Line, int]]]:
        """The messages that came more than once: over which lines, and at which place of each."""
        found: dict[str, list[tuple[Line, int]]] = {}
        for line in self.lines:
            for place, message_id in enumerate(line.messages):
                found.setdefault(message_id, []).append((line, place))
        return {message_id: places for message_id, places in found.items() if len(places) > 1}
