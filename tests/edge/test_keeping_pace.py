"""Neither side runs ahead of the other: what one does not read stays with who sent it, and idle ones are let go."""

import asyncio
import socket
from pathlib import Path

from ecatalog_edge.edge import Edge
from ecatalog_edge.upstream import IDLE_SECONDS as POOL_IDLE
from ecatalog_edge.visitor import ANSWER_SECONDS, BODY_SECONDS, IDLE_SECONDS, LINGER_SECONDS
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import CatalogTwin, an_acme, settle
from tests.edge.visitors import Line, request

# What the kernel itself may hold on the way, in two connections (tcp(7)); the edge holds a few hundred kilobytes.
IN_KERNELS = 2 * sum(int(Path(f"/proc/sys/net/ipv4/tcp_{way}mem").read_text().split()[2]) for way in "rw")


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def read_until_reset(sock: socket.socket) -> int:
    """How many bytes come before the reset; fails when the stream ends in any other way."""
    taken = 0
    while True:
        try:
            piece = await asyncio.get_running_loop().sock_recv(sock, 65536)
        except ConnectionResetError:
            return taken
        assert piece, "the stream ended as if it were complete"
        taken += len(piece)


async def stands_still(demo: DemoServer) -> int:
    """What the demo could send until nobody takes any more."""
    before = -1
    while demo.sent != before:
        before = demo.sent
        await asyncio.sleep(0.1)
    return before


async def test_a_slow_reader_does_not_grow_memory(edge: Edge, dial: Dial, demo: DemoServer) -> None:
    before = resident()
    line = await dial()
    line.send(request("GET", "/endless"))
    await line.reply_head()
    assert await stands_still(demo) < IN_KERNELS
    assert resident() - before < 16 << 20
    (visitor,) = edge.site.visitors
    assert visitor.transport.get_write_buffer_size() < 1 << 20


async def test_a_slow_reader_gets_everything_in_the_end(edge: Edge, line: Line, demo: DemoServer) -> None:
    body = bytes(range(256)) * 40_000  # 10 MB
    demo.custom = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    line.send(request("GET", "/custom"))
    await line.reply_head()
    await asyncio.sleep(0)
    assert await asyncio.wait_for(line.reader.readexactly(len(body)), 10) == body
    assert (await line.ask("GET", "/next")).status == 200


async def test_a_demo_that_does_not_read_holds_the_visitor_back(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("POST", "/never-reads", {"Content-Length": str(1 << 30)}))
    before, sent = resident(), 0
    try:
        while sent < IN_KERNELS * 2:
            line.send(bytes(1 << 16))
            sent += 1 << 16
            await asyncio.wait_for(line.writer.drain(), 0.5)
    except TimeoutError:
        pass
    assert sent < IN_KERNELS
    assert edge.stats.bytes_in < IN_KERNELS
    assert resident() - before < 16 << 20


async def test_a_visitor_who_asks_much_and_reads_nothing_is_not_read_from(
    edge: Edge, dial: Dial, demo: DemoServer
) -> None:
    line = await dial()
    pages = request("GET", "/", cookies=None) * 100
    sent = 0
    try:
        while sent < IN_KERNELS:
            line.send(pages)
            sent += len(pages)
            await asyncio.wait_for(line.writer.drain(), 0.5)
    except TimeoutError:
        pass
    assert sent < IN_KERNELS
    (visitor,) = edge.site.visitors
    assert visitor.transport.get_write_buffer_size() < 1 << 20


async def test_an_answer_that_a_slow_visitor_has_not_taken_can_still_be_cut(
    edge: Edge, demo: DemoServer, catalog: CatalogTwin
) -> None:
    """The demo has sent its last byte; the visitor, behind the smallest of buffers, has not got it."""
    for listening in edge.sockets:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(small, ("127.0.0.1", edge.port))
    await settle(lambda: bool(edge.site.visitors))
    (visitor,) = edge.site.visitors
    visitor.transport.set_write_buffer_limits(high=1000)
    demo.custom = b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + bytes(30_000)
    await loop.sock_sendall(small, request("GET", "/custom"))
    await settle(lambda: visitor.is_choked and demo.is_idle)
    assert (await catalog.tell(an_acme(is_revoked=True))).cuts[0].connections == 1
    assert await read_until_reset(small) < 30_000
    small.close()


# What waits too long ends. The sweep is called with a later time, so that nobody waits here.


async def test_an_idle_connection_is_closed_after_a_while(edge: Edge, line: Line) -> None:
    await line.ask("GET", "/")
    (visitor,) = edge.site.visitors
    now = asyncio.get_running_loop().time()
    visitor.expire(now + IDLE_SECONDS - 1)
    assert (await line.ask("GET", "/")).status == 200
    visitor.expire(now + IDLE_SECONDS + 5)
    assert await line.ended() == b""


async def test_a_head_that_dribbles_in_is_not_waited_for(edge: Edge, line: Line) -> None:
    line.send(b"GET / HTTP/1.1\r\nHost: ")
    await settle(lambda: len(edge.site.visitors) == 1)
    (visitor,) = edge.site.visitors
    visitor.expire(asyncio.get_running_loop().time() + IDLE_SECONDS + 1)
    assert await line.ended() in (b"", b"(reset)")


async def test_a_body_that_does_not_come_ends_the_request(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("POST", "/mirror", {"Content-Length": "10"}, b"half"))
    await settle(lambda: bool(demo.asked))
    (visitor,) = edge.site.visitors
    visitor.expire(asyncio.get_running_loop().time() + BODY_SECONDS + 1)
    assert (await line.reply()).status == 504


async def test_a_demo_that_does_not_answer_in_time_is_told_as_a_page(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("GET", "/wait"))
    await settle(lambda: bool(demo.asked))
    (visitor,) = edge.site.visitors
    now = asyncio.get_running_loop().time()
    visitor.expire(now + ANSWER_SECONDS - 10)
    visitor.expire(now + ANSWER_SECONDS + 1)
    reply = await line.reply()
    assert (reply.status, b"takes too long" in reply.body) == (504, True)
    await asyncio.wait_for(demo.lost.wait(), 5)


async def test_a_stream_may_last(edge: Edge, line: Line) -> None:
    line.send(request("GET", "/events"))
    await line.reply_head()
    (visitor,) = edge.site.visitors
    visitor.expire(asyncio.get_running_loop().time() + 100_000)
    assert edge.registry.counts() == {"stream": 1}


async def test_a_download_that_stands_still_ends(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("GET", "/endless"))
    await line.reply_head()
    await stands_still(demo)
    (visitor,) = edge.site.visitors
    visitor.expire(asyncio.get_running_loop().time() + ANSWER_SECONDS + 1)
    await settle(lambda: not edge.registry.all())


async def test_a_connection_that_lingers_is_torn_down(edge: Edge, line: Line) -> None:
    line.send(b"nonsense\r\n\r\n")
    await line.reply()
    (visitor,) = edge.site.visitors
    visitor.expire(asyncio.get_running_loop().time() + LINGER_SECONDS + 1)
    await settle(lambda: not edge.site.visitors)


async def test_kept_connections_to_demos_are_let_go(edge: Edge, line: Line, demo: DemoServer) -> None:
    await line.ask("GET", "/")
    edge.site.pool.sweep(asyncio.get_running_loop().time() + POOL_IDLE + 1)
    await line.ask("GET", "/")
    assert demo.connections == 2
