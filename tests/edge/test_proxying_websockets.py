"""A WebSocket is a tunnel of whole frames: text, binary, fragments, pings and large messages, both ways."""

import asyncio
from contextlib import suppress

import pytest

from ecatalog_edge.edge import Edge
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.frames import frame
from tests.edge.twins import CatalogTwin, an_acme, settle
from tests.edge.visitors import Line

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A
LARGE = bytes(range(256)) * 4096  # 1 MiB


async def message(line: Line) -> bytes:
    """The payloads of one message, put together."""
    first, payload = await line.frame()
    while not first & 0x80:
        first, more = await line.frame()
        assert first & 0x0F == 0
        payload += more
    return payload


async def test_text_and_binary_come_back_as_they_were(edge: Edge, line: Line) -> None:
    assert (await line.upgrade()).status == 101
    for first, payload in ((TEXT, "Grüße".encode()), (BINARY, bytes(range(256))), (TEXT, b"")):
        line.send_frame(first, payload)
        assert await line.frame() == (first, payload)
    assert edge.registry.counts() == {"websocket": 1}


async def test_a_fragmented_message_keeps_its_fragments(edge: Edge, line: Line) -> None:
    await line.upgrade()
    fragments = [(0x01, b"one "), (0x00, b"two "), (CONTINUATION, b"three")]
    for first, payload in fragments:
        line.send_frame(first, payload)
    assert [await line.frame() for _ in fragments] == fragments


async def test_a_ping_is_answered_by_the_demo_between_the_fragments_of_a_message(edge: Edge, line: Line) -> None:
    await line.upgrade()
    line.send_frame(0x01, b"half ")
    line.send_frame(PING, b"are you there?")
    line.send_frame(CONTINUATION, b"whole")
    assert [(await line.frame())[0] for _ in range(3)] == [0x01, PONG, CONTINUATION]


async def test_reserved_bits_of_a_compressed_message_pass(edge: Edge, line: Line, demo: DemoServer) -> None:
    offer = "permessage-deflate; client_max_window_bits, x-strange; a=b"
    await line.upgrade("/ws", Sec_WebSocket_Extensions=offer)
    line.send_frame(0xC1, b"\x00compressed")
    assert await line.frame() == (0xC1, b"\x00compressed")
    assert demo.asked[-1].get("sec-websocket-extensions") == "permessage-deflate; client_max_window_bits"


async def test_a_large_message_arrives_whole_whatever_frames_carry_it(edge: Edge, line: Line) -> None:
    await line.upgrade()
    line.send_frame(BINARY, LARGE)
    line.send_frame(TEXT, b"after")
    assert await asyncio.wait_for(message(line), 10) == LARGE
    assert await message(line) == b"after"


async def test_many_frames_in_one_write_and_one_frame_in_many_writes(edge: Edge, line: Line) -> None:
    await line.upgrade()
    line.send(b"".join(frame(TEXT, b"%d" % n, is_masked=True) for n in range(500)))
    assert [(await line.frame())[1] for _ in range(500)] == [b"%d" % n for n in range(500)]
    for byte in frame(TEXT, b"x" * 200, is_masked=True):
        line.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert await line.frame() == (TEXT, b"x" * 200)


async def test_the_demo_may_speak_first_in_the_very_packet_of_the_handshake(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    demo.custom = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: x\r\n\r\n" + frame(TEXT, b"welcome")
    )
    assert (await line.upgrade("/custom")).status == 101
    assert await line.frame() == (TEXT, b"welcome")


async def test_a_visitor_may_speak_before_the_handshake_is_answered(edge: Edge, line: Line, demo: DemoServer) -> None:
    upgrade = asyncio.ensure_future(line.upgrade())
    await asyncio.sleep(0)
    line.send_frame(TEXT, b"eager")
    assert (await upgrade).status == 101
    assert await line.frame() == (TEXT, b"eager")


async def test_the_closing_handshake_passes_and_both_sockets_end(edge: Edge, line: Line) -> None:
    await line.upgrade()
    line.send_frame(CLOSE, (1000).to_bytes(2, "big") + b"done")
    assert await line.frame() == (CLOSE, (1000).to_bytes(2, "big") + b"done")
    assert await line.ended() == b""
    await settle(lambda: not edge.registry.all())


async def test_a_visitor_who_sends_nothing_more_still_hears_the_last_words(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    await line.upgrade("/ws-raw")
    reader, writer = await demo.sockets.get()
    line.send_frame(CLOSE, (1000).to_bytes(2, "big"))
    line.writer.write_eof()
    assert len(await reader.read()) == 8, "the demo gets the close frame, then the end"
    writer.write(frame(TEXT, b"last words") + frame(CLOSE, (1000).to_bytes(2, "big")))
    assert await line.frame() == (TEXT, b"last words")
    assert await line.frame() == (CLOSE, (1000).to_bytes(2, "big"))
    assert edge.registry.counts() == {"websocket": 1}
    writer.close()
    assert await line.ended() == b""
    await settle(lambda: not edge.registry.all())


async def test_a_demo_that_sends_nothing_more_still_hears_the_visitor(edge: Edge, line: Line, demo: DemoServer) -> None:
    await line.upgrade("/ws-raw")
    reader, writer = await demo.sockets.get()
    writer.write(frame(CLOSE, (1000).to_bytes(2, "big")))
    writer.write_eof()
    assert await line.frame() == (CLOSE, (1000).to_bytes(2, "big"))
    line.send_frame(TEXT, b"one more")
    assert await asyncio.wait_for(reader.readexactly(14), 5)
    line.writer.close()
    await settle(lambda: not edge.registry.all())


def say_close(line: Line, writer: asyncio.StreamWriter, who: str) -> None:
    """Sends a close frame as that side, and ends its half of the connection."""
    if who == "visitor":
        line.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        line.writer.write_eof()
    else:
        writer.write(frame(CLOSE, (1000).to_bytes(2, "big")))
        writer.write_eof()


@pytest.mark.parametrize("who", ["visitor", "demo"])
async def test_the_other_side_has_a_moment_to_end(
    edge: Edge, line: Line, demo: DemoServer, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr("ecatalog_edge.tunnel.HALF_CLOSED_SECONDS", 0.1)
    await line.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    say_close(line, writer, who)
    await settle(lambda: not edge.registry.all())


@pytest.mark.parametrize("who", ["visitor", "demo"])
async def test_a_cut_ends_what_is_half_closed(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, who: str
) -> None:
    await line.upgrade("/ws-raw")
    reader, writer = await demo.sockets.get()
    say_close(line, writer, who)
    assert len(await (reader if who == "visitor" else line.reader).read()) in (4, 8)
    assert edge.registry.counts() == {"websocket": 1}
    await catalog.tell(an_acme(is_revoked=True))
    assert not edge.registry.all()
    with suppress(ConnectionError):
        if who == "demo":
            line.send_frame(TEXT, b"too late")
            heard = await asyncio.wait_for(reader.read(), 5)
        else:
            writer.write(frame(TEXT, b"too late"))
            heard = await asyncio.wait_for(line.reader.read(), 5)
        assert b"too late" not in heard


async def test_a_demo_that_goes_away_ends_the_visitors_socket(edge: Edge, line: Line, demo: DemoServer) -> None:
    await line.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    writer.write(frame(TEXT, b"last words"))
    writer.close()
    assert await line.frame() == (TEXT, b"last words")
    assert await line.ended() == b""


async def test_a_visitor_who_goes_away_ends_the_demos_socket(edge: Edge, dial: Dial, demo: DemoServer) -> None:
    visitor = await dial()
    await visitor.upgrade("/ws-raw")
    reader, _ = await demo.sockets.get()
    visitor.writer.transport.abort()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    await settle(lambda: not edge.registry.all())


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"masked", is_masked=True),
        bytes((0x89, 126)) + (200).to_bytes(2, "big") + bytes(200),
        bytes((0x82, 127)) + (1 << 63).to_bytes(8, "big"),
        frame(0x83, b"of no kind"),
    ],
    ids=["masked", "long ping", "impossible length", "unknown kind"],
)
async def test_frames_that_no_server_may_send_end_the_socket_with_1002(
    edge: Edge, line: Line, demo: DemoServer, sent: bytes
) -> None:
    await line.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    writer.write(sent)
    assert await line.close_code() == 1002


async def test_an_unmasked_frame_of_a_visitor_ends_the_socket_with_1002(edge: Edge, line: Line) -> None:
    await line.upgrade()
    line.send(frame(TEXT, b"unmasked"))
    assert await line.close_code() == 1002


async def test_a_demo_that_declines_the_handshake_answers_like_any_other(edge: Edge, line: Line) -> None:
    reply = await line.upgrade("/plain")
    assert (reply.status, reply.get("connection")) == (200, "close")
    assert await line.ended() == b""


async def test_another_protocol_is_not_upgraded_to(edge: Edge, line: Line, demo: DemoServer) -> None:
    fields = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQ"}
    reply = await line.ask("GET", "/", fields)
    assert (reply.status, reply.get("connection")) == (200, "close")
    sent = demo.asked[-1]
    assert (sent.get("upgrade"), sent.get("http2-settings"), sent.get("connection")) == ("", "", "")


async def test_neither_side_is_read_faster_than_the_other_takes(edge: Edge, dial: Dial, demo: DemoServer) -> None:
    visitor = await dial()
    await visitor.upgrade("/ws-raw")
    _, writer = await demo.sockets.get()
    sent = 0
    piece = frame(BINARY, bytes(60_000))
    try:
        while sent < 64 << 20:
            writer.write(piece)
            sent += len(piece)
            await asyncio.wait_for(writer.drain(), 0.5)
    except TimeoutError:
        pass
    assert sent < 32 << 20
