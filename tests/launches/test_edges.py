"""Leases of edges, and waiting until all of them have applied a position: what a revocation's answer rests on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import pytest

from ecatalog.access.actions import revoke_client
from ecatalog.kit.db import Database
from ecatalog.launches.edges import NEVER, EdgeHub, Seat
from ecatalog.launches.opening import open_demo
from ecatalog.launches.serving_queries import EdgeRow, list_edges
from ecatalog_client.acks import Ack
from ecatalog_client.services import EdgeGateway
from ecatalog_client.types.serving import Begin, Change, Cut, Heartbeat, Lost, Synced
from tests.cast import Cast, SettableClock
from tests.rpc.stand import EDGE_TOKEN, LEASE, Stand, running, standing, until


@pytest.fixture
async def hub(db: Database, clock: SettableClock) -> AsyncIterator[EdgeHub]:
    made = new_hub(db, clock)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def stand(db: Database, cast: Cast, clock: SettableClock) -> AsyncIterator[Stand]:
    async with standing(db, clock) as started:
        yield started


def new_hub(db: Database, clock: SettableClock) -> EdgeHub:
    return EdgeHub(db, LEASE, clock=clock, boottime=lambda: clock().timestamp())


def ack(position: int, *cuts: Cut, sequence: int = 0) -> Ack:
    return Ack(sequence=sequence or position, position=position, cuts=cuts)


async def seated(hub: EdgeHub, edge_id: str, position: int) -> Seat:
    """An edge that has applied everything up to the position, and was told its lease."""
    seat = hub.sit(edge_id)
    seat.begin_snapshot()
    seat.synced(position)
    seat.take(ack(position))
    await hub.stop()
    lease_until, _ = seat.beat(position)
    assert lease_until > NEVER
    return seat


class AckingEdge:
    """Follows a watch and acknowledges all that it applies, until it is `mute`."""

    def __init__(self, gateway: EdgeGateway) -> None:
        self.gateway = gateway
        self.cuts: tuple[Cut, ...] = ()
        self.is_mute = False
        self.heartbeats: asyncio.Queue[Heartbeat] = asyncio.Queue()

    def apply(self, update: Any) -> None:
        if isinstance(update, Synced | Change) and update.position and not self.is_mute:
            cuts = self.cuts if isinstance(update, Change) else ()
            self.gateway.acks.send(update.position, cuts)
        if isinstance(update, Heartbeat):
            self.heartbeats.put_nowait(update)

    async def leased(self, now: datetime) -> datetime:
        """The lease, once it has one that lives."""
        while (heartbeat := await self.heartbeats.get()).lease_until <= now:
            pass
        return heartbeat.lease_until


async def test_an_edge_has_a_lease_once_it_acknowledged_and_the_table_had_it_first(
    stand: Stand, db: Database, clock: SettableClock
) -> None:
    edge = AckingEdge(EdgeGateway(stand.target, EDGE_TOKEN))
    async with running(edge.gateway.watch("edge-1"), edge.apply):
        lease_until = await edge.leased(clock())
        rows = await db.read(list_edges)
    assert lease_until == clock() + LEASE
    assert rows == [EdgeRow(id="edge-1", acked_position=db.position, lease_until=lease_until)]
    await edge.gateway.aclose()


async def test_a_revocation_counts_what_every_edge_cut_of_that_client(
    stand: Stand, db: Database, cast: Cast, clock: SettableClock
) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.remote)
    edges = [AckingEdge(EdgeGateway(stand.target, EDGE_TOKEN)) for _ in range(2)]
    for edge in edges:
        edge.cuts = (
            Cut(launch_id=launch.id, client_id=cast.acme.id, connections=3),
            Cut(launch_id="another", client_id=cast.bolt.id, connections=50),
        )
    async with (
        running(edges[0].gateway.watch("edge-1"), edges[0].apply),
        running(edges[1].gateway.watch("edge-2"), edges[1].apply),
    ):
        for edge in edges:
            await edge.leased(clock())
        revoked = await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
        done = await stand.edges.acknowledged(revoked.position, client_id=cast.acme.id)
    assert (done.connections, done.edges, done.waiting_for) == (6, 2, [])
    assert done.certain_at == clock()
    assert done.ms < 1000
    for edge in edges:
        await edge.gateway.aclose()


async def test_a_silent_edge_is_named_and_what_it_serves_is_over_when_its_lease_is(
    stand: Stand, db: Database, cast: Cast, clock: SettableClock
) -> None:
    good, mute = (AckingEdge(EdgeGateway(stand.target, EDGE_TOKEN)) for _ in range(2))
    async with (
        running(good.gateway.watch("good"), good.apply),
        running(mute.gateway.watch("mute"), mute.apply),
    ):
        await good.leased(clock())
        lease_until = await mute.leased(clock())
        mute.is_mute = True
        clock.pass_(seconds=5)
        revoked = await db.write(revoke_client, cast.seller.actor, cast.acme.id, "")
        done = await stand.edges.acknowledged(revoked.position, client_id=cast.acme.id, timeout=0.1)
        assert (done.edges, done.waiting_for, done.certain_at) == (1, ["mute"], lease_until)
        mute.gateway.acks.send(revoked.position, [Cut(launch_id="l", client_id=cast.acme.id, connections=2)])
        late = await stand.edges.acknowledged(revoked.position, client_id=cast.acme.id)
        assert (late.edges, late.waiting_for, late.connections) == (2, [], 2)
    await good.gateway.aclose()
    await mute.gateway.aclose()


async def test_an_edge_that_is_away_is_waited_for_until_its_lease_ends(
    hub: EdgeHub, db: Database, clock: SettableClock
) -> None:
    seat = await seated(hub, "edge-1", db.position)
    seat.rise()
    away = await hub.acknowledged(db.position + 1, timeout=0)
    assert (away.waiting_for, away.certain_at) == (["edge-1"], clock() + LEASE)
    clock.pass_(seconds=60)
    lapsed = await hub.acknowledged(db.position + 1, timeout=0)
    assert (lapsed.waiting_for, lapsed.certain_at) == ([], clock())


async def test_a_lease_outlives_a_restart_of_the_gateway(hub: EdgeHub, db: Database, clock: SettableClock) -> None:
    await seated(hub, "edge-1", db.position)
    restarted = new_hub(db, clock)
    await restarted.start()
    found = await restarted.acknowledged(db.position + 1, timeout=0)
    assert (found.waiting_for, found.certain_at) == (["edge-1"], clock() + LEASE)


async def test_an_edge_that_left_is_not_waited_for(
    stand: Stand, db: Database, cast: Cast, clock: SettableClock
) -> None:
    edge = AckingEdge(EdgeGateway(stand.target, EDGE_TOKEN))
    async with running(edge.gateway.watch("edge-1"), edge.apply):
        await edge.leased(clock())
    edge.gateway.acks.send(db.position, [Cut(launch_id="l", client_id=cast.acme.id, connections=4)])
    await edge.gateway.aclose()
    assert await db.read(list_edges) == []
    done = await stand.edges.acknowledged(db.position, client_id=cast.acme.id, timeout=0)
    assert (done.waiting_for, done.connections) == ([], 4), "its last cuts came with the farewell"


async def test_nobody_is_waited_for_when_no_edge_serves(hub: EdgeHub, clock: SettableClock) -> None:
    done = await hub.acknowledged(7)
    assert (done.connections, done.edges, done.waiting_for, done.certain_at) == (0, 0, [], clock())


async def test_the_wait_ends_with_the_last_acknowledgement(hub: EdgeHub, db: Database) -> None:
    first, second = await seated(hub, "a", db.position), await seated(hub, "b", db.position)
    waiting = asyncio.create_task(hub.acknowledged(db.position + 1, timeout=60))
    await asyncio.sleep(0)
    first.take(ack(db.position + 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    second.take(ack(db.position + 1))
    assert (await waiting).edges == 2


async def test_an_acknowledgement_that_is_sent_again_adds_no_cuts(hub: EdgeHub, db: Database, cast: Cast) -> None:
    seat = await seated(hub, "edge-1", db.position)
    again = ack(db.position + 1, Cut(launch_id="l", client_id=cast.acme.id, connections=2))
    for _ in range(2):
        seat.take(again)
    done = await hub.acknowledged(db.position + 1, client_id=cast.acme.id)
    assert done.connections == 2


async def test_what_was_cut_before_does_not_count(hub: EdgeHub, db: Database, cast: Cast) -> None:
    seat = await seated(hub, "edge-1", db.position)
    seat.take(ack(db.position + 1, Cut(launch_id="l", client_id=cast.acme.id, connections=2)))
    seat.take(ack(db.position + 2, Cut(launch_id="l", client_id=cast.acme.id, connections=5)))
    done = await hub.acknowledged(db.position + 2, client_id=cast.acme.id)
    assert done.connections == 5


async def test_an_edge_that_takes_a_snapshot_has_applied_nothing_until_it_says_so(hub: EdgeHub, db: Database) -> None:
    """Positions of another epoch may be lower than what it had applied of the last one."""
    seat = await seated(hub, "edge-1", db.position + 100)
    seat.begin_snapshot()
    assert (await hub.acknowledged(db.position + 1, timeout=0)).waiting_for == ["edge-1"]


async def test_a_stream_is_told_at_once_that_another_took_its_seat(hub: EdgeHub) -> None:
    seat = hub.sit("edge-1")
    hub.sit("edge-1")
    assert seat.is_taken
    assert seat.nudge.is_set()


async def test_a_lease_is_written_once_in_a_quarter_of_its_length(
    hub: EdgeHub, db: Database, clock: SettableClock
) -> None:
    seat = await seated(hub, "edge-1", db.position)
    writes = db.stats.actions
    for _ in range(60):
        clock.pass_(seconds=1)
        lease_until, _ = seat.beat(db.position)
        assert lease_until - clock() >= LEASE * 0.7
        await hub.stop()
        seat.beat(db.position)
    assert db.stats.actions - writes <= 4


async def test_an_edge_that_does_not_keep_up_gets_no_further_lease(
    hub: EdgeHub, db: Database, clock: SettableClock
) -> None:
    seat = await seated(hub, "edge-1", db.position)
    first, _ = seat.beat(db.position)
    for _ in range(30):
        clock.pass_(seconds=1)
        lease_until, _ = seat.beat(db.position + 1)
        await hub.stop()
    assert lease_until == first, "it was told of a change half a minute ago and has not applied it"
    seat.take(ack(db.position + 1))
    await hub.stop()
    assert seat.beat(db.position + 1)[0] == clock() + LEASE


async def test_no_lease_is_told_before_what_was_waited_for_is_applied(
    hub: EdgeHub, db: Database, clock: SettableClock
) -> None:
    """The race: an edge that holds an old snapshot earns its first lease just as a revocation is declared certain."""
    seat = hub.sit("late")
    seat.begin_snapshot()
    seat.synced(db.position)
    seat.take(ack(db.position))
    certain = await hub.acknowledged(db.position + 1, timeout=0)
    assert certain.certain_at == clock()
    await hub.stop()
    assert seat.beat(db.position)[0] == NEVER
    seat.take(ack(db.position + 1))
    await hub.stop()
    assert seat.beat(db.position + 1)[0] == clock() + LEASE


@pytest.mark.parametrize("is_being_written", [False, True])
async def test_a_lease_that_is_written_while_the_edge_leaves_is_never_told(
    hub: EdgeHub, db: Database, is_being_written: bool
) -> None:
    seat = hub.sit("edge-1")
    seat.begin_snapshot()
    seat.synced(db.position)
    seat.take(ack(db.position))
    if is_being_written:
        await asyncio.sleep(0)
    leaving = asyncio.create_task(hub.leave("edge-1", []))
    await asyncio.sleep(0)
    again = hub.sit("edge-1")
    await leaving
    assert seat.is_taken
    await hub.stop()
    again.begin_snapshot()
    again.synced(db.position)
    again.take(Ack(sequence=0, position=db.position))
    assert again.beat(db.position)[0] == NEVER
    assert await db.read(list_edges) == []


async def test_a_step_of_the_wall_clock_ends_no_lease_early(db: Database, clock: SettableClock) -> None:
    hub = EdgeHub(db, LEASE, clock=clock, boottime=lambda: 1000.0)
    await seated(hub, "edge-1", db.position)
    stepped = clock.pass_(hours=1)
    done = await hub.acknowledged(db.position + 1, timeout=0)
    assert done.waiting_for == ["edge-1"]
    assert done.certain_at == stepped + LEASE


async def test_a_second_stream_of_an_edge_ends_the_first(stand: Stand) -> None:
    first, second = (EdgeGateway(stand.target, EDGE_TOKEN) for _ in range(2))
    async with aclosing(first.watch("edge-1")) as updates, aclosing(second.watch("edge-1")) as others:
        await until(updates, lambda update: isinstance(update, Heartbeat))
        await until(others, lambda update: isinstance(update, Begin))
        lost = (await until(updates, lambda update: isinstance(update, Lost)))[-1]
    assert isinstance(lost, Lost)
    assert "Another stream of this edge has begun" in lost.reason
    await first.aclose()
    await second.aclose()


async def test_leases_that_ended_long_ago_are_forgotten(hub: EdgeHub, db: Database, clock: SettableClock) -> None:
    await seated(hub, "old", db.position)
    clock.pass_(days=2)
    await seated(hub, "new", db.position)
    kept = await db.read(lambda tx: tx.rows("SELECT id FROM edges"))
    assert kept == [{"id": "new"}]
    assert hub.count_live() == 1
