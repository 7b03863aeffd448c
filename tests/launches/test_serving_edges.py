"""What an edge is told: everything once, then each change, through restarts and edits by hand."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from ecatalog.access.actions import restore_client, revoke_client
from ecatalog.demos.actions import change_demo
from ecatalog.demos.grants import withdraw_demo
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unauthorized
from ecatalog.launches import serving
from ecatalog.launches.actions import enter_launch
from ecatalog.launches.opening import open_demo
from ecatalog.launches.serving import FOR_EDGES, take_snapshot
from ecatalog_client.services import EdgeGateway
from ecatalog_client.types.serving import Begin, Change, Gone, Heartbeat, Lost, Synced
from tests.cast import Cast, SettableClock
from tests.rpc.stand import COOKIE_KEY, EDGE_TOKEN, Follower, Stand, rows_of, standing, until


@pytest.fixture
async def stand(db: Database, cast: Cast, clock: SettableClock) -> AsyncIterator[Stand]:
    async with standing(db, clock) as started:
        yield started


@pytest.fixture
async def edge(stand: Stand) -> AsyncIterator[EdgeGateway]:
    gateway = EdgeGateway(stand.target, EDGE_TOKEN)
    yield gateway
    await gateway.aclose()


def is_a(*kinds: type) -> Any:
    return lambda update: isinstance(update, kinds)


async def fresh_rows(db: Database) -> Any:
    return rows_of((await db.read(take_snapshot, FOR_EDGES))[1])


async def test_an_edge_gets_a_snapshot_then_the_mark_then_heartbeats(
    stand: Stand, edge: EdgeGateway, db: Database, clock: SettableClock
) -> None:
    follower = Follower()
    async with aclosing(edge.watch("edge-1")) as updates:
        came = await until(updates, is_a(Heartbeat))
    for update in came:
        follower.apply(update)
    begin, heartbeat = came[0], came[-1]
    assert isinstance(begin, Begin)
    assert begin.is_snapshot
    assert begin.cookie_key == COOKIE_KEY
    assert begin.catalog_url == "http://localhost:8080"
    assert isinstance(heartbeat, Heartbeat)
    assert heartbeat.now == clock()
    assert heartbeat.position == db.position
    assert heartbeat.lease_until < clock(), "nothing was acknowledged, so there is no lease"
    assert follower.rows == await fresh_rows(db)
    assert {key[0] for key in follower.rows} == {"client", "grant", "demo", "session"}


async def test_a_change_carries_the_rows_that_its_facts_name(edge: EdgeGateway, db: Database, cast: Cast) -> None:
    async with aclosing(edge.watch("edge-1")) as updates:
        await until(updates, is_a(Synced))
        launch = await db.write(open_demo, cast.acme.actor, cast.portal)
        opened = (await until(updates, is_a(Change)))[-1]
        await db.write(withdraw_demo, cast.seller.actor, cast.acme.id, cast.remote)
        withdrawn = (await until(updates, is_a(Change)))[-1]
    assert isinstance(opened, Change)
    assert [row.id for row in opened.launches] == [launch.id]
    assert opened.position <= db.position
    assert isinstance(withdrawn, Change)
    assert Gone(kind="grant", id=cast.acme.id, demo_id=cast.remote) in withdrawn.gone


async def test_who_visits_goes_to_edges_and_of_a_demo_s_environment_the_key_alone(
    edge: EdgeGateway, db: Database, cast: Cast
) -> None:
    follower = Follower()
    environment = {"ECATALOG_VISITOR_KEY": "k" * 32, "PASSWORD": "secret"}
    await db.write(change_demo, cast.admin.actor, cast.portal, environment=environment)
    async with aclosing(edge.watch("edge-1")) as updates:
        for update in await until(updates, is_a(Synced)):
            follower.apply(update)
    rows = follower.rows
    keys = {key[1]: row.visitor_key for key, row in rows.items() if key[0] == "demo"}
    assert keys.pop(cast.portal) == "k" * 32
    assert set(keys.values()) == {""}
    assert "secret" not in str(rows)
    client = rows["client", cast.acme.id]
    assert (client.name, client.company, client.locale) == ("Client of acme", "Acme", "en")
    assert rows["session", cast.seller.session_id].user_name == "Seller"
    assert rows["session", cast.acme.session_id].user_name == ""


async def test_a_revocation_tells_the_client_its_launches_and_its_sessions_in_one_change(
    edge: EdgeGateway, db: Database, cast: Cast
) -> None:
    await db.write(open_demo, cast.acme.actor, cast.portal)
    async with aclosing(edge.watch("edge-1")) as updates:
        await until(updates, is_a(Synced))
        await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
        change = (await until(updates, is_a(Change)))[-1]
    assert isinstance(change, Change)
    assert change.position == db.position
    assert [(row.id, row.is_revoked) for row in change.clients] == [(cast.acme.id, True)]
    assert Gone(kind="session", id=cast.acme.session_id) in change.gone
    assert [row.state for row in change.launches] == ["stopped"]


async def test_after_a_restart_of_the_gateway_a_watch_resumes_with_what_it_missed(
    stand: Stand, edge: EdgeGateway, db: Database, cast: Cast
) -> None:
    follower = Follower()
    async with aclosing(edge.watch("edge-1")) as updates:
        for update in await until(updates, is_a(Synced)):
            follower.apply(update)
        await stand.stop()
        for update in await until(updates, is_a(Lost)):
            follower.apply(update)
        await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
        await stand.start()
        resumed = await until(updates, is_a(Synced))
        for update in resumed:
            follower.apply(update)
    assert [begin.is_snapshot for begin in follower.begins] == [True, False]
    assert follower.rows == await fresh_rows(db)
    assert len([update for update in resumed if isinstance(update, Change)]) == 1


async def test_an_edit_by_hand_begins_another_epoch_and_forces_a_snapshot(
    stand: Stand, edge: EdgeGateway, db: Database, cast: Cast
) -> None:
    follower = Follower()
    async with aclosing(edge.watch("edge-1")) as updates:
        for update in await until(updates, is_a(Synced)):
            follower.apply(update)
        with sqlite3.connect(db.path) as shell:
            shell.execute("UPDATE demos SET name = 'By hand' WHERE id = ?", (cast.portal,))
        shell.close()
        for update in await until(updates, is_a(Synced)):
            follower.apply(update)
    first, second = follower.begins
    assert second.is_snapshot
    assert second.epoch != first.epoch
    assert follower.rows["demo", cast.portal].name == "By hand"


async def test_who_was_away_during_an_edit_by_hand_gets_a_snapshot_too(
    stand: Stand, edge: EdgeGateway, db: Database, cast: Cast
) -> None:
    async with aclosing(edge.watch("edge-1")) as updates:
        await until(updates, is_a(Synced))
        await stand.server.stop()
        position = db.position
        with sqlite3.connect(db.path) as shell:
            shell.execute("UPDATE demos SET name = 'By hand' WHERE id = ?", (cast.portal,))
        shell.close()
        await db.moved(position)
        await stand.restart()
        begin = (await until(updates, is_a(Begin)))[-1]
    assert isinstance(begin, Begin)
    assert begin.is_snapshot


async def test_a_watcher_that_is_too_far_behind_gets_a_snapshot(
    stand: Stand, edge: EdgeGateway, db: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecatalog.launches.serving.MOST_FACTS", 3)
    async with aclosing(edge.watch("edge-1")) as updates:
        await until(updates, is_a(Synced))
        await stand.stop()
        for _ in range(2):
            await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
            await db.write(restore_client, cast.seller.actor, cast.acme.id)
        await stand.start()
        begin = (await until(updates, is_a(Begin)))[-1]
    assert isinstance(begin, Begin)
    assert begin.is_snapshot


async def test_an_edge_redeems_a_way_in_once(edge: EdgeGateway, db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.remote)
    label = await db.write(enter_launch, cast.acme.actor, launch.id, "code-1")
    redeemed = await edge.redeem("code-1", label)
    assert (redeemed.launch_id, redeemed.session_id) == (launch.id, cast.acme.session_id)
    assert (redeemed.path, redeemed.position) == ("/start?lang=en", db.position)
    with pytest.raises(Unauthorized):
        await edge.redeem("code-1", label)


async def test_a_way_in_is_for_its_own_host(edge: EdgeGateway, db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.remote)
    await db.write(enter_launch, cast.acme.actor, launch.id, "code-1")
    with pytest.raises(Unauthorized, match="belongs to another demo"):
        await edge.redeem("code-1", "another")


async def test_a_new_database_gets_an_epoch_and_keeps_it(stand: Stand, db: Database) -> None:
    first = await serving.ensure_identity(db)
    assert await serving.ensure_identity(db) == first
    assert first.installation.isalnum()


async def test_heartbeats_go_on_while_facts_come_without_end(edge: EdgeGateway, db: Database, cast: Cast) -> None:
    """A busy gateway must not look like a dead one."""
    beats = 0
    async with aclosing(edge.watch("edge-1")) as updates:
        async for update in updates:
            if isinstance(update, Change | Synced):
                await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
            elif isinstance(update, Heartbeat):
                beats += 1
            if beats == 3:
                break
