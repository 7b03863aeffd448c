"""Opening a demo: the copy that one gets, who may, and what happens when two ask at once."""

import asyncio
from datetime import timedelta

import pytest

from ecatalog.access.actions import renew_client, revoke_client
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import withdraw_demo
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import ANONYMOUS, SYSTEM, Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError, Conflict, Exhausted, Forbidden, NotFound
from ecatalog.launches.actions import launch_for, stop_all
from ecatalog.launches.moves import row_for
from ecatalog.launches.opening import open_demo
from tests.cast import NOON, Caller, Cast, SettableClock, another_session, facts, run_launch, uses


def all_launches(tx: Tx) -> list[dict[str, object]]:
    return tx.rows("SELECT * FROM launches ORDER BY id")


async def test_a_client_opens_a_demo_that_is_queued_for_a_launcher(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert (launch.demo_id, launch.client_id, launch.user_id) == (cast.portal, cast.acme.id, None)
    assert (launch.kind, launch.wanted, launch.state, launch.phase) == ("open", "running", "queued", "queued")
    assert launch.phases == {"queued": NOON}
    assert launch.ends_at == NOON + timedelta(hours=4), "the lifetime of the demo"
    row = await db.read(row_for, launch.id)
    assert len(row.label) == 26
    assert row.attempt == 0
    assert await db.read(uses, cast.acme.id) == ["demo_opened"]
    (fact,) = await db.read(facts, "launch.queued")
    assert (fact["client_id"], fact["demo_id"]) == (cast.acme.id, cast.portal)
    assert fact["details"] == {"launch": launch.id}
    assert fact["actor"] == f"client:{cast.acme.id}"


async def test_opening_again_answers_the_same_copy_and_counts_the_use(db: Database, cast: Cast) -> None:
    first = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, first.id)
    again = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert again == await db.read(launch_for, cast.acme.actor, first.id)
    assert again.state == "running"
    assert len(await db.read(all_launches)) == 1
    assert await db.read(uses, cast.acme.id) == ["demo_opened", "demo_ready", "demo_opened"]


async def test_each_client_gets_a_copy_of_its_own(db: Database, cast: Cast) -> None:
    of_acme = await db.write(open_demo, cast.acme.actor, cast.portal)
    of_bolt = await db.write(open_demo, cast.bolt.actor, cast.portal)
    assert of_acme.id != of_bolt.id


async def test_after_the_copy_has_stopped_a_new_one_is_opened(db: Database, cast: Cast) -> None:
    first = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, first.id)
    await db.write(stop_all, SYSTEM, client=cast.acme.id, reason="enough")
    second = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert second.id != first.id


async def test_a_copy_ends_with_the_window_when_that_comes_first(
    db: Database, cast: Cast, clock: SettableClock
) -> None:
    clock.now = NOON.replace(day=11, hour=16)
    actor = await another_session(db, cast.bolt)
    launch = await db.write(open_demo, actor, cast.desk)
    assert launch.ends_at == NOON.replace(day=11, hour=18)


async def test_a_copy_whose_time_is_over_is_replaced_at_once(db: Database, cast: Cast, clock: SettableClock) -> None:
    first = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, first.id)
    clock.pass_(hours=4)
    second = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert second.id != first.id
    old = await db.read(launch_for, SYSTEM, first.id)
    assert (old.wanted, old.state, old.reason) == ("stopped", "running", "Its time was over.")


async def test_a_demo_that_runs_elsewhere_is_running_at_once(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.remote)
    assert (launch.state, launch.phase) == ("running", "running")
    assert launch.phases == {"queued": NOON, "running": NOON}
    assert (await db.read(row_for, launch.id)).upstream == "127.0.0.1:8123"
    assert await db.read(uses, cast.acme.id) == ["demo_ready", "demo_opened"]
    (moved,) = await db.read(facts, "launch.moved")
    assert moved["details"]["state"] == "running"


@pytest.mark.parametrize(
    ("url", "upstream"),
    [
        ("http://demo.test", "demo.test:80"),
        ("https://demo.test/a?b", "https://demo.test:443"),
        ("http://[::1]:81/", "[::1]:81"),
    ],
)
async def test_an_upstream_is_host_and_port(db: Database, cast: Cast, url: str, upstream: str) -> None:
    demo = await db.write(add_demo, SYSTEM, NewDemo(name="Elsewhere", demo_url=url, status="active"))
    launch = await db.write(open_demo, cast.admin.actor, demo.id)
    assert (await db.read(row_for, launch.id)).upstream == upstream


# Who may ------------------------------------------------------------------------------------------------------


async def test_administrators_and_sales_open_demos_themselves(db: Database, cast: Cast) -> None:
    for person in (cast.admin, cast.seller):
        launch = await db.write(open_demo, person.actor, cast.portal)
        assert (launch.client_id, launch.user_id) == (None, person.id)
        assert (await db.write(open_demo, person.actor, cast.portal)).id == launch.id


@pytest.mark.parametrize(
    ("who", "answer"),
    [("viewer", 403), ("ended", 403), ("pending", 403), ("revoked", 401), ("nobody", 401)],
)
async def test_others_open_nothing(who: str, answer: int, everybody: dict[str, Caller], people: Cast) -> None:
    assert (await everybody[who].post(f"/api/demos/{people.portal}/open")).status == answer


async def test_the_door_answers_the_launch(acme: Caller, people: Cast) -> None:
    answer = await acme.post(f"/api/demos/{people.portal}/open")
    assert answer.status == 200
    launch = answer.json()
    assert (launch["demo_id"], launch["client_id"], launch["state"]) == (people.portal, acme.id, "queued")
    assert launch["phases"] == {"queued": "2026-03-10T12:00:00.000Z"}
    assert (await acme.post(f"/api/demos/{people.portal}/open")).json()["id"] == launch["id"]


@pytest.mark.parametrize("actor", [ANONYMOUS, SYSTEM, Actor(Role.SERVICE, "s", scopes=frozenset({"edge"}))])
async def test_only_people_open_demos(db: Database, cast: Cast, actor: Actor) -> None:
    with pytest.raises(Forbidden):
        await db.write(open_demo, actor, cast.portal)


# What is refused ----------------------------------------------------------------------------------------------


async def refused(db: Database, actor: Actor, demo_id: str) -> CatalogError:
    with pytest.raises(CatalogError) as error:
        await db.write(open_demo, actor, demo_id)
    return error.value


async def test_before_its_window_a_client_reads_when_it_begins(db: Database, cast: Cast) -> None:
    error = await refused(db, cast.pending.actor, cast.portal)
    assert isinstance(error, Forbidden)
    assert "begins on 16 March 2026, 00:00 (America/New_York)" in error.message


async def test_after_its_window_a_client_reads_what_to_do(db: Database, cast: Cast) -> None:
    error = await refused(db, cast.ended.actor, cast.portal)
    assert isinstance(error, Forbidden)
    assert "ended on 28 February 2026, 23:59 (Asia/Tokyo)" in error.message
    assert "Ask for more time" in error.message


async def test_the_window_is_half_open(db: Database, cast: Cast, clock: SettableClock) -> None:
    clock.now = NOON.replace(day=16, hour=4) - timedelta(milliseconds=1)
    assert isinstance(await refused(db, cast.pending.actor, cast.portal), Forbidden)
    clock.pass_(milliseconds=1)
    await db.write(open_demo, await another_session(db, cast.pending), cast.portal)
    clock.now = NOON.replace(day=21, hour=4) - timedelta(milliseconds=1)
    await db.write(open_demo, await another_session(db, cast.pending), cast.portal)
    clock.pass_(milliseconds=1)
    assert isinstance(await refused(db, cast.pending.actor, cast.portal), Forbidden)


@pytest.mark.parametrize("demo", ["desk", "draft", "nothing"])
async def test_what_a_client_may_not_see_looks_absent(db: Database, cast: Cast, demo: str) -> None:
    error = await refused(db, cast.acme.actor, getattr(cast, demo, demo))
    assert isinstance(error, NotFound)
    assert error.message == "There is no such demo."


async def test_a_client_is_told_kindly_that_a_demo_is_looked_after(db: Database, cast: Cast) -> None:
    error = await refused(db, cast.acme.actor, cast.repaired)
    assert isinstance(error, Conflict)
    assert "being looked after" in error.message
    assert "Monday" not in error.message, "why is for the team"


async def test_a_withdrawn_grant_opens_nothing(db: Database, cast: Cast) -> None:
    await db.write(withdraw_demo, cast.admin.actor, cast.acme.id, cast.portal)
    assert isinstance(await refused(db, cast.acme.actor, cast.portal), NotFound)


async def test_a_user_reads_why_a_demo_does_not_open(db: Database, cast: Cast) -> None:
    error = await refused(db, cast.admin.actor, cast.repaired)
    assert isinstance(error, Conflict)
    assert "under maintenance (until Monday)" in error.message
    assert isinstance(await refused(db, cast.admin.actor, "nothing"), NotFound)


async def test_a_demo_without_image_and_address_has_nothing_to_run(db: Database, cast: Cast) -> None:
    demo = await db.write(add_demo, SYSTEM, NewDemo(name="Empty", status="active"))
    assert isinstance(await refused(db, cast.admin.actor, demo.id), Conflict)


async def test_a_client_has_so_many_copies_and_no_more(db: Database, cast: Cast) -> None:
    await db.write(open_demo, cast.bolt.actor, cast.portal, limit=1)
    with pytest.raises(Exhausted) as error:
        await db.write(open_demo, cast.bolt.actor, cast.desk, limit=1)
    assert "Stop one" in error.value.message
    assert error.value.retry_after
    again = await db.write(open_demo, cast.bolt.actor, cast.portal, limit=1)
    assert again.state == "queued", "the copy that is there is not one more"
    assert await db.read(uses, cast.bolt.id) == ["demo_opened", "demo_opened"]


async def test_a_copy_that_stops_makes_room(db: Database, cast: Cast) -> None:
    await db.write(open_demo, cast.bolt.actor, cast.portal, limit=1)
    await db.write(stop_all, SYSTEM, client=cast.bolt.id, reason="enough")
    await db.write(open_demo, cast.bolt.actor, cast.desk, limit=1)


# Races --------------------------------------------------------------------------------------------------------


async def test_two_that_open_at_once_get_one_copy(db: Database, cast: Cast) -> None:
    opened = await asyncio.gather(*(db.write(open_demo, cast.acme.actor, cast.portal) for _ in range(20)))
    assert len({launch.id for launch in opened}) == 1
    assert len(await db.read(all_launches)) == 1
    assert await db.read(uses, cast.acme.id) == ["demo_opened"] * 20


async def test_two_that_open_at_once_through_the_door_get_one_copy(acme: Caller, people: Cast) -> None:
    answers = await asyncio.gather(*(acme.post(f"/api/demos/{people.portal}/open") for _ in range(10)))
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("is_opened_first", [True, False])
async def test_whatever_the_order_nothing_lives_after_a_revocation(
    db: Database, cast: Cast, is_opened_first: bool
) -> None:
    async def revoke() -> None:
        await db.write(revoke_client, cast.admin.actor, cast.acme.id)

    async def open_it() -> None:
        await db.write(open_demo, cast.acme.actor, cast.portal)

    pair = (open_it(), revoke()) if is_opened_first else (revoke(), open_it())
    await asyncio.gather(*pair, return_exceptions=True)
    assert all(row["wanted"] == "stopped" for row in await db.read(all_launches))
    assert isinstance(await refused(db, cast.acme.actor, cast.portal), Forbidden)


async def test_a_renewal_opens_what_was_over(db: Database, cast: Cast) -> None:
    await db.write(renew_client, cast.seller.actor, cast.ended.id, days=1)
    await db.write(open_demo, cast.ended.actor, cast.portal)
