"""Stopping: by who opened it, by our people, by the end of its window or lifetime."""

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.launches.actions import end_overdue, launch_for, stop_all, stop_launch
from ecatalog.launches.jobs import end_launches_that_are_over, end_what_is_over
from ecatalog.launches.opening import open_demo
from ecatalog.web.door import Door
from tests.cast import Caller, Cast, SettableClock, another_session, facts, report, run_launch, uses


async def test_who_opened_a_demo_stops_it(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    stopped = await db.write(stop_launch, cast.acme.actor, launch.id)
    assert (stopped.wanted, stopped.state, stopped.reason) == ("stopped", "running", "You stopped it.")
    (fact,) = await db.read(facts, "launch.stopping")
    assert fact["details"] == {"launch": launch.id, "reason": "You stopped it."}
    assert (fact["client_id"], fact["demo_id"]) == (cast.acme.id, cast.portal)


async def test_a_copy_that_no_launcher_took_up_is_over_at_once(db: Database, cast: Cast) -> None:
    for demo in (cast.portal, cast.remote):
        launch = await db.write(open_demo, cast.acme.actor, demo)
        stopped = await db.write(stop_launch, cast.acme.actor, launch.id)
        assert (stopped.wanted, stopped.state) == ("stopped", "stopped")
    assert (await db.read(uses, cast.acme.id)).count("demo_closed") == 2


async def test_stopping_again_answers_the_same(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    first = await db.write(stop_launch, cast.acme.actor, launch.id)
    assert await db.write(stop_launch, cast.admin.actor, launch.id) == first
    assert len(await db.read(facts, "launch.stopping")) == 1


async def test_stop_all_stops_what_matches_and_names_it(db: Database, cast: Cast) -> None:
    portal = await db.write(open_demo, cast.acme.actor, cast.portal)
    remote = await db.write(open_demo, cast.acme.actor, cast.remote)
    other = await db.write(open_demo, cast.bolt.actor, cast.portal)
    mine = await db.write(open_demo, cast.seller.actor, cast.portal)
    why = {"reason": "Over."}
    assert await db.write(stop_all, SYSTEM, client=cast.acme.id, demo=cast.remote, **why) == [remote.id]
    assert await db.write(stop_all, SYSTEM, user=cast.seller.id, **why) == [mine.id]
    assert sorted(await db.write(stop_all, SYSTEM, demo=cast.portal, **why)) == sorted([portal.id, other.id])
    assert await db.write(stop_all, SYSTEM, client=cast.acme.id, **why) == []


async def test_stop_all_needs_to_know_of_whom(db: Database, cast: Cast) -> None:
    with pytest.raises(ValueError, match="needs a client"):
        await db.write(stop_all, SYSTEM, reason="everything")


async def test_the_door_stops_a_launch(acme: Caller, people: Cast) -> None:
    launch = (await acme.post(f"/api/demos/{people.portal}/open")).json()
    answer = await acme.delete(f"/api/launches/{launch['id']}")
    assert answer.status == 200
    assert answer.json()["wanted"] == "stopped"
    assert (await acme.get(f"/api/launches/{launch['id']}")).json()["state"] == "stopped"


# Who may ------------------------------------------------------------------------------------------------------


async def test_administrators_and_the_owner_stop_the_launch_of_a_client(db: Database, cast: Cast) -> None:
    for person in (cast.admin, cast.seller):
        launch = await db.write(open_demo, cast.acme.actor, cast.portal)
        stopped = await db.write(stop_launch, person.actor, launch.id)
        assert stopped.reason == "Our team stopped it."


async def test_others_do_not(db: Database, cast: Cast) -> None:
    of_bolt = await db.write(open_demo, cast.bolt.actor, cast.portal)
    of_admin = await db.write(open_demo, cast.admin.actor, cast.portal)
    for launch in (of_bolt, of_admin):
        for person in (cast.seller, cast.viewer):
            with pytest.raises(Forbidden):
                await db.write(stop_launch, person.actor, launch.id)
        with pytest.raises(NotFound):
            await db.write(stop_launch, cast.acme.actor, launch.id)


# By itself ----------------------------------------------------------------------------------------------------


async def test_a_launch_ends_with_the_window_of_its_client(db: Database, cast: Cast, clock: SettableClock) -> None:
    clock.now = clock.now.replace(day=11, hour=17, minute=59)
    actor = await another_session(db, cast.bolt)
    launch = await db.write(open_demo, actor, cast.portal)
    await run_launch(db, launch.id)
    assert await end_what_is_over(db) == 1.0, "a minute away, looked for again within a second"
    clock.pass_(minutes=1, milliseconds=-300)
    assert await end_what_is_over(db) == pytest.approx(0.3)
    assert (await db.read(launch_for, SYSTEM, launch.id)).wanted == "running"
    clock.pass_(milliseconds=300)
    assert await end_what_is_over(db) == 1.0
    over = await db.read(launch_for, SYSTEM, launch.id)
    assert (over.wanted, over.reason) == ("stopped", "The access window ended.")


async def test_a_launch_ends_with_a_window_that_was_moved_by_hand(
    db: Database, cast: Cast, clock: SettableClock
) -> None:
    def move(tx: Tx) -> None:
        tx.run("UPDATE clients SET access_ends_at = :now WHERE id = :id", now=tx.now, id=cast.acme.id)

    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    clock.pass_(minutes=1)
    await db.write(move)
    assert await end_what_is_over(db) == 1.0
    assert (await db.read(launch_for, SYSTEM, launch.id)).reason == "The access window ended."


async def test_a_launch_ends_with_its_lifetime(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch = await db.write(open_demo, cast.admin.actor, cast.portal)
    clock.pass_(hours=4)
    assert await db.write(end_overdue, SYSTEM) == 1
    over = await db.read(launch_for, SYSTEM, launch.id)
    assert over.state == "stopped"
    assert "Its time was over" in over.reason
    assert await db.write(end_overdue, SYSTEM) == 0


async def test_more_than_a_batch_ends_too(db: Database, cast: Cast, clock: SettableClock) -> None:
    for person in (cast.acme, cast.bolt, cast.admin, cast.seller):
        await db.write(open_demo, person.actor, cast.portal)
    clock.pass_(hours=5)
    assert await db.write(end_overdue, SYSTEM, limit=3) == 3
    assert await end_what_is_over(db) == 1.0
    assert len(await db.read(facts, "launch.stopping")) == 4


async def test_nothing_to_end_writes_nothing(db: Database, cast: Cast) -> None:
    before = db.position
    assert await end_what_is_over(db) == 1.0
    assert db.position == before


async def test_the_end_of_a_window_that_moved_counts(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch = await db.write(open_demo, cast.bolt.actor, cast.portal)
    await db.write(renew_client, cast.admin.actor, cast.bolt.id, access_end_date="2026-03-10T12:30:00Z")
    assert (await db.read(launch_for, SYSTEM, launch.id)).ends_at == clock.now.replace(minute=30)
    await db.write(renew_client, cast.admin.actor, cast.bolt.id, days=30)
    assert (await db.read(launch_for, SYSTEM, launch.id)).ends_at == clock.now.replace(hour=16)
    clock.pass_(minutes=31)
    await end_what_is_over(db)
    assert (await db.read(launch_for, SYSTEM, launch.id)).wanted == "running"


class Enough(Exception):
    """Ends a loop that would run for ever."""


async def test_the_job_goes_on_after_a_failure(db: Database, cast: Cast, clock: SettableClock, door: Door) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    clock.pass_(hours=4)
    slept: list[float] = []

    def break_the_next_write(tx: Tx) -> None:
        tx.run("CREATE TRIGGER broken BEFORE UPDATE ON launches BEGIN SELECT RAISE(ABORT, 'broken'); END")

    def mend(tx: Tx) -> None:
        tx.run("DROP TRIGGER broken")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Enough
        assert (await db.read(launch_for, SYSTEM, launch.id)).wanted == "running"
        await db.write(mend)

    await db.write(break_the_next_write)
    with pytest.raises(Enough):
        await end_launches_that_are_over(door, sleep=sleep)
    assert slept == [1.0, 1.0]
    assert (await db.read(launch_for, SYSTEM, launch.id)).wanted == "stopped"


async def test_a_launch_that_fails_is_not_ended_again(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "failed")
    clock.pass_(hours=5)
    assert await db.write(end_overdue, SYSTEM) == 0
