"""`GET /api/events`: what happens about launches, access and usage, in order, from a cursor on, to who may know."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest

from ecatalog.access.actions import renew_client, revoke_client
from ecatalog.app import Gateway
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.errors import Conflict, Forbidden, Invalid
from ecatalog.kit.paging import encode_cursor
from ecatalog.launches.opening import open_demo
from ecatalog.ops.events_api import follow_events
from ecatalog.usage.actions import record_use
from ecatalog_client.types.events import AccessEvent, Heartbeat, LaunchEvent, UsageEvent
from tests.asgi import Caller as Stranger
from tests.asgi import Exchange
from tests.cast import Caller, Cast

Events = AsyncGenerator[tuple[str, Any], None]


def service(*scopes: str) -> Actor:
    return Actor(Role.SERVICE, "a-neighbour", scopes=frozenset(scopes))


def following(gateway: Gateway, actor: Actor, **fields: Any) -> Any:
    return aclosing(cast(Events, follow_events(gateway.door, actor, **fields)))


async def take(events: Events, count: int) -> list[Any]:
    """So many events, without heartbeats."""
    found: list[Any] = []
    while len(found) < count:
        _, event = await anext(events)
        found += [] if isinstance(event, Heartbeat) else [event]
    return found


async def test_each_topic_tells_what_happens(gateway: Gateway, people: Cast) -> None:
    async with following(gateway, people.viewer.actor) as events:
        name, first = await anext(events)
        assert (name, type(first)) == ("heartbeat", Heartbeat)

        launch = await gateway.db.write(open_demo, people.acme.actor, people.remote)
        await gateway.db.write(revoke_client, people.seller.actor, people.acme.id, "over")

        found: list[Any] = []
        while not {"client.revoked", "demo_opened"} <= {
            getattr(each, "kind", None) or each.event_type for each in found
        }:
            found += await take(events, 1)
    launches = [each for each in found if isinstance(each, LaunchEvent)]
    assert {each.launch_id for each in launches} == {launch.id}
    assert (launches[0].client_id, launches[0].demo_id) == (people.acme.id, people.remote)
    assert {type(each) for each in found} == {LaunchEvent, AccessEvent, UsageEvent}


async def test_who_resumes_hears_all_that_it_missed_in_order_and_nothing_twice(gateway: Gateway, people: Cast) -> None:
    actor = service("clients:read")
    async with following(gateway, actor, topics="access") as events:
        cursor = (await anext(events))[1].cursor
    for _ in range(450):  # More than is read at once, and facts of other topics between.
        await gateway.db.write(_renew_and_note, people)

    heard: list[int] = []
    while len(heard) < 450:
        async with following(gateway, actor, topics="access", after=cursor) as events:
            for event in await take(events, 150):
                heard.append(event.position)
                cursor = event.cursor

    facts = await gateway.db.read(_positions, "client.renewed")
    assert heard == facts


async def test_use_without_a_fact_is_told_at_once(gateway: Gateway, people: Cast) -> None:
    async with following(gateway, people.admin.actor, topics="usage", every=3600.0) as events:
        await anext(events)
        coming = asyncio.ensure_future(take(events, 1))
        await asyncio.sleep(0)
        await gateway.db.write(record_use, "active", client_id=people.acme.id, demo_id=people.portal, seconds=7)
        (event,) = await coming
    assert (event.event_type, event.seconds, event.client_id) == ("active", 7, people.acme.id)


async def test_a_heartbeat_carries_the_cursor_when_nothing_else_does(gateway: Gateway, people: Cast) -> None:
    async with following(gateway, people.admin.actor, topics="access", every=0.0) as events:
        first = (await anext(events))[1]
        await gateway.db.write(lambda tx: tx.record("user.edited", people.admin.actor))
        beats = [(await anext(events))[1] for _ in range(2)]
    assert all(isinstance(each, Heartbeat) for each in beats)
    assert beats[-1].cursor > first.cursor


async def test_over_http_each_event_has_an_id_to_resume_with(gateway: Gateway, people: Cast) -> None:
    caller = Stranger(gateway.asgi, people.viewer.token)
    exchange = Exchange(caller, "GET", "/api/events?topics=access")
    asking = exchange.start()
    await exchange.until(b"heartbeat")
    await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
    await exchange.until(b"client.renewed")
    exchange.stop()
    await asking
    before, told = exchange.body.decode().strip().split("\n\n")
    cursor = _field(before, "id")
    assert _field(told, "event") == "access"
    assert f'"cursor":"{_field(told, "id")}"' in told

    again = Exchange(caller.with_(last_event_id=cursor), "GET", "/api/events?topics=access")
    asking = again.start()
    await again.until(b"client.renewed")
    again.stop()
    await asking
    assert told in again.body.decode()


# Who may, and what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "topics"), [("launches:read", {"launches"}), ("clients:write", {"access"}), ("usage:read", {"usage"})]
)
async def test_a_service_hears_what_its_scopes_allow(
    gateway: Gateway, people: Cast, scope: str, topics: set[str]
) -> None:
    async with following(gateway, service(scope), after=encode_cursor(0, 0)) as events:
        await gateway.db.write(open_demo, people.acme.actor, people.remote)
        heard = {name for name, _ in [await anext(events) for _ in range(3)]}
    assert heard == {"heartbeat"} | topics


async def test_of_requests_only_those_hear_who_read_them(gateway: Gateway, people: Cast) -> None:
    heard = {}
    for scopes in (("clients:read",), ("clients:read", "requests:read")):
        async with following(gateway, service(*scopes), topics="access") as events:
            await anext(events)
            await gateway.db.write(lambda tx: tx.record("request.waiting", people.admin.actor, client=people.acme.id))
            await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
            heard[scopes] = [each.kind for each in await take(events, len(scopes))]
    assert list(heard.values()) == [["client.renewed"], ["request.waiting", "client.renewed"]]


async def test_who_asks_for_more_than_it_may_know_is_told_what_it_needs(gateway: Gateway, people: Cast) -> None:
    for actor, topics, needed in (
        (service("usage:read"), "usage,access", "'clients:read'"),
        (service("audit:read"), "", "'clients:read' and 'launches:read' and 'usage:read'"),
    ):
        with pytest.raises(Forbidden, match=needed):
            async with following(gateway, actor, topics=topics) as events:
                await anext(events)


async def test_clients_follow_nothing(acme: Caller) -> None:
    assert (await acme.get("/api/events")).status == 403


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"topics": "weather"}, Invalid),
        ({"after": "nonsense"}, Invalid),
        ({"after": encode_cursor(10**9, 0)}, Conflict),
    ],
)
async def test_what_makes_no_sense_is_refused(
    gateway: Gateway, people: Cast, fields: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with following(gateway, people.admin.actor, **fields) as events:
            await anext(events)


def _renew_and_note(tx: Any, people: Cast) -> None:
    renew_client(tx, people.seller.actor, people.acme.id, days=1)
    tx.record("user.edited", people.admin.actor)


def _positions(tx: Any, kind: str) -> list[int]:
    return [row["position"] for row in tx.rows("SELECT position FROM audit_log WHERE kind = :kind", kind=kind)]


def _field(block: str, name: str) -> str:
    return next(line.removeprefix(f"{name}: ") for line in block.splitlines() if line.startswith(f"{name}: "))
