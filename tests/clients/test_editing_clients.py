"""Creating and editing clients over the API, and the filters of their list."""

from typing import Any

import pytest

from ecatalog.access.removal import edit_client
from ecatalog.kit.db import Database
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import Caller, Cast, facts

NEW = {
    "name": "Zoë Müller",
    "email": "Zoe@Example.com",
    "company": "Größe & Co",
    "access_start_date": "2026-03-01",
    "access_end_date": "2026-06-30",
}


async def test_a_client_is_created_for_its_maker(seller: Caller) -> None:
    answer = await seller.post("/api/clients", NEW)
    assert answer.status == 201
    client = answer.json()
    assert (client["email"], client["owner_id"], client["timezone"]) == ("zoe@example.com", seller.id, "UTC")
    assert (client["access_status"], client["version"]) == ("active", 1)
    assert answer.headers["etag"].startswith('"1-')


async def test_an_administrator_creates_for_a_colleague_and_gives_a_client_to_another(
    admin: Caller, seller: Caller, people: Cast
) -> None:
    made = (await admin.post("/api/clients", NEW | {"owner_id": seller.id})).json()
    assert made["owner_id"] == seller.id
    given = await admin.patch(f"/api/clients/{made['id']}", {"owner_id": admin.id})
    assert (given.status, given.json()["owner_id"]) == (200, admin.id)
    assert (await seller.patch(f"/api/clients/{made['id']}", {"notes": "mine?"})).status == 403


async def test_what_is_given_is_changed_and_told(seller: Caller, people: Cast, gateway: Any) -> None:
    path = f"/api/clients/{people.acme.id}"
    answer = await seller.patch(path, {"name": " Anna ", "locale": "pt", "notes": "calls on Mondays"})
    assert answer.status == 200
    client = answer.json()
    assert (client["name"], client["locale"], client["notes"]) == ("Anna", "pt", "calls on Mondays")
    assert (client["company"], client["version"]) == ("Acme", 2)
    (fact,) = await gateway.db.read(facts, "client.edited")
    assert (fact["client_id"], fact["details"]) == (people.acme.id, {"fields": ["locale", "name", "notes"]})
    assert (await seller.patch(path, {"name": "Anna"})).json()["version"] == 2, "nothing changed, nothing is told"


async def test_the_search_follows_an_edit(seller: Caller, people: Cast) -> None:
    await seller.patch(f"/api/clients/{people.acme.id}", {"name": "Łukasz Ångström", "company": "Čapek"})
    for query in ("q=angstrom", "name=ANGSTROM", "company=capek", "name=angstrom&company=%C4%8Dapek"):
        found = (await seller.get(f"/api/clients?{query}")).json()["items"]
        assert [client["id"] for client in found] == [people.acme.id], query
    for query in ("name=capek", "company=angstrom", "name=acme"):
        assert (await seller.get(f"/api/clients?{query}")).json()["items"] == [], query


async def test_another_time_zone_moves_the_window_and_what_is_open(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.bolt.actor, cast.portal)
    changed = await db.write(edit_client, cast.admin.actor, cast.acme.id, timezone="Asia/Tokyo")
    assert changed.access_end_date == "2026-03-31"
    assert changed.access_ends_at.isoformat() == "2026-03-31T15:00:00+00:00"
    mine = await db.write(open_demo, cast.acme.actor, cast.portal)
    later = await db.write(edit_client, cast.admin.actor, cast.acme.id, access_start_date="2026-03-02")
    assert later.access_starts_at.isoformat() == "2026-03-01T15:00:00+00:00"
    assert (await db.read(launch_for, cast.admin.actor, mine.id)).ends_at <= later.access_ends_at
    assert (await db.read(launch_for, cast.admin.actor, launch.id)).ends_at == launch.ends_at


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ending_before=2026-03-11", {"ended"}),
        ("ending_before=2026-03-12", {"ended", "bolt"}),
        ("ending_before=2026-03-11T18:00:00Z", {"ended"}),
        ("ending_before=2026-03-11T18:00:00.001Z&status=active", {"bolt"}),
        ("ending_before=2030-01-01&status=active", {"acme", "bolt"}),
    ],
)
async def test_the_list_finds_what_ends_soon(viewer: Caller, query: str, found: set[str]) -> None:
    answer = await viewer.get(f"/api/clients?{query}")
    assert {client["company"].lower() for client in answer.json()["items"]} == found


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "  "}, "name"),
        ({"email": "no address"}, "email"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"access_end_date": "2026-02-01"}, "access_end_date"),
        ({"access_end_date": "tomorrow"}, "access_end_date"),
        ({"locale": "english"}, "locale"),
        ({"owner_id": "nobody"}, "owner_id"),
        ({"company": None}, "company"),
        ({"nickname": "z"}, "nickname"),
    ],
)
async def test_a_client_that_cannot_be_is_refused_by_field(admin: Caller, change: dict[str, Any], field: str) -> None:
    answer = await admin.post("/api/clients", NEW | change)
    assert (answer.status, list(answer.json()["fields"])) == (422, [field])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"company": " "}, "company"),
        ({"access_start_date": "2026-04-01"}, "access_end_date"),
        ({"timezone": ""}, "timezone"),
        ({"access_end_date": "2026-05-01"}, "access_end_date"),
        ({"owner_id": "nobody"}, "owner_id"),
    ],
)
async def test_an_edit_that_makes_no_sense_is_refused_by_field(
    admin: Caller, people: Cast, change: dict[str, Any], field: str
) -> None:
    answer = await admin.patch(f"/api/clients/{people.acme.id}", change)
    assert (answer.status, list(answer.json()["fields"])) == (422, [field])
    assert (await admin.get(f"/api/clients/{people.acme.id}")).json()["version"] == 1


async def test_an_address_belongs_to_one(seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}"
    for taken in (people.bolt.email, people.admin.email.upper()):
        assert (await seller.patch(path, {"email": taken})).status == 409
        assert (await seller.post("/api/clients", NEW | {"email": taken})).status == 409
    assert (await seller.patch(path, {"email": people.acme.email.upper()})).json()["version"] == 1


async def test_a_seller_gives_nobody_away(seller: Caller, admin: Caller, people: Cast) -> None:
    assert (await seller.patch(f"/api/clients/{people.acme.id}", {"owner_id": admin.id})).status == 403
    assert (await seller.post("/api/clients", NEW | {"owner_id": admin.id})).status == 403
