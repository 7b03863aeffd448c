"""Requests go to the demo and answers come back, in every framing that HTTP/1.1 has."""

import asyncio

import pytest

from ecatalog_edge.edge import Edge
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import LABEL, CatalogTwin, a_launch, cookie, settle
from tests.edge.visitors import HOST, ORIGIN, Line, request

BIG = bytes(range(256)) * 8192  # 2 MiB


async def test_a_request_reaches_the_demo_and_its_answer_the_visitor(edge: Edge, line: Line) -> None:
    reply = await line.ask("GET", "/a/b?c=d")
    assert reply.status == 200
    assert reply.json()["target"] == "/a/b?c=d"


async def test_a_connection_serves_many_requests_over_one_connection_to_the_demo(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    for number in range(20):
        assert (await line.ask("GET", f"/{number}")).json()["target"] == f"/{number}"
    assert demo.connections == 1


async def test_pipelined_requests_are_answered_in_order(edge: Edge, line: Line) -> None:
    line.send(b"".join(request("GET", f"/{number}") for number in range(50)))
    assert [(await line.reply()).json()["target"] for _ in range(50)] == [f"/{n}" for n in range(50)]


async def test_pipelined_requests_that_are_refused_are_answered_in_order_too(edge: Edge, line: Line) -> None:
    line.send(b"".join(request("GET", "/", cookies=None) + request("GET", "/ok") for _ in range(300)))
    assert [(await line.reply()).status for _ in range(600)] == [401, 200] * 300


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_every_method_passes(edge: Edge, line: Line, method: str) -> None:
    assert (await line.ask(method, "/x", {"Origin": ORIGIN})).json()["method"] == method


async def test_a_large_body_with_a_length_passes_both_ways(edge: Edge, line: Line, demo: DemoServer) -> None:
    reply = await line.ask("POST", "/mirror", body=BIG)
    assert reply.body == BIG
    assert demo.asked[-1].get("content-length") == str(len(BIG))


async def test_a_chunked_body_passes_both_ways(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("POST", "/mirror", {"Transfer-Encoding": "chunked"}))
    for piece in (b"one", b"two" * 1000, b"three"):
        line.send(b"%x;name=value\r\n%b\r\n" % (len(piece), piece))
    line.send(b"0\r\nTrailer-Field: is dropped\r\n\r\n")
    assert (await line.reply()).body == b"one" + b"two" * 1000 + b"three"
    assert (await line.ask("GET", "/next")).status == 200


async def test_fields_behind_an_answer_pass_but_none_that_say_how_it_is_read(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    demo.custom = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing\r\n\r\n2\r\nok\r\n0\r\n"
        b"Server-Timing: db;dur=5\r\nSet-Cookie: demo=planted\r\nContent-Encoding: br\r\nX-Ecatalog-Visitor: me\r\n\r\n"
    )
    for _ in range(2):
        line.send(request("GET", "/custom"))
        status, headers = await line.reply_head()
        assert (status, dict(headers)["trailer"]) == (200, "Server-Timing")
        assert await line.reader.readuntil(b"\r\n\r\n") == b"2\r\nok\r\n0\r\nServer-Timing: db;dur=5\r\n\r\n"
    line.send(request("GET", "/custom").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await line.reply()).body == b"ok"


async def test_endless_fields_behind_an_answer_break_it_off(edge: Edge, line: Line, demo: DemoServer) -> None:
    many = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 1000) for number in range(200))
    demo.custom = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + many + b"\r\n"
    line.send(request("GET", "/custom"))
    assert b"X-199" not in await line.ended()


async def test_a_body_that_comes_byte_by_byte_passes(edge: Edge, line: Line) -> None:
    for byte in request("POST", "/mirror", body=b"slowly"):
        line.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await line.reply()).body == b"slowly"


async def test_a_head_request_is_answered_without_a_body_and_the_connection_goes_on(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    reply = await line.ask("HEAD", "/x")
    assert (reply.status, int(reply.get("content-length")) > 0) == (200, True)
    assert (await line.ask("GET", "/y")).json()["target"] == "/y"
    assert demo.connections == 1


@pytest.mark.parametrize(
    ("sent", "status", "fields"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, {"content-length": "", "transfer-encoding": ""}),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n", 304, {"etag": "x"}),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, {"content-length": "0"}),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", 299, {}),
        (b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", 302, {"location": "/b"}),
    ],
)
async def test_answers_without_a_body_leave_the_connection_usable(
    edge: Edge, line: Line, demo: DemoServer, sent: bytes, status: int, fields: dict[str, str]
) -> None:
    demo.custom = sent
    reply = await line.ask("GET", "/custom")
    assert reply.status == status
    assert {name: reply.get(name) for name in fields} == fields
    assert (await line.ask("GET", "/next")).status == 200


async def test_an_answer_that_ends_with_its_connection_becomes_chunks(edge: Edge, line: Line, demo: DemoServer) -> None:
    demo.custom = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    reply = await line.ask("GET", "/custom")
    assert (reply.get("transfer-encoding"), reply.body) == ("chunked", b"until the end")
    assert (await line.ask("GET", "/next")).status == 200


async def test_an_http_1_0_visitor_gets_no_chunks_and_a_closed_connection(edge: Edge, line: Line) -> None:
    line.send(f"GET /mirror HTTP/1.0\r\nHost: {HOST}\r\nCookie: {cookie()}\r\n\r\n".encode())
    _, headers = await line.reply_head()
    assert "transfer-encoding" not in dict(headers)
    assert dict(headers)["connection"] == "close"
    assert await line.ended() == b""


async def test_a_visitor_who_asks_for_it_gets_the_connection_closed(edge: Edge, line: Line) -> None:
    reply = await line.ask("GET", "/", {"Connection": "close"})
    assert (reply.status, reply.get("connection")) == (200, "close")
    assert await line.ended() == b""


async def test_server_sent_events_arrive_while_the_stream_is_open(edge: Edge, line: Line) -> None:
    line.send(request("GET", "/events"))
    status, _ = await line.reply_head()
    assert status == 200
    assert await asyncio.wait_for(line.reader.readuntil(b"data: first\n\n"), 5)
    assert edge.registry.counts() == {"stream": 1}


async def test_an_expectation_is_passed_on_and_the_demo_asks_for_the_body(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    fields = {"Expect": "100-continue", "Content-Length": "5"}
    line.send(request("POST", "/continue", fields))
    assert (await line.reply_head())[0] == 100
    line.send(b"hello")
    assert (await line.reply()).json()["size"] == 5
    assert demo.asked[-1].get("expect") == "100-continue"


async def test_an_interim_answer_that_nobody_asked_for_does_not_reach_the_visitor(edge: Edge, line: Line) -> None:
    reply = await line.ask("POST", "/continue", body=b"hello")
    assert (reply.status, reply.json()["size"]) == (200, 5)


async def test_an_early_answer_to_a_long_request_arrives_and_the_connection_ends(edge: Edge, line: Line) -> None:
    line.send(request("POST", "/early", {"Content-Length": "1000000"}, b"x" * 1000))
    reply = await line.reply()
    assert (reply.status, reply.body, reply.get("connection")) == (413, b"big", "close")
    assert await line.ended() == b""


async def test_the_head_and_the_body_may_come_long_before_the_demo_is_reached(edge: Edge, line: Line) -> None:
    line.send(request("POST", "/mirror", body=b"all at once") + request("GET", "/then"))
    assert (await line.reply()).body == b"all at once"
    assert (await line.reply()).json()["target"] == "/then"


async def test_an_absolute_target_that_agrees_with_host_is_served(edge: Edge, line: Line) -> None:
    assert (await line.ask("GET", f"http://{HOST}/abs?x")).json()["target"] == "/abs?x"
    assert (await line.ask("GET", f"http://{HOST}")).json()["target"] == "/"


async def test_the_host_may_carry_a_port_and_any_case(edge: Edge, line: Line) -> None:
    reply = await line.ask("GET", "/", host=f"{LABEL.upper()}.Demos.localhost:8081")
    assert reply.status == 200
    assert dict(reply.json()["headers"])["host"] == f"{LABEL.upper()}.Demos.localhost:8081"


async def test_a_kept_connection_that_the_demo_closed_costs_nobody_an_answer(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    assert (await line.ask("GET", "/once")).body == b"once"
    demo.gate.set()
    for _ in range(5):
        assert (await line.ask("GET", "/again")).status == 200


async def test_a_demo_that_does_not_listen_is_told_as_a_page(edge: Edge, line: Line, demo: DemoServer) -> None:
    await demo.stop()
    reply = await line.ask("GET", "/")
    assert reply.status == 502
    assert b"does not answer" in reply.body
    assert (await line.ask("GET", "/")).status == 502
    await demo.start()


@pytest.mark.parametrize(
    "sent",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"",
    ],
)
async def test_an_answer_that_is_not_http_is_told_as_a_page(
    edge: Edge, line: Line, demo: DemoServer, sent: bytes
) -> None:
    demo.custom = sent
    assert (await line.ask("GET", "/custom")).status == 502
    assert (await line.ask("GET", "/next")).status == 200


async def test_an_answer_that_breaks_off_breaks_off_for_the_visitor(edge: Edge, line: Line, demo: DemoServer) -> None:
    demo.custom = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"
    line.send(request("GET", "/custom"))
    assert (await line.reply_head())[0] == 200
    assert (await line.ended()).endswith(b"(reset)")


async def test_a_second_answer_that_nobody_asked_for_reaches_nobody(edge: Edge, line: Line, demo: DemoServer) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    demo.custom = answer + b"one" + answer + b"two"
    assert (await line.ask("GET", "/custom")).body == b"one"
    assert (await line.ask("GET", "/next")).json()["target"] == "/next"


async def test_a_visitor_who_leaves_ends_the_request_at_the_demo(edge: Edge, dial: Dial, demo: DemoServer) -> None:
    visitor = await dial()
    visitor.send(request("GET", "/wait"))
    await settle(lambda: bool(demo.asked))
    visitor.writer.transport.abort()
    await asyncio.wait_for(demo.lost.wait(), 5)
    await settle(lambda: not edge.registry.all())


async def test_a_connection_to_an_earlier_address_of_a_launch_is_not_used_again(
    edge: Edge, line: Line, second_demo: DemoServer, catalog: CatalogTwin
) -> None:
    assert (await line.ask("GET", "/")).status == 200
    await catalog.tell(a_launch(second_demo.address))
    assert (await line.ask("GET", "/elsewhere")).status == 200
    assert [asked.target for asked in second_demo.asked] == ["/elsewhere"]
