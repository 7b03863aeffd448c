"""The gRPC shell: who may call what, how refusals are told, limits, health, and stopping."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Exhausted, Invalid
from ecatalog.rpc import server as shell
from ecatalog.rpc.server import RpcServer
from ecatalog.rpc.service import Service, Stream, Unary
from ecatalog_client.channel import Channel, open_channel
from ecatalog_client.status import error_from
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.v1.launches_pb2_grpc import EdgeServiceStub, LauncherServiceStub
from tests.cast import SettableClock
from tests.rpc.stand import EDGE_TOKEN, LAUNCHER_TOKEN, Stand, standing

ACTOR = Actor(Role.SERVICE, "test", scopes=frozenset({"edge"}))
Answer = Callable[[Any, Actor], Awaitable[pb.RedeemReply]]


@pytest.fixture
async def stand(db: Database, clock: SettableClock) -> AsyncIterator[Stand]:
    async with standing(db, clock) as started:
        yield started


def _calls(channel: Channel) -> dict[str, Callable[[Any], Awaitable[Any]]]:
    """Every method, with what it takes to be called: for a stream, until its first message."""
    edges, launchers = EdgeServiceStub(channel.raw), LauncherServiceStub(channel.raw)  # type: ignore[no-untyped-call]
    hello = pb.EdgeMessage(hello=pb.EdgeHello(edge_id="edge-1"))
    launcher_hello = pb.LauncherMessage(hello=pb.LauncherHello(launcher_id="launcher-1", engine="docker"))

    async def first(stub: Any, message: Any, metadata: Any) -> Any:
        stream = stub([message].__iter__(), metadata=metadata, timeout=5)
        try:
            return await stream.read()
        finally:
            stream.cancel()

    return {
        "edge Watch": lambda metadata: first(edges.Watch, hello, metadata),
        "edge Redeem": lambda metadata: edges.Redeem(pb.RedeemRequest(), timeout=5, metadata=metadata),
        "edge Leave": lambda metadata: edges.Leave(pb.EdgeLeave(edge_id="e"), timeout=5, metadata=metadata),
        "launcher Watch": lambda metadata: first(launchers.Watch, launcher_hello, metadata),
        "launcher Report": lambda metadata: launchers.Report(pb.LaunchReport(), timeout=5, metadata=metadata),
        "launcher Leave": lambda metadata: launchers.Leave(
            pb.LauncherLeave(launcher_id="l"), timeout=5, metadata=metadata
        ),
    }


METHODS = ["edge Watch", "edge Redeem", "edge Leave", "launcher Watch", "launcher Report", "launcher Leave"]


async def status_of(call: Awaitable[Any]) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


@pytest.fixture
async def channel(stand: Stand) -> AsyncIterator[Channel]:
    opened = open_channel(stand.target, EDGE_TOKEN)
    assert await opened.connected()
    yield opened
    await opened.aclose()


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_is_for_its_scope_only(channel: Channel, method: str) -> None:
    call = _calls(channel)[method]
    tokens = {"edge": EDGE_TOKEN, "launcher": LAUNCHER_TOKEN}
    mine = tokens.pop(method.split()[0])
    (other,) = tokens.values()
    refusals = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert await status_of(call((("authorization", f"Bearer {other}"),))) == "PERMISSION_DENIED"
    assert await status_of(call((("authorization", "Bearer wrong"),))) == "UNAUTHENTICATED"
    assert await status_of(call((("authorization", f"Basic {mine}"),))) == "UNAUTHENTICATED"
    assert await status_of(call(())) == "UNAUTHENTICATED"
    if method != "edge Redeem":  # An empty code is refused with the same status as a missing token.
        assert await status_of(call((("authorization", f"Bearer {mine}"),))) not in refusals


def _revoke_all_tokens(tx: Tx) -> None:
    tx.run("UPDATE api_tokens SET revoked_at = :now", now=tx.now)
    tx.touch("api_tokens")


async def test_a_watch_ends_when_its_token_is_revoked(
    channel: Channel, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "CHECK_SECONDS", 0.0)
    stub = EdgeServiceStub(channel.raw)  # type: ignore[no-untyped-call]
    stream = stub.Watch(metadata=channel.metadata)
    await stream.write(pb.EdgeMessage(hello=pb.EdgeHello(edge_id="edge-1")))
    await stream.read()
    await db.write(_revoke_all_tokens)
    while (status := await status_of(stream.read())) == "OK":
        pass
    assert status == "UNAUTHENTICATED"


@pytest.mark.parametrize("message", [None, pb.EdgeMessage(), pb.EdgeMessage(ack=pb.EdgeAck(position=1))])
async def test_a_watch_that_does_not_begin_with_a_hello_is_refused(channel: Channel, message: Any) -> None:
    stub = EdgeServiceStub(channel.raw)  # type: ignore[no-untyped-call]
    stream = stub.Watch(([message] if message else []).__iter__(), metadata=channel.metadata)
    assert await status_of(stream.read()) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("edge_id", ["", "x" * 129])
async def test_an_edge_needs_a_name_of_reasonable_length(channel: Channel, edge_id: str) -> None:
    stub = EdgeServiceStub(channel.raw)  # type: ignore[no-untyped-call]
    hello = pb.EdgeMessage(hello=pb.EdgeHello(edge_id=edge_id))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Watch([hello].__iter__(), metadata=channel.metadata).read()
    error = error_from(refused.value)
    assert isinstance(error, Invalid)
    assert list(error.fields) == ["edge_id"]


async def test_a_call_without_a_deadline_is_refused(channel: Channel) -> None:
    stub = EdgeServiceStub(channel.raw)  # type: ignore[no-untyped-call]
    call = stub.Redeem(pb.RedeemRequest(), metadata=channel.metadata)
    assert await status_of(call) == "INVALID_ARGUMENT"


async def test_health_is_told_without_a_token_and_reflection_is_off(channel: Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel.raw)
    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflect: Any = channel.raw.stream_stream
    stream = reflect("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")([b""].__iter__(), timeout=5)
    assert await status_of(stream.read()) == "UNIMPLEMENTED"


async def test_a_second_gateway_on_the_same_port_does_not_start(stand: Stand) -> None:
    with pytest.raises(OSError, match="is another gateway running"):
        await RpcServer([], lambda token, is_use=True: ACTOR).start("127.0.0.1", stand.port)


# What a room's methods do, in a service of the tests' own -----------------------------------------------------


def _identify(token: str, *, is_use: bool = True) -> Actor | None:
    return ACTOR if token == "good" else None


async def _endless(messages: AsyncIterator[Any], actor: Actor) -> AsyncGenerator[pb.EdgeEvent, None]:
    yield pb.EdgeEvent(synced=pb.Synced(position=1))
    await asyncio.Event().wait()


@asynccontextmanager
async def serving(answer: Answer, **more: Any) -> AsyncIterator[tuple[Any, Channel, RpcServer]]:
    methods = (
        Unary("Redeem", pb.RedeemRequest, pb.RedeemReply, "edge", answer),
        Stream("Watch", pb.EdgeMessage, pb.EdgeEvent, "edge", _endless),
    )
    server = RpcServer([Service("ecatalog.v1.EdgeService", methods)], _identify, **more)
    channel = open_channel(f"127.0.0.1:{await server.start('127.0.0.1', 0)}", "good")
    assert await channel.connected()
    try:
        yield EdgeServiceStub(channel.raw), channel, server  # type: ignore[no-untyped-call]
    finally:
        await channel.aclose()
        await server.stop()


async def call(stub: Any, channel: Channel, message: Any = None, timeout: float = 5) -> Any:
    return await stub.Redeem(message or pb.RedeemRequest(), timeout=timeout, metadata=channel.metadata)


@pytest.mark.parametrize(
    "error",
    [
        Invalid("Bad größe.", fields={"size": "too größe"}),
        Conflict("Not now."),
        Exhausted("Too often.", retry_after=2.5),
    ],
)
async def test_a_refusal_arrives_as_it_was_raised(error: Any) -> None:
    async def refuse(request: Any, actor: Actor) -> pb.RedeemReply:
        raise error

    async with serving(refuse) as (stub, channel, _):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(stub, channel)
    found = error_from(refused.value)
    assert type(found) is type(error)
    assert (found.message, found.fields, found.retry_after) == (error.message, error.fields, error.retry_after)


async def test_a_fault_is_told_by_an_id_that_the_log_has_too() -> None:
    async def fail(request: Any, actor: Actor) -> pb.RedeemReply:
        raise ZeroDivisionError("secret detail")

    with structlog.testing.capture_logs() as logs:
        async with serving(fail) as (stub, channel, _):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(stub, channel)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (refused.value.details() or "")
    (fault,) = [entry for entry in logs if entry["event"] == "rpc.fault"]
    assert fault["id"] in (refused.value.details() or "")


async def test_every_call_is_told_to_the_metrics() -> None:
    told: list[tuple[str, str]] = []

    async def answer(request: Any, actor: Actor) -> pb.RedeemReply:
        return pb.RedeemReply(path=actor.id)

    on_call = lambda method, status, seconds: told.append((method, status))  # noqa: E731
    async with serving(answer, on_call=on_call) as (stub, channel, _):
        assert (await call(stub, channel)).path == "test"
        assert await status_of(stub.Redeem(pb.RedeemRequest(), timeout=5)) == "UNAUTHENTICATED"
    name = "ecatalog.v1.EdgeService/Redeem"
    assert told == [(name, "OK"), (name, "UNAUTHENTICATED")]


async def test_work_stops_at_the_callers_deadline() -> None:
    is_over = asyncio.Event()

    async def hang(request: Any, actor: Actor) -> pb.RedeemReply:
        try:
            await asyncio.Event().wait()
        finally:
            is_over.set()
        raise AssertionError

    async with serving(hang) as (stub, channel, _):
        assert await status_of(call(stub, channel, timeout=0.1)) == "DEADLINE_EXCEEDED"
        await is_over.wait()


async def test_a_message_over_the_limit_is_refused() -> None:
    async def answer(request: Any, actor: Actor) -> pb.RedeemReply:
        return pb.RedeemReply()

    async with serving(answer) as (_, _, server):
        raw = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
        big = EdgeServiceStub(raw).Redeem(  # type: ignore[no-untyped-call]
            pb.RedeemRequest(code="x" * 5_000_000), timeout=5, metadata=(("authorization", "Bearer good"),)
        )
        assert await status_of(big) == "RESOURCE_EXHAUSTED"
        await raw.close(None)


async def test_stopping_ends_streams_and_lets_calls_finish() -> None:
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, actor: Actor) -> pb.RedeemReply:
        has_begun.set()
        await may_end.wait()
        return pb.RedeemReply(path="done")

    async with serving(slow) as (stub, channel, server):
        stream = stub.Watch(metadata=channel.metadata)
        await stream.read()
        calling = asyncio.create_task(call(stub, channel))
        await has_begun.wait()
        stopping = asyncio.create_task(server.stop())
        assert await status_of(stream.read()) == "UNAVAILABLE"
        may_end.set()
        assert (await calling).path == "done"
        await stopping


def test_it_works_on_uvloop_too() -> None:
    async def answer(request: Any, actor: Actor) -> pb.RedeemReply:
        return pb.RedeemReply(path="/")

    async def story() -> None:
        async with serving(answer) as (stub, channel, _):
            stream = stub.Watch(metadata=channel.metadata)
            assert (await stream.read()).synced.position == 1
            assert (await call(stub, channel)).path == "/"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
