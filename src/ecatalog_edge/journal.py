"""One event per request. There are thousands a second, so in JSON they are gathered and written at once; as text,
for people at a terminal, they go the way of every other event.
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


class RequestEnded(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is told of a request: never its query, its cookies or a code. `ms` is from its head to its end."""

    launch: str = ""
    client: str = ""
    method: str
    path: str
    status: int
    outcome: str
    ms: int
    bytes_out: int
    timestamp: datetime | None = None
    event: Literal["request.ended"] | None = None
    level: Literal["info"] | None = None
    service: Literal["edge"] | None = None


class Journal:
    """Where requests are told. `write` gets whole JSON lines; without it, structlog gets every event by itself."""

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        self._write = write
        self._waiting: list[RequestEnded] = []
        self._encode = msgspec.json.Encoder().encode_lines

    def tell(self, ended: RequestEnded) -> None:
        if self._write is None:
            fields = msgspec.structs.asdict(ended)
            log.info("request.ended", **{name: value for name, value in fields.items() if value not in ("", None)})
            return
        ended.timestamp = datetime.now(UTC)
        ended.event, ended.level, ended.service = "request.ended", "info", "edge"
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
