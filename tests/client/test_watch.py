"""The watches of the client: reconnecting by themselves, resuming from the right place, never raising."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.errors import Unauthorized
from ecatalog.rpc.server import RpcServer
from ecatalog.rpc.service import Service, Stream
from ecatalog_client import watch
from ecatalog_client.acks import AckQueue
from ecatalog_client.calls import Hooks
from ecatalog_client.types.serving import Begin, Change, Cut, EdgeUpdate, Heartbeat, Lost, Synced
from ecatalog_client.v1 import launches_pb2 as pb
from tests.rpc.stand import until

ACTOR = Actor(Role.SERVICE, "test", scopes=frozenset({"edge"}))
BEGIN = pb.EdgeEvent(begin=pb.EdgeBegin(epoch="e1", is_snapshot=True))
RESUME = pb.EdgeEvent(begin=pb.EdgeBegin(epoch="e1", is_snapshot=False))
HANG = None


def synced(position: int) -> pb.EdgeEvent:
    return pb.EdgeEvent(synced=pb.Synced(position=position))


def change(position: int) -> pb.EdgeEvent:
    return pb.EdgeEvent(change=pb.EdgeChange(position=position))


def beat(*, acked: int = 0) -> pb.EdgeEvent:
    return pb.EdgeEvent(heartbeat=pb.Heartbeat(now_ms=1, position=9, lease_until_ms=2, acked_sequence=acked))


@dataclass
class Gateway:
    """Plays one list of events per stream (the last one from then on), and keeps what it was told."""

    scripts: list[Sequence[pb.EdgeEvent | None]]
    hellos: list[tuple[str, int]] = field(default_factory=list)
    acks: asyncio.Queue[pb.EdgeAck] = field(default_factory=asyncio.Queue)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    token: str = "good"

    def authenticate(self, token: str, *, is_use: bool = True) -> Actor:
        if token != self.token:
            raise Unauthorized("This token is unknown.")
        return ACTOR

    async def watch(self, messages: AsyncIterator[Any], actor: Actor) -> AsyncGenerator[pb.EdgeEvent, None]:
        script = self.scripts[min(len(self.hellos), len(self.scripts) - 1)]
        hello = (await anext(messages)).hello
        self.hellos.append((hello.epoch, hello.since_position))
        reading = asyncio.create_task(self._read(messages))
        try:
            for event in script:
                if event is None:
                    await asyncio.Event().wait()
                else:
                    yield event
        finally:
            reading.cancel()
            self.ended.set()

    async def _read(self, messages: AsyncIterator[Any]) -> None:
        async for message in messages:
            self.acks.put_nowait(message.ack)


@asynccontextmanager
async def playing(*scripts: Sequence[pb.EdgeEvent | None]) -> AsyncIterator[tuple[Gateway, str]]:
    gateway = Gateway(list(scripts))
    method = Stream("Watch", pb.EdgeMessage, pb.EdgeEvent, "edge", gateway.watch)
    server = RpcServer([Service("ecatalog.v1.EdgeService", (method,))], gateway.authenticate)
    port = await server.start("127.0.0.1", 0)
    try:
        yield gateway, f"127.0.0.1:{port}"
    finally:
        await server.stop()


def edge(
    target: str, acks: AckQueue | None = None, hooks: Hooks | None = None
) -> Any:  # closing a generator that is typed by its updates
    return aclosing(watch.watch_edges(target, "good", "edge-1", acks or AckQueue(), hooks=hooks))


def is_a(kind: type) -> Any:
    return lambda update: isinstance(update, kind)


async def nth(updates: AsyncGenerator[EdgeUpdate, None], kind: type, count: int) -> None:
    for _ in range(count):
        await until(updates, is_a(kind))


async def test_a_broken_stream_is_resumed_from_the_last_change_that_was_taken() -> None:
    first = [BEGIN, change(0), synced(7), change(9)]
    async with playing(first, [RESUME, change(12), synced(12)]) as (gateway, target), edge(target) as updates:
        came = await until(updates, is_a(Lost))
        assert [type(update) for update in came] == [Begin, Change, Synced, Change, Lost]
        assert came[-1] == Lost(reason="the gateway ended the stream")
        await nth(updates, Begin, 2)
    assert gateway.hellos == [("", 0), ("e1", 9), ("e1", 12)]


async def test_a_snapshot_that_broke_off_is_begun_anew() -> None:
    again = pb.EdgeEvent(begin=pb.EdgeBegin(epoch="e2", is_snapshot=True))
    async with (
        playing([BEGIN, synced(7), again, change(0)], [again, synced(3), HANG]) as (gateway, target),
        edge(target) as updates,
    ):
        await nth(updates, Begin, 3)
    assert gateway.hellos == [("", 0), ("", 0)]


async def test_silence_breaks_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.1)
    async with playing([BEGIN, synced(7), HANG]) as (gateway, target), edge(target) as updates:
        lost = (await until(updates, is_a(Lost)))[-1]
        await until(updates, is_a(Begin))
    assert isinstance(lost, Lost)
    assert "nothing was heard" in lost.reason
    assert gateway.hellos == [("", 0), ("e1", 7)]


async def test_a_refused_watch_says_why_once_and_goes_on_when_it_may() -> None:
    connected: list[bool] = []
    hooks = Hooks(watch=lambda name, is_connected: connected.append(is_connected))
    async with playing([BEGIN, HANG]) as (gateway, target), edge(target, hooks=hooks) as updates:
        gateway.token = "another"
        lost = await anext(updates)
        assert lost == Lost(reason="UNAUTHENTICATED: This token is unknown.")
        coming = asyncio.ensure_future(anext(updates))
        while len(connected) < 3:
            await asyncio.wait((coming,), timeout=0.05)
        assert not coming.done(), "the same reason is told once"
        gateway.token = "good"
        assert isinstance(await coming, Begin)
    assert connected[:3] == [False, False, False]
    assert connected[-1] is True


async def test_a_gateway_that_is_not_there_is_lost_until_it_is() -> None:
    async with playing([]) as (_, target):
        pass
    async with edge(target) as updates:
        lost = await anext(updates)
    assert isinstance(lost, Lost)
    assert lost.reason.startswith("UNAVAILABLE")


async def test_closing_the_watch_ends_the_stream() -> None:
    async with playing([BEGIN, HANG]) as (gateway, target):
        async with edge(target) as updates:
            await anext(updates)
        await gateway.ended.wait()


async def test_a_heartbeat_carries_when_it_came() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    async with playing([BEGIN, beat(), HANG]) as (_, target), edge(target) as updates:
        heartbeat = (await until(updates, is_a(Heartbeat)))[-1]
    assert isinstance(heartbeat, Heartbeat)
    assert before <= heartbeat.received_at_boottime <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert heartbeat.now.timestamp() == 0.001


async def test_what_only_a_newer_gateway_says_is_passed_over() -> None:
    async with playing([BEGIN, pb.EdgeEvent(), synced(3), HANG]) as (_, target), edge(target) as updates:
        came = await until(updates, is_a(Synced))
    assert [type(update) for update in came] == [Begin, Synced]


async def test_a_fault_in_what_is_told_is_not_swallowed() -> None:
    """Else the gateway would never hear of this edge again, and the edge not know."""
    acks = AckQueue()
    async with playing([BEGIN, *[beat()] * 1000, HANG]) as (_, target), edge(target, acks) as updates:
        await anext(updates)
        acks.send(5, [Cut(launch_id="l", client_id="c", connections=2**40)])
        with pytest.raises(ValueError, match="out of range"):
            await until(updates, is_a(Lost))


async def test_what_was_not_confirmed_is_acknowledged_again_on_the_next_stream() -> None:
    acks = AckQueue()
    async with playing([BEGIN, HANG]) as (gateway, target):
        async with edge(target, acks) as updates:
            await anext(updates)
            acks.send(5, [Cut(launch_id="l", client_id="c", connections=2)])
            first = await gateway.acks.get()
            acks.send(6)
            second = await gateway.acks.get()
        async with edge(target, acks) as updates:
            await anext(updates)
            assert (await gateway.acks.get(), await gateway.acks.get()) == (first, second)
        gateway.scripts = [[BEGIN, beat(acked=first.sequence), HANG]]
        async with edge(target, acks) as updates:
            await until(updates, is_a(Heartbeat))
        assert [ack.sequence for ack in acks.unconfirmed()] == [second.sequence]
    assert first.cuts[0].connections == 2
    assert second.position == 6
