"""The generic door over a real gRPC server: the same answers and refusals as REST, for people and services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import msgspec
import pytest

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.web import streams
from ecatalog_client import AsyncCatalog
from ecatalog_client.errors import CatalogError, Exhausted
from ecatalog_client.operations import EVENTS_FOLLOW
from ecatalog_client.status import CODE, error_from
from ecatalog_client.v1 import catalog_pb2 as pb
from ecatalog_client.v1.catalog_pb2_grpc import CatalogServiceStub
from tests.cast import Caller, Cast
from tests.client.served import served

READER = "token-of-a-reader"


class Door:
    """Calls operations by name with somebody's token."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._stub = CatalogServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        await self._channel.close(None)

    async def call(self, token: str, name: str, *path: str, given: Any = None, **metadata: str) -> Any:
        """The answer, None for none. Raises the error of the family that the gateway raised."""
        reply = await self.reply(token, name, *path, given=given, **metadata)
        return msgspec.json.decode(reply.answer) if reply.answer else None

    async def reply(self, token: str, name: str, *path: str, given: Any = None, **metadata: str) -> pb.CallReply:
        raw = given if isinstance(given, bytes) else b"" if given is None else msgspec.json.encode(given)
        request = pb.CallRequest(operation=name, path=path, input=raw)
        try:
            reply: pb.CallReply = await self._stub.Call(request, timeout=5, metadata=_metadata(token, metadata))
        except grpc.aio.AioRpcError as error:
            raise error_from(error) from error
        return reply

    def events(self, token: str, name: str, *path: str) -> Any:
        """A stream as it comes."""
        request = pb.CallRequest(operation=name, path=path)
        return self._stub.Follow(request, timeout=5, metadata=_metadata(token, {}))

    async def follow(self, token: str, name: str, *path: str) -> list[tuple[str, Any]]:
        try:
            return [(each.event, msgspec.json.decode(each.answer)) async for each in self.events(token, name, *path)]
        except grpc.aio.AioRpcError as error:
            raise error_from(error) from error


def _metadata(token: str, more: dict[str, str]) -> tuple[tuple[str, str], ...]:
    own = (("authorization", f"Bearer {token}"),) if token else ()
    return own + tuple((name.replace("_", "-"), value) for name, value in more.items())


@pytest.fixture
async def rpc(gateway: Gateway, people: Cast) -> AsyncIterator[Door]:
    await gateway.db.write(create_api_token, SYSTEM, "reader", ["clients:read"], READER)
    door = Door(gateway.grpc_port)
    yield door
    await door.aclose()


async def test_an_answer_is_the_one_of_rest(rpc: Door, seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}"
    told = await rpc.reply(people.seller.token, "GET /api/clients/{id}", people.acme.id)
    answer = await seller.get(path)
    assert (told.answer, told.status, told.etag) == (answer.body, 200, answer.headers["etag"])


async def test_lists_take_their_filters(rpc: Door, people: Cast) -> None:
    page = await rpc.call(people.viewer.token, "GET /api/clients", given={"status": "active", "limit": "1"})
    assert [client["access_status"] for client in page["items"]] == ["active"]
    more = await rpc.call(people.viewer.token, "GET /api/clients", given={"status": "active", "cursor": page["next"]})
    assert [client["access_status"] for client in more["items"]] == ["active"]


async def test_a_change_is_durable_and_waits_for_the_cut(rpc: Door, people: Cast, acme: Caller) -> None:
    name = "PATCH /api/clients/{id}/revoke"
    cut = await rpc.call(people.seller.token, name, people.acme.id, given={"reason": "over"})
    assert (cut["access_status"], cut["cut"]["waiting_for"]) == ("revoked", [])
    assert (await acme.get("/api/auth/me")).status == 401


async def test_people_log_in_and_out_here_too(rpc: Door, people: Cast, nobody: Caller) -> None:
    from tests.cast import PASSWORD

    given = {"email": people.acme.email, "password": PASSWORD}
    token = (await rpc.call("", "POST /api/auth/login", given=given))["token"]
    assert (await rpc.call(token, "GET /api/auth/me"))["client"]["id"] == people.acme.id
    assert await rpc.call(token, "POST /api/auth/logout") is None
    with pytest.raises(CatalogError) as refused:
        await rpc.call(token, "GET /api/auth/me")
    assert refused.value.code == "unauthorized"


async def test_a_launch_is_followed(rpc: Door, people: Cast, acme: Caller) -> None:
    launch = await rpc.call(people.acme.token, "POST /api/demos/{id}/open", people.remote)
    events = await rpc.follow(people.acme.token, "GET /api/launches/{id}/events", launch["id"])
    assert [(name, told["state"]) for name, told in events] == [("launch", "running")]


async def test_one_caller_has_so_many_streams_over_both_doors_and_no_more(
    gateway: Gateway, rpc: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_PER_CALLER", 2)
    async with served(gateway) as at, AsyncCatalog(at.url, READER) as catalog:
        over_http = catalog.line.follow(EVENTS_FOLLOW, (), {})
        over_grpc = rpc.events(READER, "GET /api/events")
        await anext(over_http)
        await over_grpc.read()
        with pytest.raises(CatalogError, match="You have 2 event streams open") as refused:
            await rpc.follow(READER, "GET /api/events")
        with pytest.raises(Exhausted):
            await anext(catalog.line.follow(EVENTS_FOLLOW, (), {}))
        assert (refused.value.code, refused.value.retry_after) == ("exhausted", 5)

        over_grpc.cancel()
        async with asyncio.timeout(5):
            while not await _begins(rpc.events(READER, "GET /api/events")):
                await asyncio.sleep(0.01)
        await over_http.aclose()


async def _begins(events: Any) -> bool:
    """Whether the stream is given a place, which the one that has just ended may still have."""
    try:
        await events.read()
    except grpc.aio.AioRpcError:
        return False
    events.cancel()
    return True


async def test_conditions_travel_as_metadata(rpc: Door, people: Cast) -> None:
    name, token = "PATCH /api/clients/{id}/renew", people.seller.token
    first = await rpc.reply(token, name, people.acme.id, given={"days": 7}, idempotency_key="a")
    again = await rpc.reply(token, name, people.acme.id, given={"days": 7}, idempotency_key="a")
    assert first.answer == again.answer
    with pytest.raises(CatalogError) as refused:
        await rpc.call(token, name, people.acme.id, given={"days": 7}, if_match='"1"')
    assert refused.value.code == "stale"
    assert (await rpc.call(token, name, people.acme.id, given={"days": 7}, if_match=first.etag))["version"] == 3


# Who may, and what is refused ----------------------------------------------------------------------------------


async def test_a_service_does_what_its_scopes_say(rpc: Door, people: Cast) -> None:
    assert (await rpc.call(READER, "GET /api/clients/{id}", people.acme.id))["id"] == people.acme.id
    for name, path in (("PATCH /api/clients/{id}/revoke", (people.acme.id,)), ("GET /api/demos", ())):
        with pytest.raises(CatalogError) as refused:
            await rpc.call(READER, name, *path)
        assert refused.value.code == "forbidden"


async def test_a_token_of_a_service_is_good_over_rest(gateway: Gateway, rpc: Door, people: Cast) -> None:
    caller = Caller(gateway.asgi, headers={"authorization": f"Bearer {READER}"})
    assert (await caller.get(f"/api/clients/{people.acme.id}")).status == 200
    assert (await caller.patch(f"/api/clients/{people.acme.id}/revoke")).status == 403
    assert (await caller.get("/api/auth/me")).status == 403


@pytest.mark.parametrize(
    ("name", "path", "given", "code"),
    [
        ("GET /api/nothing", (), None, "not_found"),
        ("GET /api/clients/{id}", (), None, "malformed"),
        ("GET /api/clients/{id}", ("",), None, "malformed"),
        ("GET /api/clients/{id}", ("x" * 2001,), None, "malformed"),
        ("GET /api/clients/{id}", ("nobody",), None, "not_found"),
        ("GET /api/clients", (), b"[", "malformed"),
        ("GET /api/clients", (), b"[" * 40, "malformed"),
        ("GET /api/clients", (), b" " * 70_000, "too_large"),
        ("GET /api/clients", (), {"limit": 0}, "invalid"),
        ("GET /api/clients", (), {"sort": "name"}, "invalid"),
        ("GET /api/launches/{id}/events", ("x",), None, "not_found"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(
    rpc: Door, people: Cast, name: str, path: tuple[str, ...], given: Any, code: str
) -> None:
    with pytest.raises(CatalogError) as refused:
        await rpc.call(people.admin.token, name, *path, given=given)
    error = refused.value.__cause__
    assert isinstance(error, grpc.aio.AioRpcError)
    trailers: Any = error.trailing_metadata() or ()
    assert dict(trailers)[CODE] == code


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000])
async def test_nobody_is_told_to_log_in(rpc: Door, token: str) -> None:
    with pytest.raises(CatalogError) as refused:
        await rpc.call(token, "GET /api/clients")
    assert refused.value.code == "unauthorized"


async def test_a_call_is_no_stream_and_a_stream_no_call(rpc: Door, people: Cast) -> None:
    with pytest.raises(CatalogError, match="use Follow"):
        await rpc.call(people.admin.token, "GET /api/launches/{id}/events", "x")
    with pytest.raises(CatalogError, match="use Call"):
        await rpc.follow(people.admin.token, "GET /api/launches/{id}", "x")
