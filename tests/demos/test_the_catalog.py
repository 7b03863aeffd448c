"""The catalog: which demos one sees, in what order, and what of them."""

import pytest

from ecatalog.access.actions import revoke_client
from ecatalog.app import Gateway
from ecatalog.demos.actions import demo_for, list_demos
from ecatalog.demos.grants import grant_demo, withdraw_demo
from ecatalog.kit.actor import ANONYMOUS
from ecatalog.kit.db import Database
from ecatalog.kit.errors import NotFound
from tests.cast import EDGE, Caller, Cast, Person


async def names(db: Database, person: Person, status: str = "") -> list[str]:
    return [demo.name for demo in (await db.read(list_demos, person.actor, status=status)).items]


async def test_users_see_every_demo_by_name(db: Database, cast: Cast) -> None:
    for user in cast.users:
        assert await names(db, user) == ["Customer portal", "Draft", "Remote", "Repaired", "Service desk"]


async def test_a_client_sees_the_demos_on_offer_that_are_granted_to_it(db: Database, cast: Cast) -> None:
    assert await names(db, cast.acme) == ["Customer portal", "Remote", "Repaired"]
    assert await names(db, cast.bolt) == ["Customer portal", "Service desk"]


async def test_before_and_after_its_window_a_client_reads_its_catalog(db: Database, cast: Cast) -> None:
    assert await names(db, cast.pending) == ["Customer portal"]
    assert await names(db, cast.ended) == ["Customer portal"]


async def test_after_its_revocation_a_client_sees_nothing(db: Database, cast: Cast) -> None:
    assert await names(db, cast.revoked) == []
    with pytest.raises(NotFound):
        await db.read(demo_for, cast.revoked.actor, cast.portal)


async def test_the_door_answers_pages(acme: Caller) -> None:
    first = (await acme.get("/api/demos?limit=1")).json()
    assert [demo["name"] for demo in first["items"]] == ["Customer portal"]
    second = (await acme.get(f"/api/demos?limit=1&cursor={first['next']}")).json()
    assert [demo["name"] for demo in second["items"]] == ["Remote"]
    third = (await acme.get(f"/api/demos?limit=1&cursor={second['next']}")).json()
    assert [demo["name"] for demo in third["items"]] == ["Repaired"]
    assert third["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=elan", ["Customer portal"]),
        ("q=ORDERS", ["Customer portal"]),
        ("q=nothing+like+it", []),
        ("vertical=Banking", ["Service desk"]),
        ("horizontal=Portal", ["Customer portal"]),
        ("status=maintenance", ["Repaired"]),
        ("status=removed", []),
    ],
)
async def test_the_catalog_is_searched_and_filtered(viewer: Caller, query: str, found: list[str]) -> None:
    answer = await viewer.get(f"/api/demos?{query}")
    assert [demo["name"] for demo in answer.json()["items"]] == found


async def test_a_client_that_asks_for_drafts_finds_none(db: Database, cast: Cast) -> None:
    assert await names(db, cast.acme, status="draft") == []
    assert await names(db, cast.acme, status="active") == ["Customer portal", "Remote"]
    assert await names(db, cast.acme, status="maintenance") == ["Repaired"]


async def test_the_environment_is_for_those_who_run_demos(everybody: dict[str, Caller], people: Cast) -> None:
    for name, expected in {
        "admin": {"SECRET": "s3cret"}, "seller": {"SECRET": "s3cret"}, "viewer": {}, "acme": {}
    }.items():  # fmt: skip
        caller = everybody[name]
        one = (await caller.get(f"/api/demos/{people.portal}")).json()
        listed = (await caller.get("/api/demos?q=portal")).json()["items"][0]
        assert one == listed
        assert one["environment"] == expected, name


# Who may ------------------------------------------------------------------------------------------------------


async def test_what_one_may_not_see_looks_absent(everybody: dict[str, Caller], people: Cast) -> None:
    expected = {"admin": 200, "seller": 200, "viewer": 200, "bolt": 200}
    expected |= {"acme": 404, "ended": 404, "pending": 404, "revoked": 401, "nobody": 401}
    for name, status in expected.items():
        assert (await everybody[name].get(f"/api/demos/{people.desk}")).status == status, name


async def test_a_client_sees_no_draft(db: Database, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await db.read(demo_for, cast.acme.actor, cast.draft)
    assert (await db.read(demo_for, cast.viewer.actor, cast.draft)).id == cast.draft


async def test_a_client_sees_that_a_demo_is_looked_after_and_not_why(db: Database, cast: Cast) -> None:
    seen = await db.read(demo_for, cast.acme.actor, cast.repaired)
    assert (seen.status, seen.status_reason) == ("maintenance", "")
    assert (await db.read(demo_for, cast.viewer.actor, cast.repaired)).status_reason


async def test_nobody_and_services_see_nothing(db: Database, cast: Cast) -> None:
    for actor in (ANONYMOUS, EDGE):
        with pytest.raises(NotFound):
            await db.read(demo_for, actor, cast.portal)


# Caches -------------------------------------------------------------------------------------------------------


async def test_a_grant_shows_at_once_and_so_does_its_end(acme: Caller, people: Cast, gateway: Gateway) -> None:
    assert len((await acme.get("/api/demos")).json()["items"]) == 3
    await gateway.db.write(grant_demo, people.admin.actor, acme.id, people.desk)
    assert len((await acme.get("/api/demos")).json()["items"]) == 4
    await gateway.db.write(withdraw_demo, people.admin.actor, acme.id, people.desk)
    assert len((await acme.get("/api/demos")).json()["items"]) == 3
    await gateway.db.write(revoke_client, people.admin.actor, acme.id)
    assert (await acme.get("/api/demos")).status == 401
