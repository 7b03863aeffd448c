"""What a change ends is closed before it is acknowledged, between two frames, with its reason."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
import structlog

from ecatalog_client.types.serving import Cut, Gone, ServedSession
from ecatalog_edge.edge import Edge
from ecatalog_edge.tunnel import Tunnel
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.frames import frame
from tests.edge.twins import (
    ACME,
    DEMO,
    LAUNCH,
    OTHER_LABEL,
    SELLER,
    SESSION,
    CatalogTwin,
    a_demo,
    a_grant,
    a_launch,
    an_acme,
    cookie,
    settle,
)
from tests.edge.visitors import DOMAIN, Line, request

SOON = timedelta(milliseconds=200)
ENDED = 4403
Rows = Callable[[DemoServer], tuple[list[msgspec.Struct], list[Gone]]]

# Each line: what the gateway says, and the reason that the visitor reads.
ENDINGS: dict[str, Rows] = {
    "access_revoked": lambda demo: ([an_acme(is_revoked=True)], []),
    "access_ended": lambda demo: ([an_acme(ends=-SOON)], []),
    "access_not_started": lambda demo: ([an_acme(starts=SOON * 100)], []),
    "demo_withdrawn": lambda demo: ([], [Gone(kind="grant", id=ACME, demo_id=DEMO)]),
    "demo_in_maintenance": lambda demo: ([a_demo(status="maintenance")], []),
    "demo_removed": lambda demo: ([], [Gone(kind="demo", id=DEMO)]),
    "session_ended": lambda demo: ([], [Gone(kind="session", id=SESSION)]),
    "demo_stopped": lambda demo: ([a_launch(demo.address, wanted="stopped")], []),
    "demo_failed": lambda demo: ([a_launch(demo.address, state="failed")], []),
}


@pytest.mark.parametrize("why", ENDINGS)
async def test_every_ending_cuts_a_live_socket_before_it_is_acknowledged(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, why: str
) -> None:
    await line.upgrade("/ws-raw")
    reader, _ = await demo.sockets.get()
    rows, gone = ENDINGS[why](demo)
    acknowledged = await catalog.tell(*rows, gone=gone)
    assert acknowledged.cuts == [Cut(launch_id=LAUNCH, client_id=ACME, connections=1)]
    assert edge.registry.counts().total() == 0
    first, payload = await line.frame()
    assert (first, int.from_bytes(payload[:2], "big")) == (0x88, ENDED)
    assert payload[2:].decode().startswith(why)
    assert await line.ended() == b""
    await asyncio.wait_for(reader.read(), 5)


@pytest.mark.parametrize("why", ENDINGS)
async def test_every_ending_denies_the_next_request_with_the_same_reason(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, why: str
) -> None:
    assert (await line.ask("GET", "/")).status == 200
    rows, gone = ENDINGS[why](demo)
    await catalog.tell(*rows, gone=gone)
    reply = await line.ask("GET", "/", {"Accept": "application/json"})
    assert reply.json()["code"] == why
    assert len(demo.asked) == 1


async def test_a_launch_that_is_gone_is_cut(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.upgrade("/ws")
    assert (await catalog.tell(gone=[Gone(kind="launch", id=LAUNCH)])).cuts
    assert await line.close_code() == ENDED


async def test_two_hundred_sockets_are_cut_in_one_go(
    edge: Edge, dial: Dial, demo: DemoServer, catalog: CatalogTwin
) -> None:
    lines = [await dial() for _ in range(200)]
    replies = await asyncio.gather(*(line.upgrade("/ws") for line in lines))
    assert {reply.status for reply in replies} == {101}
    acknowledged = await catalog.tell(an_acme(is_revoked=True))
    assert acknowledged.cuts == [Cut(launch_id=LAUNCH, client_id=ACME, connections=200)]
    assert edge.registry.counts().total() == 0
    codes = await asyncio.gather(*(line.close_code() for line in lines))
    assert set(codes) == {ENDED}


async def test_others_are_left_alone(edge: Edge, dial: Dial, demo: DemoServer, catalog: CatalogTwin) -> None:
    bolt = a_launch(demo.address, id="launch-bolt", label=OTHER_LABEL, client_id=None, user_id=SELLER)
    session = ServedSession(id="session-seller", user_id=SELLER, expires_at=bolt.ends_at)
    await catalog.tell(bolt, session)
    mine, theirs = await dial(), await dial()
    assert (await mine.upgrade("/ws")).status == 101
    theirs.send(request("GET", "/events", host=f"{OTHER_LABEL}.{DOMAIN}", cookies=_seller_cookie()))
    assert (await theirs.reply_head())[0] == 200
    await catalog.tell(an_acme(is_revoked=True))
    assert await mine.close_code() == ENDED
    assert edge.registry.counts() == {"stream": 1}
    acknowledged = await catalog.tell(gone=[Gone(kind="session", id="session-seller")])
    assert acknowledged.cuts == [Cut(launch_id="launch-bolt", client_id="", connections=1)]


def _seller_cookie() -> str:
    return cookie(OTHER_LABEL, "launch-bolt", "session-seller")


async def test_a_change_that_ends_nothing_cuts_nothing_and_is_acknowledged(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws")
    assert (await catalog.tell(an_acme(), a_demo(), a_grant())).cuts == []
    line.send_frame(0x81, b"still here")
    assert await line.frame() == (0x81, b"still here")


async def test_an_answer_that_streams_is_reset(edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin) -> None:
    line.send(request("GET", "/events"))
    await line.reply_head()
    await catalog.tell(an_acme(is_revoked=True))
    assert (await line.ended()).endswith(b"(reset)")
    await asyncio.wait_for(demo.lost.wait(), 5)


async def test_a_request_that_waits_for_the_demo_gets_the_page_that_says_why(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    line.send(request("GET", "/wait"))
    await settle(lambda: bool(demo.asked))
    assert (await catalog.tell(an_acme(is_revoked=True))).cuts[0].connections == 1
    reply = await line.reply()
    assert (reply.status, b"withdrawn" in reply.body) == (403, True)
    assert await line.ended() == b""
    await asyncio.wait_for(demo.lost.wait(), 5)


async def test_a_visitor_who_does_not_read_is_cut_as_fast(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    line.send(request("GET", "/endless"))
    await line.reply_head()
    await settle(lambda: edge.site.pool is not None and demo.sent > 1 << 20)
    assert (await catalog.tell(an_acme(is_revoked=True))).cuts[0].connections == 1
    await asyncio.wait_for(demo.lost.wait(), 5)
    assert (await line.ended()).endswith(b"(reset)")


async def test_a_socket_whose_visitor_does_not_read_is_reset_without_waiting(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    for _ in range(300):
        writer.write(frame(0x82, bytes(60_000)))
    (live,) = edge.registry.all()
    (tunnel,) = live.connections
    await settle(lambda: isinstance(tunnel, Tunnel) and tunnel.is_choked)
    assert (await catalog.tell(an_acme(is_revoked=True))).cuts[0].connections == 1
    assert (await line.ended()).endswith(b"(reset)")


@pytest.mark.parametrize("size", [10, 1000, 60_000, 1 << 20], ids=["tiny", "small", "whole", "large"])
@pytest.mark.parametrize("part", [1, 5, 0.5, 0.99])
async def test_a_cut_in_the_middle_of_a_frame_lands_on_a_frame_boundary(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, size: int, part: float
) -> None:
    await line.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    writer.write(frame(0x81, b"whole"))
    assert await line.frame() == (0x81, b"whole")
    data = frame(0x82, bytes(size))
    writer.write(data[: int(part if part >= 1 else part * len(data))])
    await writer.drain()
    await settle(lambda: writer.transport.get_write_buffer_size() == 0)
    await catalog.tell(an_acme(is_revoked=True))
    assert await line.close_code() == ENDED
    assert await line.ended() == b""


async def test_the_demo_is_told_that_the_visitor_has_gone(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws-raw")
    reader, _ = await demo.sockets.get()
    await catalog.tell(an_acme(is_revoked=True))
    sent = await asyncio.wait_for(reader.read(), 5)
    assert sent[0] == 0x88
    assert sent[1] & 0x80


async def test_nothing_that_the_visitor_sends_after_the_cut_reaches_the_demo(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await line.upgrade("/ws-raw")
    reader, _ = await demo.sockets.get()
    await catalog.tell(an_acme(is_revoked=True))
    line.send_frame(0x81, b"too late")
    sent = await asyncio.wait_for(reader.read(), 5)
    assert b"too late" not in sent
    assert len(sent) < 40


async def test_each_cut_is_one_event_in_the_log_and_counted(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.upgrade("/ws")
    with structlog.testing.capture_logs() as events:
        await catalog.tell(an_acme(is_revoked=True))
    cuts = [event for event in events if event["event"] == "access.cut"]
    assert [(cut["why"], cut["client"], cut["connections"], cut["websocket"]) for cut in cuts] == [
        ("access_revoked", ACME, 1, 1)
    ]
    assert edge.stats.cut_count == 1


async def test_an_edge_that_stops_says_so_to_its_sockets(edge: Edge, line: Line) -> None:
    await line.upgrade("/ws")
    stopping = asyncio.ensure_future(edge.stop())
    assert await line.close_code() == 1001
    await stopping
