"""How much of a request is read at all: its body's size, its depth, and the time it may take to arrive."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ecatalog.web.problems import WireError, malformed, too_large, too_slow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY_LIMIT = 64 * 1024
DEPTH_LIMIT = 16
SECONDS_TO_ARRIVE = 15.0

# A whole string, or one that the body ends in, or one bracket. Possessive, and every unterminated string
# reaches the end, so that no body makes it look at a byte twice.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


class Gone(Exception):
    """The caller closed the connection before its request was complete."""


async def read_body(receive: Receive, declared: bytes | None, limit: int = BODY_LIMIT) -> bytes:
    """The request's body.

    Raises WireError 413 above the limit (64 KiB), 408 when it takes over 15 s; Gone when the caller left.
    """
    if declared is not None and not (declared.isdigit() and int(declared) <= limit):
        raise too_large(limit)
    if declared == b"0":
        return b""
    try:
        async with asyncio.timeout(SECONDS_TO_ARRIVE):
            return await _read_all(receive, limit)
    except TimeoutError:
        raise too_slow() from None


async def _read_all(receive: Receive, limit: int) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += bytes(message.get("body", b""))
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return body


def refuse_deep(body: bytes) -> None:
    """Raises WireError 400 when the JSON nests deeper than 16: nothing of ours does, and parsers recurse."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_LIMIT:
        return
    depth = 0
    for found in _TOKEN.finditer(body):
        first = found.group()[0]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise _too_deep()
        elif first in b"]}":
            depth -= 1


def _too_deep() -> WireError:
    return malformed(f"The JSON nests deeper than {DEPTH_LIMIT} levels.")
