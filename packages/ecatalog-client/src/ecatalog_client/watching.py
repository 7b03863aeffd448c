"""Following the catalog's events: a watch connects again by itself, and tells nothing twice."""

import asyncio
import random
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ecatalog_client.errors import CatalogError, Exhausted, Unavailable
from ecatalog_client.line import Line, event_of
from ecatalog_client.operation import Ask
from ecatalog_client.operations import EVENTS_FOLLOW
from ecatalog_client.transport import Feed
from ecatalog_client.types.events import CatalogEvent, Heartbeat, StreamedEvent, Topic, UsageEvent

if TYPE_CHECKING:
    from ecatalog_client.loops import LoopThread

# The gateway sends a heartbeat every 5 s: three that are missing are a broken stream.
SILENCE_SECONDS = 15.0
LONGEST_PAUSE = 2.0
# It is away, has a fault, or has too many streams of ours for now: all of that passes.
_PASSING = frozenset({Unavailable.code, Exhausted.code, CatalogError.code})
_KNOWN = frozenset({"launches", "access", "usage", "heartbeat"})


class AsyncWatch:
    """The events after a cursor, each once and in order. It begins with `async with`, or its first event.

    `cursor` is that of the last event (or heartbeat): keep it, and a later watch goes on from there. What the gateway
    refuses for good (a token that has ended) is raised; that it is away is waited out.
    """

    def __init__(self, line: Line, topics: Iterable[Topic] = (), after: str = "") -> None:
        self.cursor = after
        self._line = line
        self._topics = ",".join(topics)
        self._feed: Feed | None = None
        self._last_position = 0
        self._last_use = 0
        self._failures = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CatalogEvent:
        while True:
            event = await self._next()
            self.cursor = event.cursor
            if not isinstance(event, Heartbeat) and self._is_new(event):
                return event

    async def begin(self) -> Self:
        """Connects: from here on nothing is missed. Waits while the catalog is away."""
        while self._feed is None:
            await self._connect()
        return self

    async def aclose(self) -> None:
        """Ends the stream. Twice does no harm."""
        feed, self._feed = self._feed, None
        if feed is not None:
            await feed.aclose()
            self._line.hooks.watch("events", False)

    async def __aenter__(self) -> Self:
        return await self.begin()

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.aclose()

    async def _next(self) -> StreamedEvent:
        """The next event or heartbeat, over as many streams as it takes."""
        while True:
            await self.begin()
            event = await self._read()
            if event is not None:
                self._failures = 0
                return event
            await self.aclose()
            await self._rest()

    async def _read(self) -> StreamedEvent | None:
        """The next of this stream; None when it is over or broken."""
        assert self._feed is not None
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                while (found := await self._feed.next()) is not None:
                    if found[0] in _KNOWN:  # A newer gateway may tell of more.
                        event: StreamedEvent = event_of(found[1], StreamedEvent)
                        return event
        except (TimeoutError, Unavailable):
            return None
        return None

    async def _connect(self) -> None:
        """One attempt; rests after one that failed. The first event, a heartbeat, tells where the stream begins."""
        given = {name: value for name, value in (("topics", self._topics), ("after", self.cursor)) if value}
        try:
            self._feed = await self._line.open(Ask(EVENTS_FOLLOW, given=given))
        except CatalogError as error:
            if error.code not in _PASSING:
                raise
            await self._rest(error.retry_after or 0.0)
            return
        if (first := await self._read()) is None:
            await self.aclose()
            await self._rest()
            return
        self.cursor = first.cursor
        self._line.hooks.watch("events", True)

    async def _rest(self, at_least: float = 0.0) -> None:
        bound = min(LONGEST_PAUSE, 0.1 * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        await asyncio.sleep(max(at_least, random.uniform(0, bound)))  # noqa: S311 - jitter, no secret

    def _is_new(self, event: CatalogEvent) -> bool:
        """Whether it was not told before: a stream may repeat what it told, a watch does not."""
        if isinstance(event, UsageEvent):
            is_new, self._last_use = event.id > self._last_use, max(event.id, self._last_use)
        else:
            is_new, self._last_position = event.position > self._last_position, max(event.position, self._last_position)
        return is_new


class Watch:
    """The same for who does not use asyncio: `for event in watch`."""

    def __init__(self, watch: AsyncWatch, loop: "LoopThread") -> None:
        self._watch = watch
        self._loop = loop

    @property
    def cursor(self) -> str:
        """That of the last event or heartbeat."""
        return self._watch.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CatalogEvent:
        return self._loop.run(self._watch.__anext__())

    def close(self) -> None:
        """Ends the stream. Twice does no harm."""
        self._loop.run(self._watch.aclose())

    def __enter__(self) -> Self:
        self._loop.run(self._watch.begin())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()
