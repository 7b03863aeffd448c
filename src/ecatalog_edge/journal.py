"""One event per request and per WebSocket, when it ends.

There are thousands a second, so in JSON they are gathered and written at once; as text, for people at a terminal, they
go the way of every other event.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

log = structlog.get_logger()

WRITE_EVERY = 0.2
MOST_WAITING = 1000


class Ended(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is told: never a query, a cookie or a code. `ms` is from the request's head to the end."""

    event: Literal["request.ended", "websocket.ended"]
    launch: str = ""
    client: str = ""
    method: str
    path: str
    status: int
    outcome: str
    ms: int
    bytes_in: int = 0
    bytes_out: int = 0
    timestamp: datetime | None = None
    level: str = ""
    service: str = ""


class Journal:
    """Where ends are told. `write` gets whole JSON lines; without it, structlog gets every event by itself.

    A silent one is for log levels above `info`: nothing is put together that nobody sees.
    """

    def __init__(self, write: Callable[[bytes], object] | None = None, *, is_silent: bool = False) -> None:
        self._write = write
        self._is_silent = is_silent
        self._waiting: list[Ended] = []
        self._encode = msgspec.json.Encoder().encode_lines

    def tell(self, ended: Ended) -> None:
        if self._is_silent:
            return
        if self._write is None:
            fields = msgspec.structs.asdict(ended)
            log.info(fields.pop("event"), **{name: value for name, value in fields.items() if value not in ("", None)})
            return
        ended.timestamp = datetime.now(UTC)
        ended.level, ended.service = "info", "edge"
        self._waiting.append(ended)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(WRITE_EVERY, self.flush)
        elif len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Writes what waits, in one go."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._write is not None:
            self._write(self._encode(waiting))
