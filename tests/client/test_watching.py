"""`catalog.watch`: each event once and in order, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.opening import open_demo
from ecatalog_client import AsyncCatalog, Catalog, Hooks
from ecatalog_client.errors import CatalogError
from ecatalog_client.types.events import AccessEvent, LaunchEvent, UsageEvent
from tests.cast import Cast
from tests.client.served import Served, served

TOKEN = "token-of-a-watcher"


@pytest.fixture
async def at(gateway: Gateway, people: Cast) -> AsyncIterator[Served]:
    await gateway.db.write(create_api_token, SYSTEM, "watcher", ["clients:read", "launches:read", "usage:read"], TOKEN)
    async with served(gateway) as place:
        yield place


@pytest.fixture(params=["http", "grpc"])
async def catalog(request: pytest.FixtureRequest, at: Served) -> AsyncIterator[AsyncCatalog]:
    async with AsyncCatalog(at.url if request.param == "http" else at.grpc_url, TOKEN) as catalog:
        yield catalog


async def test_events_come_typed(catalog: AsyncCatalog, gateway: Gateway, people: Cast) -> None:
    async with catalog.watch() as watch:
        launch = await gateway.db.write(open_demo, people.acme.actor, people.remote)
        await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
        found = [event async for event in _until_all(watch, "client.renewed")]
    opened = next(event for event in found if isinstance(event, LaunchEvent))
    assert opened.launch_id == launch.id
    assert {type(event) for event in found} == {LaunchEvent, AccessEvent, UsageEvent}


async def test_a_watch_resumes_from_its_cursor(catalog: AsyncCatalog, gateway: Gateway, people: Cast) -> None:
    async with catalog.watch(["access"]) as watch:
        cursor = watch.cursor
    for _ in range(3):
        await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)

    async with catalog.watch(["access"], after=cursor) as watch:
        first = await anext(watch)
    async with catalog.watch(["access"], after=watch.cursor) as watch:
        rest = [await anext(watch) for _ in range(2)]

    assert isinstance(first, AccessEvent)
    assert [first.position + 1, first.position + 2] == [each.position for each in rest if isinstance(each, AccessEvent)]


async def test_it_goes_on_by_itself_when_the_listener_comes_back(gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(create_api_token, SYSTEM, "watcher", ["clients:read"], TOKEN)
    connected: list[bool] = []
    hooks = Hooks(watch=lambda name, is_connected: connected.append(is_connected))
    async with served(gateway) as place:
        catalog = AsyncCatalog(place.url, TOKEN, hooks=hooks)
        watch = await catalog.watch(["access"]).begin()
        await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
        heard = [await anext(watch)]
    await gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
    gateway.asgi._streams._is_over.clear()
    async with served(gateway, place.http_port):
        heard.append(await anext(watch))
        await watch.aclose()
        await catalog.aclose()
    first, second = heard
    assert isinstance(first, AccessEvent)
    assert isinstance(second, AccessEvent)
    assert second.position == first.position + 1
    assert connected == [True, False, True, False]


async def test_the_blocking_twin_does_the_same(at: Served, gateway: Gateway, people: Cast) -> None:
    loop = asyncio.get_running_loop()

    def work() -> str:
        with Catalog(at.url, TOKEN) as catalog, catalog.watch(["access"]) as watch:
            renewing = gateway.db.write(renew_client, people.seller.actor, people.acme.id, days=1)
            asyncio.run_coroutine_threadsafe(renewing, loop).result()
            event = next(watch)
            assert watch.cursor == event.cursor
            return event.kind if isinstance(event, AccessEvent) else ""

    assert await asyncio.to_thread(work) == "client.renewed"


async def test_a_refusal_for_good_is_raised(at: Served) -> None:
    async with AsyncCatalog(at.url, TOKEN) as catalog:
        catalog.token = "of-nobody"
        with pytest.raises(CatalogError):
            await anext(catalog.watch())


async def _until_all(watch: AsyncIterator[object], last: str) -> AsyncIterator[object]:
    """Up to the event that makes it one of each type, and the fact `last`."""
    left = {LaunchEvent, AccessEvent, UsageEvent, last}
    while left:
        event = await anext(watch)
        left -= {type(event), getattr(event, "kind", "")}
        yield event
