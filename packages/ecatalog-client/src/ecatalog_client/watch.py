"""The watches: one stream after the other, for ever. Each resumes where the last one stopped.

A stream without a message for 3 s is broken. Each gets a channel of its own, so that a connection whose
packets vanish is never used again.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import grpc.aio

from ecatalog_client.acks import AckQueue
from ecatalog_client.calls import Hooks
from ecatalog_client.channel import Channel, open_channel
from ecatalog_client.status import error_from
from ecatalog_client.types.serving import (
    Begin,
    Change,
    EdgeUpdate,
    EngineStatus,
    Heartbeat,
    LauncherUpdate,
    Lost,
    Synced,
    WantedChange,
)
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.v1.launches_pb2_grpc import EdgeServiceStub, LauncherServiceStub
from ecatalog_client.wire import message_of, struct_of

SILENCE_SECONDS = 3.0
LONGEST_PAUSE = 0.5

Update = TypeVar("Update")


@dataclass(slots=True)
class Place:
    """How far a watch has come: a stream that begins with it gets what it lacks."""

    epoch: str = ""
    position: int = 0


class StatusSlot:
    """What a launcher last said of itself: only the latest counts, so there is no queue."""

    def __init__(self) -> None:
        self.latest = EngineStatus()
        self.changed = asyncio.Event()

    def put(self, status: EngineStatus) -> None:
        self.latest = status
        self.changed.set()

    def say_again(self) -> None:
        """Whoever is not heard loses the engine."""
        self.changed.set()


def boottime() -> float:
    """CLOCK_BOOTTIME in seconds: it runs on in suspend, and nobody sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def watch_edges(
    target: str,
    token: str,
    edge_id: str,
    acks: AckQueue,
    *,
    hooks: Hooks | None = None,
    credentials: grpc.ChannelCredentials | None = None,
) -> AsyncGenerator[EdgeUpdate, None]:
    """What an edge may serve. `edge_id` must be of one process at a time. Acknowledge by `acks`.

    It never ends and never raises; whoever no longer wants it closes it.
    """

    def open_stream(channel: Channel, place: Place) -> "_Stream":
        call = EdgeServiceStub(channel.raw).Watch(metadata=channel.metadata)  # type: ignore[no-untyped-call]
        hello = pb.EdgeHello(edge_id=edge_id, epoch=place.epoch, since_position=place.position)
        return _Stream(call, lambda: _tell_acks(call, hello, acks))

    def read(event: pb.EdgeEvent) -> EdgeUpdate | None:
        match event.WhichOneof("event"):
            case "begin":
                return struct_of(event.begin, Begin, installation="")
            case "change":
                return struct_of(event.change, Change)
            case "synced":
                return struct_of(event.synced, Synced)
            case "heartbeat":
                acks.confirm(event.heartbeat.acked_sequence)
                return struct_of(event.heartbeat, Heartbeat, received_at_boottime=boottime())
        return None  # something that only a newer gateway says

    dial = _Dial(target, token, credentials, "edge", hooks or Hooks())
    return _follow(dial, open_stream, read)


def watch_launchers(
    target: str,
    token: str,
    launcher_id: str,
    engine: str,
    status: StatusSlot,
    *,
    hooks: Hooks | None = None,
    credentials: grpc.ChannelCredentials | None = None,
) -> AsyncGenerator[LauncherUpdate, None]:
    """What should run. Of several launchers of one `engine`, the heartbeats of one say `is_active`.

    Each heartbeat that is taken is answered by the status.
    """

    def open_stream(channel: Channel, place: Place) -> "_Stream":
        call = LauncherServiceStub(channel.raw).Watch(metadata=channel.metadata)  # type: ignore[no-untyped-call]
        hello = pb.LauncherHello(
            launcher_id=launcher_id, engine=engine, epoch=place.epoch, since_position=place.position
        )
        return _Stream(call, lambda: _tell_status(call, hello, status))

    def read(event: pb.LauncherEvent) -> LauncherUpdate | None:
        match event.WhichOneof("event"):
            case "begin":
                return struct_of(event.begin, Begin, cookie_key=b"", catalog_url="")
            case "change":
                return struct_of(event.change, WantedChange)
            case "synced":
                return struct_of(event.synced, Synced)
            case "heartbeat":
                status.say_again()
                return struct_of(event.heartbeat, Heartbeat, received_at_boottime=boottime())
        return None

    dial = _Dial(target, token, credentials, "launcher", hooks or Hooks())
    return _follow(dial, open_stream, read)


async def _tell_acks(call: Any, hello: pb.EdgeHello, acks: AckQueue) -> None:
    await call.write(pb.EdgeMessage(hello=hello))
    for ack in acks.unconfirmed():
        await call.write(pb.EdgeMessage(ack=message_of(ack, pb.EdgeAck)))
    while True:
        await call.write(pb.EdgeMessage(ack=message_of(await acks.next(), pb.EdgeAck)))


async def _tell_status(call: Any, hello: pb.LauncherHello, status: StatusSlot) -> None:
    await call.write(pb.LauncherMessage(hello=hello))
    while True:
        status.changed.clear()
        await call.write(pb.LauncherMessage(status=message_of(status.latest, pb.LauncherStatus)))
        await status.changed.wait()


@dataclass(frozen=True, slots=True)
class _Dial:
    target: str
    token: str
    credentials: grpc.ChannelCredentials | None
    name: str
    hooks: Hooks


@dataclass(frozen=True, slots=True)
class _Stream:
    call: Any
    tell: Callable[[], Any]


async def _follow(
    dial: _Dial,
    open_stream: Callable[[Channel, Place], _Stream],
    read: Callable[[Any], Update | None],
) -> AsyncGenerator[Update | Lost, None]:
    place = Place()
    told = ""
    while True:
        reason = "the gateway ended the stream"
        try:
            async with (
                _opened(dial, open_stream, place) as events,
                aclosing(_updates(events, read, place)) as updates,
            ):
                async for update in updates:
                    if isinstance(update, Begin):
                        dial.hooks.watch(dial.name, True)
                    told = ""
                    yield update
        except TimeoutError:
            reason = f"nothing was heard for {SILENCE_SECONDS:.0f} s"
        except grpc.aio.AioRpcError as error:
            reason = f"{error.code().name}: {error_from(error).message}"
        dial.hooks.watch(dial.name, False)
        if reason != told:
            # While it stays away for the same reason, saying so once is enough.
            yield Lost(reason=reason)
        told = reason
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - jitter, no secret


@asynccontextmanager
async def _opened(
    dial: _Dial, open_stream: Callable[[Channel, Place], _Stream], place: Place
) -> AsyncIterator[AsyncIterator[Any]]:
    channel = open_channel(dial.target, dial.token, credentials=dial.credentials)
    stream = open_stream(channel, place)
    telling = asyncio.create_task(stream.tell())
    try:
        yield _events(stream.call, telling)
    finally:
        telling.cancel()
        stream.call.cancel()
        await asyncio.wait((telling,))
        if not telling.cancelled():
            telling.exception()  # Looked at, or asyncio would complain that nobody did.
        await channel.aclose()


def _raise_faults(telling: asyncio.Task[None]) -> None:
    """What ended the stream ends the telling too, and the reader has seen it; the rest are faults."""
    fault = None if telling.cancelled() else telling.exception()
    if fault is not None and not isinstance(fault, (grpc.aio.AioRpcError, asyncio.InvalidStateError)):
        raise fault


async def _events(call: Any, telling: asyncio.Task[None]) -> AsyncIterator[Any]:
    events = aiter(call)
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                event = await anext(events)
        except StopAsyncIteration:
            return
        if telling.done():
            _raise_faults(telling)
        yield event


async def _updates(
    events: AsyncIterator[Any], read: Callable[[Any], Update | None], place: Place
) -> AsyncGenerator[Update, None]:
    """The updates of one stream. The place moves once the consumer comes back for the next one."""
    pending = Place()
    async for event in events:
        update = read(event)
        if update is None:
            continue
        if isinstance(update, Begin):
            # Until a snapshot is complete there is nothing to resume from.
            pending.epoch = update.epoch
            if update.is_snapshot:
                place.epoch, place.position = "", 0
        yield update
        if isinstance(update, Synced):
            place.epoch, place.position = pending.epoch, update.position
        elif isinstance(update, (Change, WantedChange)) and place.epoch:
            place.position = update.position
