"""Creating clients: what they are made of, whose they are, and which are refused."""

import asyncio
from typing import Any

import pytest

from ecatalog.clients.actions import create_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict, Forbidden, Invalid
from tests.cast import NOON, Cast, facts

NEW: dict[str, Any] = {
    "name": " Nora Lindt ",
    "email": " Nora@New.Test ",
    "company": "New",
    "access_start_date": "2026-03-16",
    "access_end_date": "2026-04-15",
    "timezone": "Europe/Zurich",
}


async def test_a_seller_creates_a_client_of_its_own(db: Database, cast: Cast) -> None:
    client = await db.write(create_client, cast.seller.actor, **NEW)
    assert (client.name, client.email) == ("Nora Lindt", "nora@new.test")
    assert client.owner_id == client.created_by == cast.seller.id
    assert (client.created_at, client.version, client.access_status) == (NOON, 1, "pending")
    (fact,) = [fact for fact in await db.read(facts, "client.created") if fact["client_id"] == client.id]
    assert fact["actor"] == f"sales:{cast.seller.id}"


async def test_an_administrator_creates_one_for_a_colleague(db: Database, cast: Cast) -> None:
    client = await db.write(create_client, cast.admin.actor, **NEW, owner_id=cast.seller.id)
    assert (client.owner_id, client.created_by) == (cast.seller.id, cast.admin.id)


async def test_others_create_nobody(db: Database, cast: Cast) -> None:
    for actor in (cast.viewer.actor, cast.acme.actor):
        with pytest.raises(Forbidden):
            await db.write(create_client, actor, **NEW)
    with pytest.raises(Forbidden):
        await db.write(create_client, cast.seller.actor, **NEW, owner_id=cast.admin.id)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"company": ""}, "company"),
        ({"email": "nora"}, "email"),
        ({"email": "nora@new"}, "email"),
        ({"email": "a b@new.test"}, "email"),
        ({"email": "n" * 250 + "@new.test"}, "email"),
        ({"timezone": "Mars"}, "timezone"),
        ({"access_start_date": "soon"}, "access_start_date"),
        ({"access_end_date": "2026-03-15"}, "access_end_date"),
        ({"access_start_date": "2026-03-01", "access_end_date": "2026-03-09"}, "access_end_date"),
        ({"owner_id": "nobody"}, "owner_id"),
    ],
)
async def test_what_is_wrong_is_named(db: Database, cast: Cast, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as error:
        await db.write(create_client, cast.admin.actor, **(NEW | wrong))
    assert set(error.value.fields) == {field}


@pytest.mark.parametrize("email", ["CLIENT@acme.test", "admin@ecatalog.test"])
async def test_an_address_belongs_to_one_person(db: Database, cast: Cast, email: str) -> None:
    with pytest.raises(Conflict):
        await db.write(create_client, SYSTEM, **(NEW | {"email": email}))


async def test_of_two_with_one_address_one_is_created(db: Database, cast: Cast) -> None:
    answers = await asyncio.gather(
        *(db.write(create_client, cast.seller.actor, **NEW) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
