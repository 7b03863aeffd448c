"""`AsyncCatalog` and `Catalog` towards a real gateway: typed answers, pages, keys, refusals, deadlines."""

import asyncio
import csv
from collections.abc import AsyncIterator

import pytest

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog_client import AsyncCatalog, Catalog
from ecatalog_client.errors import Conflict, Forbidden, Invalid, NotFound, Stale, Unauthorized
from ecatalog_client.operations import OPERATIONS
from ecatalog_client.types.clients import Client
from tests.cast import PASSWORD, Cast
from tests.client.served import Served, served

SERVICE = "token-of-a-neighbour"
NEW = {
    "name": "Nora New",
    "email": "nora@new.test",
    "company": "New",
    "access_start_date": "2026-03-01",
    "access_end_date": "2026-04-01",
}


@pytest.fixture
async def at(gateway: Gateway, people: Cast) -> AsyncIterator[Served]:
    await gateway.db.write(create_api_token, SYSTEM, "neighbour", ["clients:write", "demos:read"], SERVICE)
    async with served(gateway) as place:
        yield place


@pytest.fixture(params=["http", "grpc"])
async def catalog(request: pytest.FixtureRequest, at: Served) -> AsyncIterator[AsyncCatalog]:
    async with AsyncCatalog(at.url if request.param == "http" else at.grpc_url, SERVICE) as catalog:
        yield catalog


async def test_an_answer_has_its_type(catalog: AsyncCatalog, people: Cast) -> None:
    client = await catalog.clients.get(people.acme.id)

    assert isinstance(client, Client)
    assert (client.id, client.company, client.access_status) == (people.acme.id, "Acme", "active")


async def test_a_list_goes_through_its_pages(catalog: AsyncCatalog) -> None:
    wanted = catalog.clients.list(limit=2, q="client of")

    pages = [page async for page in wanted.pages()]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert [client.id async for client in wanted] == [client.id for page in pages for client in page.items]
    assert (await wanted.first()).items == pages[0].items


async def test_what_is_created_is_changed_and_ended(catalog: AsyncCatalog, people: Cast) -> None:
    client = await catalog.clients.create(**NEW)  # type: ignore[arg-type]  # a plain dict has no types of its own
    edited = await catalog.clients.update(client.id, company="Newer", version=client.version)
    granted = await catalog.clients.put_demo(client.id, people.portal)
    revoked = await catalog.clients.revoke(client.id, reason="over")

    assert (edited.company, granted.demo_id) == ("Newer", people.portal)
    assert (revoked.access_status, revoked.cut.waiting_for) == ("revoked", [])
    assert [grant.demo_id async for grant in catalog.clients.demos(client.id)] == [people.portal]


async def test_a_person_logs_in_opens_a_demo_and_follows_it(at: Served, people: Cast) -> None:
    async with AsyncCatalog(at.url) as catalog:
        signed = await catalog.auth.login(email=people.acme.email, password=PASSWORD)
        catalog.token = signed.token
        launch = await catalog.demos.open(people.remote)
        seen = [each.state async for each in catalog.launches.events(launch.id)]
        assert seen == ["running"]
        await catalog.auth.logout()
        with pytest.raises(Unauthorized):
            await catalog.auth.me()


async def test_the_blocking_twin_does_the_same(at: Served, people: Cast) -> None:
    def work() -> tuple[list[str], int, str]:
        with Catalog(at.url, SERVICE) as catalog:
            names = [client.name for client in catalog.clients.list(limit=2)]
            pages = sum(1 for _ in catalog.clients.list(limit=2).pages())
            catalog.token = people.acme.token
            launch = catalog.demos.open(people.remote)
            return names, pages, [each.state for each in catalog.launches.events(launch.id)][-1]

    names, pages, state = await asyncio.to_thread(work)
    assert (len(names), pages, state) == (5, 3, "running")


async def test_a_closed_catalog_says_so(at: Served) -> None:
    def work() -> None:
        catalog = Catalog(at.url, SERVICE)
        catalog.close()
        catalog.close()
        with pytest.raises(RuntimeError, match="closed"):
            catalog.clients.get("x")

    await asyncio.to_thread(work)


# What is refused ----------------------------------------------------------------------------------------------


async def test_refusals_are_errors_of_the_family(catalog: AsyncCatalog, people: Cast) -> None:
    with pytest.raises(NotFound):
        await catalog.clients.get("no/body?")
    with pytest.raises(Forbidden, match="usage:read"):
        await catalog.analytics.summary()
    with pytest.raises(Stale):
        await catalog.clients.renew(people.acme.id, days=1, version=77)
    with pytest.raises(Conflict):
        await catalog.clients.renew(people.revoked.id, days=1)
    with pytest.raises(Invalid) as refused:
        await catalog.clients.renew(people.acme.id, days=-1)
    assert "days" in refused.value.fields
    catalog.token = "wrong"
    with pytest.raises(Unauthorized):
        await catalog.demos.list().first()


async def test_one_key_makes_one_change(catalog: AsyncCatalog) -> None:
    first = await catalog.clients.create(key="a", **NEW)  # type: ignore[arg-type]
    again = await catalog.clients.create(key="a", **NEW)  # type: ignore[arg-type]

    assert first == again
    with pytest.raises(Conflict):
        await catalog.clients.create(**NEW)  # type: ignore[arg-type]


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan")])
def test_no_call_is_without_a_deadline(deadline: float) -> None:
    with pytest.raises(ValueError, match="deadline"):
        AsyncCatalog("http://localhost", deadline=deadline)


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://catalog", "https://"])
def test_an_address_of_no_catalog_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        AsyncCatalog(url)


async def test_every_operation_has_a_method(catalog: AsyncCatalog) -> None:
    assert [each.name for each in OPERATIONS if not hasattr(getattr(catalog, each.group), each.verb)] == []


async def test_analytics_come_as_a_table_too(catalog: AsyncCatalog, gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(create_api_token, SYSTEM, "reader", ["usage:read"], "token-of-a-reader")
    catalog.token = "token-of-a-reader"
    typed = await catalog.analytics.summary(since="2026-03-01", until="2026-03-11")
    text = await catalog.analytics.summary_csv(since="2026-03-01", until="2026-03-11")
    lines = list(csv.reader(text.splitlines()))

    assert lines[0][0] == "day"
    assert len(lines) - 1 == len(typed.by_day)
    with pytest.raises(NotFound):
        await catalog.analytics.client_csv("nobody")
    with pytest.raises(Invalid):
        await catalog.analytics.demo_csv(people.desk, since="yesterday")
