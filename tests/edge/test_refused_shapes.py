"""Requests that two servers could read in two ways are refused with 400, and the connection ends."""

import asyncio

import pytest

from ecatalog_edge.edge import Edge
from tests.edge.demos import DemoServer
from tests.edge.twins import cookie, settle
from tests.edge.visitors import HOST, Line, request

START = f"Host: {HOST}\r\nCookie: {cookie()}\r\nOrigin: http://{HOST}:8081\r\n"
POST = f"POST / HTTP/1.1\r\n{START}"
CHUNKS = f"{POST}Transfer-Encoding: chunked\r\n"
NEXT = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie()}\r\n\r\n"

CORPUS = {
    "length and chunks": f"{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": f"{CHUNKS}Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": f"{POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": f"{POST}Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": f"{POST}Content-Length: +5\r\n\r\nhello",
    "a negative length": f"{POST}Content-Length: -1\r\n\r\nhello",
    "a hexadecimal length": f"{POST}Content-Length: 0x5\r\n\r\nhello",
    "an endless length": f"{POST}Content-Length: {'9' * 30}\r\n\r\n",
    "another coding": f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{CHUNKS}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "nearly chunked": f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked behind a tab": f"{POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": f"POST / HTTP/1.0\r\n{START}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk size": f"{CHUNKS}\r\nzz\r\nhello\r\n0\r\n\r\n",
    "a huge chunk size": f"{CHUNKS}\r\nfffffffffffffffff\r\n",
    "a chunk without its end": f"{CHUNKS}\r\n1\r\nab\r\n0\r\n\r\n",
    "a chunk size and a bare line feed": f"{CHUNKS}\r\n1\na\r\n0\r\n\r\n",
    "a chunk extension with a line feed": f"{CHUNKS}\r\n1;a\nb\r\na\r\n0\r\n\r\n",
    "a space before the colon": f"GET / HTTP/1.1\r\n{START}X-Name : value\r\n\r\n",
    "a folded field": f"GET / HTTP/1.1\r\n{START}X-Name: one\r\n two\r\n\r\n",
    "a field before the name": f"GET / HTTP/1.1\r\n X: y\r\n{START}\r\n",
    "a field without a name": f"GET / HTTP/1.1\r\n{START}: value\r\n\r\n",
    "NUL in a value": f"GET / HTTP/1.1\r\n{START}X-Name: a\x00b\r\n\r\n",
    "NUL in a name": f"GET / HTTP/1.1\r\n{START}X\x00Name: b\r\n\r\n",
    "NUL in the target": f"GET /a\x00b HTTP/1.1\r\n{START}\r\n",
    "a bare carriage return": f"GET / HTTP/1.1\r\n{START}X-Name: a\rX-Other: b\r\n\r\n",
    "bare line feeds": f"GET / HTTP/1.1\n{START.replace(chr(13), '')}\n",
    "two hosts": f"GET / HTTP/1.1\r\n{START}Host: {HOST}\r\n\r\n",
    "another host beside": f"GET / HTTP/1.1\r\n{START}Host: evil.test\r\n\r\n",
    "no host": f"GET / HTTP/1.1\r\nCookie: {cookie()}\r\n\r\n",
    "an empty host": f"GET / HTTP/1.1\r\nHost:\r\nCookie: {cookie()}\r\n\r\n",
    "a target of another host": f"GET http://evil.test/ HTTP/1.1\r\n{START}\r\n",
    "a target with a name in front": f"GET http://a@{HOST}/ HTTP/1.1\r\n{START}\r\n",
    "a target of another scheme": f"GET ftp://{HOST}/ HTTP/1.1\r\n{START}\r\n",
    "a target with a fragment": f"GET /a#b HTTP/1.1\r\n{START}\r\n",
    "a star for a GET": f"GET * HTTP/1.1\r\n{START}\r\n",
    "a space in the target": f"GET /a b HTTP/1.1\r\n{START}\r\n",
    "no version": f"GET /\r\n{START}\r\n",
    "another version": f"GET / HTTP/2.0\r\n{START}\r\n",
    "an unheard-of method": f"SMUGGLE / HTTP/1.1\r\n{START}\r\n",
    "TLS where HTTP is spoken": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two origins": f"{POST}Origin: null\r\nContent-Length: 0\r\n\r\n",
    "a body with a change of protocol": f"{POST}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 9\r\n\r\n",
    "too many fields": f"GET / HTTP/1.1\r\n{START}" + "X-A: b\r\n" * 101 + "\r\n",
    "fields too long": f"GET / HTTP/1.1\r\n{START}X-Long: {'a' * 33_000}\r\n\r\n",
    "a target too long": f"GET /{'a' * 33_000} HTTP/1.1\r\n{START}\r\n",
}  # fmt: skip


@pytest.mark.parametrize("shape", CORPUS)
async def test_a_shape_that_is_not_clear_is_refused_and_nothing_follows(
    edge: Edge, line: Line, demo: DemoServer, shape: str
) -> None:
    line.send(CORPUS[shape].encode("latin-1") + NEXT.encode())
    assert (await line.reply()).status == 400
    assert await line.ended() == b""
    assert "/smuggled" not in [asked.target for asked in demo.asked]
    assert edge.stats.refused_shapes == 1


@pytest.mark.parametrize(("method", "target"), [("CONNECT", "evil.test:443"), ("TRACE", "/")])
async def test_methods_of_proxies_are_not_served(edge: Edge, line: Line, method: str, target: str) -> None:
    line.send(f"{method} {target} HTTP/1.1\r\n{START}\r\n".encode())
    assert (await line.reply()).status == 405
    assert await line.ended() == b""


async def test_another_expectation_is_not_met(edge: Edge, line: Line) -> None:
    assert (await line.ask("GET", "/", {"Expect": "200-ok"})).status == 417


async def test_a_head_that_never_ends_is_refused_while_it_comes(edge: Edge, line: Line) -> None:
    line.send(f"GET / HTTP/1.1\r\n{START}X-Endless: ".encode())
    for _ in range(40):
        line.send(b"a" * 1000)
        await asyncio.sleep(0)
    assert (await line.reply()).status == 400


async def test_what_came_before_a_bad_request_is_answered_first(edge: Edge, line: Line) -> None:
    line.send(request("GET", "/good") + b"GET /bad HTTP/1.1\r\nHost : x\r\n\r\n")
    assert (await line.reply()).json()["target"] == "/good"
    assert (await line.reply()).status == 400
    assert await line.ended() == b""


async def test_a_bad_chunk_ends_the_request_at_the_demo(edge: Edge, line: Line, demo: DemoServer) -> None:
    line.send(request("POST", "/wait", {"Transfer-Encoding": "chunked"}))
    await settle(lambda: bool(demo.asked))
    line.send(b"nonsense\r\n")
    assert (await line.reply()).status == 400
    await asyncio.wait_for(demo.lost.wait(), 5)
