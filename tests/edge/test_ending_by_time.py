"""Instants, leases and snapshots end access too: by themselves, with nobody calling and the gateway silent."""

import asyncio
from datetime import timedelta

import pytest

from ecatalog_client.types.serving import Begin, Cut, Lost, Synced
from ecatalog_edge.edge import Edge
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import (
    ACME,
    CATALOG_URL,
    KEY,
    LAUNCH,
    CatalogTwin,
    SettableTime,
    a_launch,
    a_session,
    an_acme,
    change_of,
    everything,
    settle,
)
from tests.edge.visitors import Line, request

SOON = timedelta(milliseconds=200)
ENDED = 4403


# Instants: nobody calls anything, and the timer does it.


async def test_the_end_of_the_window_cuts_with_nobody_calling_and_the_gateway_silent(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws")
    catalog.say(change_of(catalog.position + 1, [an_acme(ends=SOON)]))
    catalog.say(Lost(reason="the network is gone"))
    assert await line.close_code() == ENDED
    assert edge.guard.count_past_end() == 0


async def test_the_end_of_the_session_cuts_by_itself(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.upgrade("/ws")
    await catalog.tell(a_session(expires=SOON))
    assert await line.close_code() == ENDED


async def test_the_end_of_the_launch_cuts_by_itself(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    line.send(request("GET", "/events"))
    await line.reply_head()
    await catalog.tell(a_launch(demo.address, ends=SOON))
    assert (await line.ended()).endswith(b"(reset)")


async def test_a_window_that_is_moved_out_in_time_cuts_nothing(
    edge: Edge, line: Line, catalog: CatalogTwin, edge_time: SettableTime
) -> None:
    await line.upgrade("/ws")
    await catalog.tell(an_acme(ends=timedelta(minutes=10)))
    await catalog.tell(an_acme())
    edge_time.wall_offset = 900.0
    edge.deadlines.look()
    line.send_frame(0x81, b"still here")
    assert await line.frame() == (0x81, b"still here")


@pytest.mark.parametrize("which", ["wall", "boot"])
async def test_either_clock_ends_the_window(edge: Edge, line: Line, edge_time: SettableTime, which: str) -> None:
    await line.upgrade("/ws")
    setattr(edge_time, f"{which}_offset", 7200.0)
    assert await line.close_code() == ENDED


async def test_clocks_that_jump_back_revive_nothing(
    edge: Edge, line: Line, edge_time: SettableTime, catalog: CatalogTwin
) -> None:
    edge_time.wall_offset = 7200.0
    assert (await line.ask("GET", "/")).status == 403
    edge_time.wall_offset = -7200.0
    reply = await line.ask("GET", "/", {"Accept": "application/json"})
    assert reply.json()["code"] == "access_ended"


async def test_a_frame_after_the_end_is_not_passed_even_before_the_timer(
    edge: Edge, line: Line, demo: DemoServer, edge_time: SettableTime
) -> None:
    await line.upgrade("/ws-raw")
    reader, _ = await demo.sockets.get()
    edge.deadlines.stop()
    edge_time.wall_offset = 7200.0
    line.send_frame(0x81, b"too late")
    assert await line.close_code() == ENDED
    assert b"too late" not in await asyncio.wait_for(reader.read(), 5)


async def test_a_piece_of_a_stream_after_the_end_is_not_passed_even_before_the_timer(
    edge: Edge, line: Line, edge_time: SettableTime
) -> None:
    line.send(request("GET", "/endless"))
    await line.reply_head()
    edge.deadlines.stop()
    edge_time.wall_offset = 7200.0
    assert (await line.ended()).endswith(b"(reset)")


# The lease.


async def test_the_end_of_the_lease_cuts_everything(edge: Edge, dial: Dial, catalog: CatalogTwin) -> None:
    socket, stream = await dial(), await dial()
    await socket.upgrade("/ws")
    stream.send(request("GET", "/events"))
    await stream.reply_head()
    catalog.beat(lease=SOON)
    assert await socket.close_code() == ENDED
    assert (await stream.ended()).endswith(b"(reset)")
    reply = await (await dial()).ask("GET", "/", {"Accept": "application/json"})
    assert (reply.status, reply.json()["code"]) == (503, "catalog_unreachable")


async def test_a_new_lease_serves_again(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    catalog.beat(lease=-SOON)
    await settle(lambda: not edge.is_ready)
    assert (await line.ask("GET", "/")).status == 503
    catalog.beat()
    await settle(lambda: edge.is_ready)
    assert (await line.ask("GET", "/")).status == 200


async def test_a_heartbeat_that_was_stuck_for_longer_than_the_lease_renews_nothing(
    edge: Edge, line: Line, catalog: CatalogTwin, edge_time: SettableTime
) -> None:
    edge_time.boot_offset = 120.0
    assert (await line.ask("GET", "/")).status == 503
    catalog.beat()
    beats = edge.stats.heartbeats
    await settle(lambda: edge.stats.heartbeats > beats)
    assert (await line.ask("GET", "/")).status == 503


async def test_while_the_gateway_restarts_visitors_are_served_on_the_lease(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws")
    catalog.say(Lost(reason="restart"))
    await settle(lambda: edge.stats.streams_lost == 1)
    line.send_frame(0x81, b"still here")
    assert await line.frame() == (0x81, b"still here")


async def test_a_lease_is_not_renewed_until_everything_is_told_again(edge: Edge, catalog: CatalogTwin) -> None:
    catalog.say(Lost(reason="restart"))
    catalog.say(Begin(epoch="e1", is_snapshot=False, cookie_key=KEY, catalog_url=CATALOG_URL))
    left = edge.lease.left
    catalog.beat(lease=timedelta(hours=1))
    beats = edge.stats.heartbeats
    await settle(lambda: edge.stats.heartbeats > beats)
    assert edge.lease.left <= left
    catalog.say(Synced(position=catalog.position))
    catalog.beat(lease=timedelta(hours=1))
    await settle(lambda: edge.lease.left > 3000)


# Snapshots.


async def test_until_it_is_synced_an_edge_serves_nothing_new(
    empty_edge: Edge, line: Line, catalog: CatalogTwin, demo: DemoServer
) -> None:
    catalog.say(Begin(epoch="e1", is_snapshot=True, cookie_key=KEY, catalog_url=CATALOG_URL))
    catalog.say(change_of(0, everything(demo.address)))
    catalog.beat()
    await settle(lambda: empty_edge.stats.heartbeats == 1)
    reply = await line.ask("GET", "/", {"Accept": "application/json"})
    assert (reply.status, reply.json()["code"]) == (503, "edge_starting")
    assert catalog.acks.sent == []
    catalog.say(Synced(position=7))
    catalog.beat()
    assert (await catalog.acks.up_to(7)).position == 7
    await settle(lambda: empty_edge.is_ready)
    assert (await line.ask("GET", "/")).status == 200


async def test_a_new_snapshot_cuts_what_it_does_not_allow_and_keeps_the_rest(
    edge: Edge, dial: Dial, catalog: CatalogTwin, demo: DemoServer
) -> None:
    line = await dial()
    await line.upgrade("/ws")
    await catalog.begin(*everything(demo.address))
    line.send_frame(0x81, b"still here")
    assert await line.frame() == (0x81, b"still here")
    catalog.position += 1
    catalog.say(Begin(epoch="e2", is_snapshot=True, cookie_key=KEY, catalog_url=CATALOG_URL))
    catalog.say(Synced(position=catalog.position))
    acknowledged = await catalog.acks.up_to(catalog.position)
    assert acknowledged.cuts == [Cut(launch_id=LAUNCH, client_id=ACME, connections=1)]
    assert await line.close_code() == ENDED


async def test_while_a_new_snapshot_comes_nothing_new_is_served_on_the_old_rows(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    catalog.say(Begin(epoch="e2", is_snapshot=True, cookie_key=KEY, catalog_url=CATALOG_URL))
    await settle(lambda: not edge.is_ready)
    reply = await line.ask("GET", "/", {"Accept": "application/json"})
    assert reply.json()["code"] == "edge_starting"
