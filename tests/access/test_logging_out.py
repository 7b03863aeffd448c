"""Logging out: the session is gone at once, and with the last one what the person had open."""

from ecatalog.access.actions import log_out
from ecatalog.kit.db import Database
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import Caller, Cast, another_session, facts, run_launch, uses


async def test_a_session_that_logged_out_is_nobody(acme: Caller) -> None:
    answer = await acme.post("/api/auth/logout")
    assert answer.status == 204
    assert (await acme.get("/api/demos")).status == 401


async def test_logging_out_stops_what_was_open(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    await db.write(log_out, cast.acme.actor)
    stopped = await db.read(launch_for, cast.admin.actor, launch.id)
    assert (stopped.wanted, stopped.reason) == ("stopped", "You logged out.")
    assert (await db.read(facts, "session.ended"))[-1]["details"]["session"] == cast.acme.session_id
    assert await db.read(uses, cast.acme.id) == ["demo_opened", "demo_ready", "logout"]


async def test_users_log_out_the_same_way(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.seller.actor, cast.portal)
    of_acme = await db.write(open_demo, cast.acme.actor, cast.portal)
    await db.write(log_out, cast.seller.actor)
    assert (await db.read(launch_for, cast.admin.actor, launch.id)).wanted == "stopped"
    assert (await db.read(launch_for, cast.admin.actor, of_acme.id)).wanted == "running"


async def test_a_copy_stays_while_another_session_of_the_person_lives(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    elsewhere = await another_session(db, cast.acme)
    await db.write(log_out, cast.acme.actor)
    assert (await db.read(launch_for, cast.admin.actor, launch.id)).wanted == "running"
    await db.write(log_out, elsewhere)
    assert (await db.read(launch_for, cast.admin.actor, launch.id)).wanted == "stopped"


async def test_everybody_who_is_logged_in_may_log_out(everybody: dict[str, Caller]) -> None:
    for name, caller in everybody.items():
        expected = 401 if name in ("nobody", "revoked") else 204
        assert (await caller.post("/api/auth/logout")).status == expected, name
