"""Calls over gRPC, by the generic door `CatalogService`: the same operations, answers and refusals as over HTTP."""

import asyncio
import time
from typing import Any

import grpc
import grpc.aio
import msgspec
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from ecatalog_client.calls import PROBE_SECONDS, Attempt, FailedError
from ecatalog_client.channel import Channel, open_channel
from ecatalog_client.errors import Unanswered, Unavailable
from ecatalog_client.operation import Ask
from ecatalog_client.status import SILENCE, error_from
from ecatalog_client.stub_calls import Metadata, connected, send_once
from ecatalog_client.tls import Tls, credentials_of
from ecatalog_client.transport import Reply
from ecatalog_client.v1 import catalog_pb2 as pb
from ecatalog_client.v1.catalog_pb2_grpc import CatalogServiceStub


class GrpcTransport:
    """Towards one catalog, over a channel that the first call opens: it belongs to the loop of that call."""

    def __init__(self, target: str, token: str = "", *, tls: Tls | None = None) -> None:
        self.token = token
        self._target = target
        self._tls = tls
        self._channel: Channel | None = None

    async def send(self, ask: Ask, attempt: Attempt) -> Reply:
        """The answer. Raises FailedError."""
        channel = self._opened()
        stub = CatalogServiceStub(channel.raw)  # type: ignore[no-untyped-call]
        reply: pb.CallReply = await send_once(channel, stub.Call, _request(ask), attempt, self._metadata(ask))
        return Reply(reply.answer)

    async def open(self, ask: Ask, attempt: Attempt) -> "GrpcFeed":
        """The stream, once its first event is there. Raises FailedError."""
        channel = self._opened()
        await connected(channel, attempt)
        stub = CatalogServiceStub(channel.raw)  # type: ignore[no-untyped-call]
        events = stub.Follow(_request(ask), metadata=self._metadata(ask))
        feed = GrpcFeed(events)
        await feed.begin(attempt)
        return feed

    async def probe(self) -> None:
        channel = self._opened()
        attempt = Attempt(time.monotonic() + PROBE_SECONDS, time.monotonic)
        stub = HealthStub(channel.raw)
        await send_once(channel, stub.Check, health_pb2.HealthCheckRequest(), attempt, ())

    async def aclose(self) -> None:
        if self._channel is not None:
            await self._channel.aclose()

    def _opened(self) -> Channel:
        if self._channel is None:
            self._channel = open_channel(self._target, "", credentials=credentials_of(self._tls))
        return self._channel

    def _metadata(self, ask: Ask) -> Metadata:
        found = [("authorization", f"Bearer {self.token}")] if self.token else []
        found += [("idempotency-key", ask.key)] if ask.key else []
        found += [("if-match", f'"{ask.version}"')] if ask.version is not None else []
        found += [("accept", ask.accept)] if ask.accept else []
        return tuple(found)


class GrpcFeed:
    """The events of one call of `Follow`."""

    def __init__(self, events: Any) -> None:
        self._events = events
        self._first: tuple[str, bytes] | None = None
        self._has_first = False

    async def begin(self, attempt: Attempt) -> None:
        """Waits for the first event: what is refused is refused before it. Raises FailedError."""
        try:
            async with asyncio.timeout(attempt.left):
                self._first = await self._read()
        except TimeoutError as error:
            self._events.cancel()
            unanswered = Unanswered("The catalog did not answer in time. Try again in a moment.")
            raise FailedError(unanswered, is_silence=True) from error
        except grpc.aio.AioRpcError as error:
            raise FailedError(error_from(error), is_silence=error.code() in SILENCE) from None
        self._has_first = True

    async def next(self) -> tuple[str, bytes] | None:
        if self._has_first:
            self._has_first = False
            return self._first
        try:
            return await self._read()
        except grpc.aio.AioRpcError as error:
            raise error_from(error) from None

    async def aclose(self) -> None:
        self._events.cancel()

    async def _read(self) -> tuple[str, bytes] | None:
        if self._events.cancelled():
            # A read that was given up takes the whole call with it, and the next one would look like our own end.
            raise Unavailable("The stream broke off. Follow it again.")
        event = await self._events.read()
        return None if event is grpc.aio.EOF else (event.event, event.answer)  # type: ignore[attr-defined]


def _request(ask: Ask) -> pb.CallRequest:
    return pb.CallRequest(
        operation=ask.operation.name, path=ask.path, input=msgspec.json.encode(ask.given) if ask.given else b""
    )
