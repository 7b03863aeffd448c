"""Taking a demo back, out of use, or out of the catalog: what is open of it ends, or drains."""

from typing import Any

import pytest

from ecatalog.access.removal import edit_demo, remove_demo, withdraw_grant
from ecatalog.demos.actions import restore_demo
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict, NotFound
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from ecatalog.launches.serving_queries import find_served_demo
from tests.cast import Caller, Cast, facts, run_launch


async def test_a_grant_is_given_listed_and_taken_back(seller: Caller, acme: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/demos/{people.desk}"
    given = await seller.ask("PUT", path)
    assert (given.status, given.json()["demo_name"], given.json()["granted_by"]) == (200, "Service desk", seller.id)
    again = await seller.ask("PUT", path)
    assert again.json() == given.json()
    listed = (await acme.get(f"/api/clients/{people.acme.id}/demos")).json()["items"]
    assert [grant["demo_name"] for grant in listed] == ["Customer portal", "Remote", "Service desk"]
    taken = await seller.delete(path)
    assert (taken.status, taken.json()["cut"]["launches"], taken.json()["cut"]["waiting_for"]) == (200, 0, [])
    assert (await seller.delete(path)).status == 404


async def test_users_see_grants_of_demos_that_rest(viewer: Caller, people: Cast) -> None:
    page = (await viewer.get(f"/api/clients/{people.acme.id}/demos?limit=2")).json()
    rest = (await viewer.get(f"/api/clients/{people.acme.id}/demos?cursor={page['next']}")).json()
    names = [grant["demo_name"] for grant in [*page["items"], *rest["items"]]]
    assert names == ["Customer portal", "Remote", "Repaired"]


async def test_what_was_open_by_a_grant_stops_with_it(db: Database, cast: Cast) -> None:
    mine = await db.write(open_demo, cast.acme.actor, cast.portal)
    other = await db.write(open_demo, cast.bolt.actor, cast.portal)
    withdrawn = await db.write(withdraw_grant, cast.seller.actor, cast.acme.id, cast.portal)
    assert withdrawn.launches == [mine.id]
    assert withdrawn.position == db.position
    assert (await db.read(launch_for, cast.admin.actor, mine.id)).wanted == "stopped"
    assert (await db.read(launch_for, cast.admin.actor, other.id)).wanted == "running"
    with pytest.raises(NotFound):
        await db.write(open_demo, cast.acme.actor, cast.portal)


async def test_maintenance_stops_what_runs_and_says_why(admin: Caller, people: Cast, gateway: Any) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    change = {"status": "maintenance", "status_reason": "Back at noon."}
    answer = await admin.patch(f"/api/demos/{people.portal}", change)
    assert (answer.status, answer.json()["status"], answer.json()["cut"]["launches"]) == (200, "maintenance", 1)
    ended = await gateway.db.read(launch_for, people.admin.actor, launch.id)
    assert ended.reason == "This demo is under maintenance. Back at noon."
    (proof,) = await gateway.db.read(facts, "access.cut")
    assert (proof["demo_id"], proof["details"]["closed_launches"]) == (people.portal, 1)


async def test_a_removed_demo_drains(admin: Caller, acme: Caller, bolt: Caller, people: Cast, gateway: Any) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    await run_launch(gateway.db, launch.id)
    answer = await admin.delete(f"/api/demos/{people.portal}")
    assert (answer.status, answer.json()["launches"], answer.json()["cut"]) == (200, 1, None)
    assert answer.json()["demo"]["status"] == "removed"
    assert (await acme.get(f"/api/launches/{launch.id}")).json()["wanted"] == "running"
    served = await gateway.db.read(find_served_demo, people.portal)
    assert served is not None
    assert served.status == "active", "edges go on serving what runs"
    for caller in (acme, bolt):
        assert (await caller.post(f"/api/demos/{people.portal}/open")).status == 404
        assert people.portal not in {demo["id"] for demo in (await caller.get("/api/demos")).json()["items"]}
    assert (await admin.post(f"/api/demos/{people.portal}/open")).status == 409


async def test_a_demo_that_drains_can_be_stopped(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    drained = await db.write(remove_demo, cast.admin.actor, cast.portal)
    assert (drained.launches, drained.still_live, drained.position) == ([], 1, 0)
    with pytest.raises(Conflict):
        await db.write(remove_demo, cast.admin.actor, cast.portal)
    stopped = await db.write(remove_demo, cast.admin.actor, cast.portal, "stop")
    assert stopped.launches == [launch.id]
    assert await db.read(find_served_demo, cast.portal) is None
    with pytest.raises(Conflict):
        await db.write(remove_demo, cast.admin.actor, cast.portal, "stop")


async def test_history_stays_and_a_restored_demo_is_a_draft(admin: Caller, people: Cast, gateway: Any) -> None:
    await gateway.db.write(open_demo, people.acme.actor, people.portal)
    path = f"/api/demos/{people.portal}"
    assert (await admin.delete(f"{path}?launches=stop")).json()["cut"]["launches"] == 1
    assert (await admin.get("/api/demos?status=removed")).json()["items"][0]["id"] == people.portal
    assert (await admin.get(f"/api/analytics/demos/{people.portal}")).json()["opens"] == 1
    restored = await admin.post(f"{path}/restore")
    assert (restored.status, restored.json()["status"]) == (200, "draft")
    assert (await admin.post(f"{path}/restore")).status == 409


# What is refused ----------------------------------------------------------------------------------------------


async def test_a_removed_demo_is_neither_edited_nor_granted(admin: Caller, people: Cast) -> None:
    await admin.delete(f"/api/demos/{people.desk}")
    assert (await admin.patch(f"/api/demos/{people.desk}", {"name": "x"})).status == 409
    assert (await admin.ask("PUT", f"/api/clients/{people.acme.id}/demos/{people.desk}")).status == 409
    assert (await admin.delete(f"/api/demos/{people.desk}?launches=later")).status == 422


async def test_what_is_still_active_goes_on(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    changed = await db.write(edit_demo, cast.admin.actor, cast.portal, name="Portal")
    assert (changed.launches, changed.still_live, changed.position) == ([], 1, 0)
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).wanted == "running"
    await db.write(edit_demo, cast.admin.actor, cast.portal, status="draft")
    restored = await db.write(edit_demo, cast.admin.actor, cast.portal, status="active", force=True)
    assert restored.demo.status == "active"
    with pytest.raises(Conflict):
        await db.write(restore_demo, cast.admin.actor, cast.portal)
