"""Server-sent events (WHATWG HTML, 9.2): a generator's events as a response that ends when its caller's
session does.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

from ecatalog.kit.actor import Actor
from ecatalog.kit.errors import CatalogError, Exhausted
from ecatalog.web.answers import encode
from ecatalog.web.call import Call
from ecatalog.web.callers import Callers
from ecatalog.web.limits import Receive
from ecatalog.web.problems import Headers

SECONDS_BETWEEN_LOOKS = 1.0
LOOKS_PER_COMMENT = 15
# A page has one stream, and people have many tabs; each stream costs a task and a look a second.
MOST_PER_CALLER = 32

STREAM_HEADERS: Headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Places:
    """How many streams each caller has open, over HTTP and gRPC together."""

    def __init__(self) -> None:
        self._taken: Counter[Actor] = Counter()

    @contextmanager
    def taken(self, actor: Actor) -> Iterator[None]:
        """Counts one stream while the block lasts. Raises Exhausted for a caller with too many."""
        if self._taken[actor] >= MOST_PER_CALLER:
            raise Exhausted(f"You have {MOST_PER_CALLER} event streams open: close some.", retry_after=5)
        self._taken[actor] += 1
        try:
            yield
        finally:
            self._taken[actor] -= 1
            if not self._taken[actor]:
                del self._taken[actor]


class Streams:
    """The streams that are open now. They end by themselves, and all at once when the gateway stops."""

    def __init__(self, callers: Callers, places: Places) -> None:
        self._callers = callers
        self._places = places
        self._is_over = asyncio.Event()

    def end_all(self) -> None:
        """Ends every stream, and those to come: browsers reconnect, to the next process."""
        self._is_over.set()

    async def serve(self, call: Call, events: AsyncIterator[tuple[str, Any]], headers: Headers) -> None:
        """Sends the events until they end, the caller leaves, its session ends, or the gateway stops.

        The first event is awaited before the answer begins, so that a refusal is a problem with its status.
        Raises Exhausted for a caller with too many streams.
        """
        with self._places.taken(call.actor):
            await self._serve(call, events, headers)

    async def _serve(self, call: Call, events: AsyncIterator[tuple[str, Any]], headers: Headers) -> None:
        async with aclosing(events):  # type: ignore[type-var]  # every async generator has aclose
            first = await anext(events)
            await call.send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send(call, _frame(first))
            ends = [asyncio.create_task(_until_gone(call.receive)), asyncio.create_task(_wait(self._is_over))]
            try:
                await self._follow(call, events, ends)
            finally:
                for end in ends:
                    end.cancel()
            await call.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, call: Call, events: AsyncIterator[tuple[str, Any]], ends: list[asyncio.Task[None]]) -> None:
        upcoming = asyncio.ensure_future(anext(events))
        looks = 0
        try:
            while True:
                await asyncio.wait(
                    {upcoming, *ends}, timeout=SECONDS_BETWEEN_LOOKS, return_when=asyncio.FIRST_COMPLETED
                )
                if any(end.done() for end in ends) or not self._callers.is_still(call.actor, call.headers):
                    return
                looks += 1
                if upcoming.done():
                    await self._send(call, _frame(upcoming.result()))
                    upcoming = asyncio.ensure_future(anext(events))
                elif looks % LOOKS_PER_COMMENT == 0:
                    await self._send(call, b": still here\n\n")
        except (StopAsyncIteration, CatalogError):
            return  # What the stream was about is over, or out of this caller's sight.
        finally:
            upcoming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, CatalogError):
                await upcoming

    @staticmethod
    async def _send(call: Call, frame: bytes) -> None:
        await call.send({"type": "http.response.body", "body": frame, "more_body": True})


def _frame(event: tuple[str, Any]) -> bytes:
    name, answer = event
    # Browsers send the last id again when they connect anew, as `Last-Event-ID`.
    place = b"id: %s\n" % answer.cursor.encode() if hasattr(answer, "cursor") else b""
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), place, encode(answer))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
