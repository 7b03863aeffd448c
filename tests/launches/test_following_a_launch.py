"""Reading launches: one, many, and the stream of what becomes of one."""

import asyncio

import pytest

from ecatalog.access.actions import log_out
from ecatalog.app import Gateway
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unauthorized
from ecatalog.launches.actions import followed_launch, launch_for, list_launches, stop_launch
from ecatalog.launches.api import follow_launch
from ecatalog.launches.opening import open_demo
from tests.cast import Caller, Cast, another_session, report


async def open_portal(caller: Caller, people: Cast) -> str:
    launch = (await caller.post(f"/api/demos/{people.portal}/open")).json()
    return str(launch["id"])


async def test_a_launch_is_followed_until_it_runs(gateway: Gateway, acme: Caller, people: Cast) -> None:
    launch_id = await open_portal(acme, people)
    following = asyncio.create_task(acme.get(f"/api/launches/{launch_id}/events"))
    await asyncio.sleep(0)
    await report(gateway.db, launch_id, "starting", phase="pulling")
    await asyncio.sleep(0)
    await report(gateway.db, launch_id, "running", upstream="127.0.0.1:5000")
    answer = await following
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    seen = [launch for event, launch in answer.events() if event == "launch"]
    assert seen[-1]["state"] == "running"
    assert set(seen[-1]["phases"]) == {"queued", "starting", "pulling", "running"}
    assert all(launch["id"] == launch_id for launch in seen)


async def test_a_launch_that_runs_already_is_told_once(acme: Caller, people: Cast) -> None:
    launch = (await acme.post(f"/api/demos/{people.remote}/open")).json()
    answer = await acme.get(f"/api/launches/{launch['id']}/events")
    assert [seen["state"] for _, seen in answer.events()] == ["running"]


async def test_a_launch_that_stops_is_followed_to_its_end(gateway: Gateway, acme: Caller, people: Cast) -> None:
    launch_id = await open_portal(acme, people)
    await report(gateway.db, launch_id, "starting")
    await gateway.db.write(stop_launch, people.acme.actor, launch_id)
    following = asyncio.create_task(acme.get(f"/api/launches/{launch_id}/events"))
    await asyncio.sleep(0)
    await report(gateway.db, launch_id, "stopping")
    await report(gateway.db, launch_id, "stopped")
    seen = (await following).events()
    assert seen[-1][1]["state"] == "stopped"
    assert seen[-1][1]["reason"] == "You stopped it."


async def test_following_ends_with_the_session(gateway: Gateway, people: Cast) -> None:
    db, actor = gateway.db, people.acme.actor
    launch = await db.write(open_demo, actor, people.portal)
    await another_session(db, people.acme)  # Without one the launch would stop with the session.
    following = follow_launch(gateway.door, actor, launch.id)
    assert await anext(following) == ("launch", launch)
    ending = asyncio.ensure_future(anext(following, None))
    await db.write(log_out, actor)
    assert await ending is None
    assert (await db.read(launch_for, people.admin.actor, launch.id)).wanted == "running"


async def test_a_session_that_has_ended_follows_nothing(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert await db.read(followed_launch, cast.acme.actor, launch.id) == launch
    await db.write(log_out, cast.acme.actor)
    with pytest.raises(Unauthorized):
        await db.read(followed_launch, cast.acme.actor, launch.id)


# Who may ------------------------------------------------------------------------------------------------------


async def test_users_read_every_launch_and_a_client_its_own(everybody: dict[str, Caller], people: Cast) -> None:
    launch_id = await open_portal(everybody["acme"], people)
    expected = {"admin": 200, "seller": 200, "viewer": 200, "acme": 200}
    expected |= {"bolt": 404, "ended": 404, "pending": 404, "revoked": 401, "nobody": 401}
    for name, status in expected.items():
        for path in (f"/api/launches/{launch_id}", f"/api/launches/{launch_id}/events"):
            if status == 200 and path.endswith("events"):
                continue
            assert (await everybody[name].get(path)).status == status, (name, path)


async def test_lists_show_what_one_may_see_newest_first(db: Database, cast: Cast) -> None:
    ids = []
    for person, demo in ((cast.acme, cast.portal), (cast.bolt, cast.desk), (cast.acme, cast.remote)):
        await asyncio.sleep(0.002)  # Ids made in one millisecond are in no order.
        ids.append((await db.write(open_demo, person.actor, demo)).id)
    newest_first = ids[::-1]
    for user in cast.users:
        page = await db.read(list_launches, user.actor)
        assert [launch.id for launch in page.items] == newest_first
    of_acme = await db.read(list_launches, cast.acme.actor, client_id=cast.bolt.id)
    assert [launch.id for launch in of_acme.items] == [ids[2], ids[0]], "a client asks for itself only"
    of_bolt = await db.read(list_launches, cast.admin.actor, client_id=cast.bolt.id)
    assert [launch.id for launch in of_bolt.items] == [ids[1]]
    running = await db.read(list_launches, cast.admin.actor, state="running", demo_id=cast.remote)
    assert [launch.id for launch in running.items] == [ids[2]]


async def test_a_list_comes_in_pages(admin: Caller, acme: Caller, bolt: Caller, people: Cast) -> None:
    for caller in (acme, bolt, admin):
        await open_portal(caller, people)
    first = (await admin.get("/api/launches?limit=2")).json()
    second = (await admin.get(f"/api/launches?limit=2&cursor={first['next']}")).json()
    assert len(first["items"]) == 2
    assert len(second["items"]) == 1
    assert second["next"] is None
    assert len({launch["id"] for launch in first["items"] + second["items"]}) == 3


async def test_a_cursor_that_is_not_ours_is_refused(admin: Caller) -> None:
    answer = await admin.get("/api/launches?cursor=nonsense")
    assert answer.status == 422
    assert "cursor" in answer.json()["fields"]
