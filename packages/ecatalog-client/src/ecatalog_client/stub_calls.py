"""Calls by a stub of gRPC: each try waits for a connection first, so that a dead upstream is told from a slow one."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

import grpc
import grpc.aio

from ecatalog_client.breaker import Breaker
from ecatalog_client.calls import CONNECT_SECONDS, Attempt, Caller, FailedError
from ecatalog_client.channel import Channel
from ecatalog_client.errors import Unanswered
from ecatalog_client.status import SILENCE, error_from

Metadata = tuple[tuple[str, str], ...]


class Stub(Protocol):
    """A unary method of a generated stub."""

    def __call__(self, request: Any, /, *, timeout: float, metadata: Metadata) -> Awaitable[Any]: ...


class StubCaller:
    """Calls the services of one channel by a caller."""

    def __init__(self, channel: Channel, caller: Caller) -> None:
        self._channel = channel
        self._caller = caller

    @property
    def breaker(self) -> Breaker:
        return self._caller.breaker

    async def call(self, method: str, stub: Stub, request: Any, *, deadline: float, is_safe: bool) -> Any:
        """The reply, within `deadline` seconds. Raises the family of errors; tried again as `Caller.call` says."""

        async def send(attempt: Attempt) -> Any:
            return await send_once(self._channel, stub, request, attempt, self._channel.metadata)

        return await self._caller.call(method, send, deadline=deadline, is_safe=is_safe)


async def send_once(channel: Channel, stub: Stub, request: Any, attempt: Attempt, metadata: Metadata) -> Any:
    """The reply to one try. Raises FailedError."""
    await connected(channel, attempt)
    try:
        return await stub(request, timeout=attempt.left, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        raise FailedError(error_from(error), is_silence=error.code() in SILENCE) from None


async def connected(channel: Channel, attempt: Attempt) -> None:
    """Returns with a connection, and marks the try as sent. Raises FailedError."""
    try:
        async with asyncio.timeout(min(CONNECT_SECONDS, attempt.left)):
            is_connected = await channel.connected()
    except TimeoutError:
        is_connected = False
    if not is_connected or attempt.left <= 0:
        raise FailedError(Unanswered("The catalog cannot be reached. Try again in a moment."), is_silence=True)
    attempt.is_sent = True
