"""What the methods of a catalog stand on: one line to it, with deadlines, retries and a breaker."""

import uuid
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import msgspec

from ecatalog_client.breaker import Breaker
from ecatalog_client.calls import Attempt, Caller, FailedError, Hooks
from ecatalog_client.errors import Unavailable
from ecatalog_client.operation import Ask, Operation
from ecatalog_client.pages import AsyncPages
from ecatalog_client.transport import Feed, Transport
from ecatalog_client.types.paging import Page

T = TypeVar("T")

DEADLINE = 10.0


class Line:
    """Calls, pages and streams of operations. `deadline` is in seconds, of each call that is given none of its own."""

    def __init__(
        self, transport: Transport, *, deadline: float = DEADLINE, hooks: Hooks | None = None, breaker: Breaker | None
    ) -> None:
        self.transport = transport
        self.hooks = hooks or Hooks()
        self._deadline = bounded(deadline)
        self.caller = Caller(upstream="catalog", hooks=self.hooks, breaker=breaker, probe=transport.probe)

    async def call(
        self,
        operation: Operation[T],
        path: tuple[str, ...],
        given: Mapping[str, object],
        *,
        deadline: float | None = None,
        key: str = "",
        version: int | None = None,
    ) -> T:
        """The answer, as the type that the operation gives. Raises the family of errors."""
        ask = Ask(operation, path, given, version=version)
        if operation.takes_key and self.transport.token:
            ask = replace(ask, key=key or str(uuid.uuid4()))

        async def send(attempt: Attempt) -> T:
            reply = await self.transport.send(ask, attempt)
            return cast(T, None if operation.gives is None else decoded(reply.answer, operation.gives))

        return await self.caller.call(
            operation.name, send, deadline=self._within(deadline), is_safe=bool(ask.key) or is_harmless(operation)
        )

    async def table(
        self,
        operation: Operation[Any],
        path: tuple[str, ...],
        given: Mapping[str, object],
        *,
        deadline: float | None = None,
    ) -> str:
        """The answer as CSV (RFC 4180), its first line the names of the columns. Raises the family of errors."""
        ask = Ask(operation, path, given, accept="text/csv")

        async def send(attempt: Attempt) -> str:
            return as_text((await self.transport.send(ask, attempt)).answer)

        return await self.caller.call(operation.name, send, deadline=self._within(deadline), is_safe=True)

    def pages(
        self,
        operation: Operation[Page[T]],
        path: tuple[str, ...],
        given: Mapping[str, object],
        *,
        deadline: float | None = None,
    ) -> AsyncPages[T]:
        """A list, page by page; each page has the deadline for itself."""

        async def fetch(cursor: str | None) -> Page[T]:
            asked = {**given, "cursor": cursor} if cursor else given
            return await self.call(operation, path, asked, deadline=deadline)

        return AsyncPages(fetch)

    async def follow(
        self,
        operation: Operation[T],
        path: tuple[str, ...],
        given: Mapping[str, object],
        *,
        deadline: float | None = None,
    ) -> AsyncGenerator[T, None]:
        """The events of a stream, until it ends; it begins within the deadline. Raises the family of errors."""
        feed = await self.open(Ask(operation, path, given), deadline=deadline)
        try:
            while (event := await feed.next()) is not None:
                yield event_of(event[1], operation.gives)
        finally:
            await feed.aclose()

    async def open(self, ask: Ask, *, deadline: float | None = None) -> Feed:
        """A stream that has begun. Raises the family of errors."""

        async def send(attempt: Attempt) -> Feed:
            return await self.transport.open(ask, attempt)

        return await self.caller.call(ask.operation.name, send, deadline=self._within(deadline), is_safe=True)

    def _within(self, deadline: float | None) -> float:
        return self._deadline if deadline is None else bounded(deadline)


def bounded(deadline: float) -> float:
    """Raises ValueError for what is no deadline."""
    if not 0 < deadline < float("inf"):
        raise ValueError("a deadline is a number of seconds: a call without one may hang for ever")
    return deadline


def is_harmless(operation: Operation[Any]) -> bool:
    """Whether a repetition without a key does no harm."""
    return operation.is_safe and not operation.takes_key


def decoded(raw: bytes, kind: Any) -> Any:
    """Raises FailedError for what is no such answer: something between here and the catalog garbled it."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FailedError(_unreadable(), is_silence=True) from error


def as_text(raw: bytes) -> str:
    """The text, without the byte order mark that spreadsheets want. Raises FailedError for what is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FailedError(_unreadable(), is_silence=True) from error


def event_of(raw: bytes, kind: Any) -> Any:
    """The same of an event. Raises Unavailable."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable() from error


def _unreadable() -> Unavailable:
    return Unavailable("The answer cannot be read. Check that the address is that of the catalog, of this version.")
