"""Shapes by which one request was smuggled into another elsewhere: each is refused, or arrives as one clear request.

What counts are the bytes that the demo got on its socket (`ears.py`).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ecatalog_edge.edge import Edge
from tests.edge.ears import Ears
from tests.edge.twins import CatalogTwin, cookie, everything
from tests.edge.visitors import HOST, Line

COOKIE = f"Cookie: {cookie()}\r\n"
BEGIN = f"Host: {HOST}\r\n{COOKIE}Origin: http://{HOST}:8081\r\n"
GET = f"GET /asked HTTP/1.1\r\n{BEGIN}"
POST = f"POST /asked HTTP/1.1\r\n{BEGIN}"
CHUNKED = f"{POST}Transfer-Encoding: chunked\r\n"
NEXT = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n{COOKIE}\r\n"
UPGRADE = f"{GET}Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
WHOLE = "5\r\nhello\r\n0\r\n\r\n"

# Refused with 4xx or 501, after which the connection ends and nothing that follows is taken for a request.
REFUSED = {
    # Where the body ends: the length.
    "an empty length": f"{POST}Content-Length:\r\n\r\nhello",
    "a length with a space within": f"{POST}Content-Length: 1 0\r\n\r\nhello",
    "a length with an underscore": f"{POST}Content-Length: 1_0\r\n\r\nhello",
    "a length with an exponent": f"{POST}Content-Length: 1e1\r\n\r\nhello",
    "a length with a point": f"{POST}Content-Length: 5.0\r\n\r\nhello",
    "a length that differs in a list": f"{POST}Content-Length: 5,6\r\n\r\nhello",
    "a length and a parameter": f"{POST}Content-Length: 5;a=b\r\n\r\nhello",
    "a length in other digits": f"{POST}Content-Length: \xb2\r\n\r\nhello",
    "a length that comes round to 5": f"{POST}Content-Length: 18446744073709551621\r\n\r\nhello",
    "a length behind a vertical tab": f"{POST}Content-Length: \x0b5\r\n\r\nhello",
    "a length and NUL": f"{POST}Content-Length: 5\x00\r\n\r\nhello",
    "a length that is folded": f"{POST}Content-Length: 5\r\n 6\r\n\r\nhello",
    "a length that begins folded": f"{POST}Content-Length:\r\n 5\r\n\r\nhello",
    "a length, a space before its colon": f"{POST}Content-Length : 5\r\n\r\nhello",
    "a length, a tab before its colon": f"{POST}Content-Length\t: 5\r\n\r\nhello",
    "lengths in two spellings": f"{POST}Content-Length: 0\r\ncontent-LENGTH: 44\r\n\r\n",
    # Where the body ends: the coding.
    "an empty coding": f"{POST}Transfer-Encoding:\r\n\r\n{WHOLE}",
    "an empty coding and a length": f"{POST}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
    "the identity and a length": f"{POST}Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
    "chunked, then identity": f"{CHUNKED}Transfer-Encoding: identity\r\n\r\n{WHOLE}",
    "identity, then chunked": f"{POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n{WHOLE}",
    "chunked with a comma behind": f"{POST}Transfer-Encoding: chunked,\r\n\r\n{WHOLE}",
    "chunked with a comma in front": f"{POST}Transfer-Encoding: ,chunked\r\n\r\n{WHOLE}",
    "chunked with a parameter": f"{POST}Transfer-Encoding: chunked;q=1\r\n\r\n{WHOLE}",
    "chunked in quotes": f'{POST}Transfer-Encoding: "chunked"\r\n\r\n{WHOLE}',
    "chunked and a name": f"{POST}Transfer-Encoding: chunked foo\r\n\r\n{WHOLE}",
    "chunked and NUL": f"{POST}Transfer-Encoding: chunked\x00\r\n\r\n{WHOLE}",
    "chunked behind a no-break space": f"{POST}Transfer-Encoding: \xa0chunked\r\n\r\n{WHOLE}",
    "chunked that is folded": f"{POST}Transfer-Encoding:\r\n chunked\r\n\r\n{WHOLE}",
    "chunked, a space before its colon": f"{POST}Transfer-Encoding : chunked\r\n\r\n{WHOLE}",
    "chunked, folded into the field before": f"{POST}X-A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n{WHOLE}",
    "chunked behind a bare line feed": f"{POST}X-A: b\nTransfer-Encoding: chunked\r\n\r\n{WHOLE}",
    "chunked behind a bare return": f"{POST}X-A: b\rTransfer-Encoding: chunked\r\n\r\n{WHOLE}",
    "chunked in quotes as a name": f'{POST}"Transfer-Encoding": chunked\r\n\r\n{WHOLE}',
    "chunked and NUL in the name": f"{POST}Transfer-Encoding\x00: chunked\r\n\r\n{WHOLE}",
    "a spaced coding beside a length": f"{POST}Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n{WHOLE}",
    "a length and chunks in HTTP/1.0": (
        f"POST /asked HTTP/1.0\r\n{BEGIN}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    # Where a chunk ends. The head may have reached the demo by then, the end of the request never does.
    "a negative chunk": f"{CHUNKED}\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a signed chunk": f"{CHUNKED}\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a chunk with 0x": f"{CHUNKED}\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk with an underscore": f"{CHUNKED}\r\n0_5\r\nhello\r\n0\r\n\r\n",
    "a chunk behind a space": f"{CHUNKED}\r\n 5\r\nhello\r\n0\r\n\r\n",
    "a chunk before a space": f"{CHUNKED}\r\n5 \r\nhello\r\n0\r\n\r\n",
    "a chunk before a tab": f"{CHUNKED}\r\n5\t\r\nhello\r\n0\r\n\r\n",
    "a chunk without a size": f"{CHUNKED}\r\n\r\nhello\r\n0\r\n\r\n",
    "a chunk with an extension alone": f"{CHUNKED}\r\n;a=b\r\nhello\r\n0\r\n\r\n",
    "a chunk that comes round to 5": f"{CHUNKED}\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a chunk with a bare return in its extension": f"{CHUNKED}\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a chunk with NUL in its extension": f"{CHUNKED}\r\n5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "a chunk size and a bare return": f"{CHUNKED}\r\n5\rhello\r\n0\r\n\r\n",
    "a chunk and a bare line feed": f"{CHUNKED}\r\n5\r\nhello\n0\r\n\r\n",
    "a chunk shorter than it says": f"{CHUNKED}\r\n6\r\nhello\r\n0\r\n\r\n",
    "a last chunk and a bare line feed": f"{CHUNKED}\r\n5\r\nhello\r\n0\n\r\n",
    "an end in bare line feeds": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\n\n",
    "a trailer without a colon": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\ngarbage\r\n\r\n",
    "a trailer with a space before its colon": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nX-A : b\r\n\r\n",
    "a trailer with a bare line feed": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nX-A: b\nX-C: d\r\n\r\n",
    "a trailer with a length": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nContent-Length: 44\r\n\r\n",
    "a trailer with a coding": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    # The request line.
    "HTTP/0.9": "GET /asked\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": f"get /asked HTTP/1.1\r\n{BEGIN}\r\n",
    "a method behind a space": f" GET /asked HTTP/1.1\r\n{BEGIN}\r\n",
    "tabs between the words": f"GET\t/asked\tHTTP/1.1\r\n{BEGIN}\r\n",
    "a tab in the target": f"GET /asked\tb HTTP/1.1\r\n{BEGIN}\r\n",
    "DEL in the target": f"GET /asked\x7f HTTP/1.1\r\n{BEGIN}\r\n",
    "a letter beyond ASCII in the target": f"GET /ask\xe9d HTTP/1.1\r\n{BEGIN}\r\n",
    "a bare return in the target": f"GET /asked\rX HTTP/1.1\r\n{BEGIN}\r\n",
    "a bare return behind the version": f"GET /asked HTTP/1.1\rX: y\r\n{BEGIN}\r\n",
    "a target without a slash": f"GET asked HTTP/1.1\r\n{BEGIN}\r\n",
    "a target with an empty host": f"GET http:///asked HTTP/1.1\r\n{BEGIN}\r\n",
    "a target with our host as its user": f"GET http://{HOST}@evil.test/x HTTP/1.1\r\n{BEGIN}\r\n",
    "a target with a backslash for a slash": f"GET http://{HOST}\\@evil.test/ HTTP/1.1\r\n{BEGIN}\r\n",
    "a target with a port that Host lacks": f"GET http://{HOST}:80/asked HTTP/1.1\r\n{BEGIN}\r\n",
    "a version without a point": f"GET /asked HTTP/11\r\n{BEGIN}\r\n",
    "a version of three digits": f"GET /asked HTTP/1.10\r\n{BEGIN}\r\n",
    "a version to come": f"GET /asked HTTP/1.9\r\n{BEGIN}\r\n",
    "a version in lower case": f"GET /asked http/1.1\r\n{BEGIN}\r\n",
    "a version and more": f"GET /asked HTTP/1.1 X\r\n{BEGIN}\r\n",
    # Other fields.
    "a control character in a value": f"{GET}X-A: b\x01c\r\n\r\n",
    "DEL in a value": f"{GET}X-A: b\x7fc\r\n\r\n",
    "a space in a name": f"{GET}X A: b\r\n\r\n",
    "a tab in a name": f"{GET}X\tA: b\r\n\r\n",
    "a letter beyond ASCII in a name": f"{GET}X-\xc4: b\r\n\r\n",
    "a name without a colon": f"{GET}X-A\r\n\r\n",
    "a bare return at the end of a line": f"{GET}X-A: b\r\r\n\r\n",
    "a bare return as a line": f"{GET}\rX-A: b\r\n\r\n",
    "a second Host in capitals": f"{GET}HOST: evil.test\r\n\r\n",
    "a Host that is folded": f"GET /asked HTTP/1.1\r\nHost: {HOST}\r\n evil.test\r\n{COOKIE}\r\n",
    "a Host with NUL": f"GET /asked HTTP/1.1\r\nHost: {HOST}\x00.evil.test\r\n{COOKIE}\r\n",
    "two expectations": f"{POST}Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    "an expectation and another": f"{POST}Expect: 100-continue, 200-ok\r\nContent-Length: 5\r\n\r\nhello",
    "a WebSocket with a body": f"{UPGRADE}Upgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
    "a WebSocket with chunks": f"{UPGRADE}Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n{WHOLE}",
}  # fmt: skip


@dataclass(frozen=True)
class One:
    """What is sent, and the one request that the demo gets of it."""

    raw: str
    body: bytes = b""
    first: bytes = b"GET /asked HTTP/1.1"
    without: tuple[bytes, ...] = ()


POSTED = b"POST /asked HTTP/1.1"

FORWARDED = {
    "a length with zeros in front": One(f"{POST}Content-Length: 005\r\n\r\nhello", b"hello", POSTED),
    "a length behind blanks": One(f"{POST}Content-Length: \t 5\r\n\r\nhello", b"hello", POSTED),
    "a length before blanks": One(f"{POST}Content-Length: 5 \t\r\n\r\nhello", b"hello", POSTED),
    "chunked before a blank": One(f"{POST}Transfer-Encoding: chunked \r\n\r\n{WHOLE}", b"hello", POSTED),
    "a host before blanks": One(f"GET /asked HTTP/1.1\r\nHost: {HOST} \t\r\n{COOKIE}\r\n"),
    "an origin before blanks": One(
        f"POST /asked HTTP/1.1\r\nHost: {HOST}\r\n{COOKIE}Origin: http://{HOST}:8081 \t\r\n\r\n", b"", POSTED
    ),
    "a length of nothing": One(f"{POST}Content-Length: 0\r\n\r\n", b"", POSTED),
    "a GET with a body that looks like a request": One(
        f"{GET}Content-Length: {len(NEXT)}\r\n\r\n{NEXT}", NEXT.encode()
    ),
    "a chunk that looks like a request": One(
        f"{CHUNKED}\r\n{len(NEXT):x}\r\n{NEXT}\r\n0\r\n\r\n", NEXT.encode(), POSTED
    ),
    "a length under another name": One(
        f"{POST}Content_Length: 44\r\nContent-Length: 5\r\n\r\nhello", b"hello", POSTED, (b"content_length",)
    ),
    "a coding under another name": One(
        f"{POST}Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", b"hello", POSTED, (b"transfer_encoding",)
    ),
    "chunked in capitals": One(f"{POST}Transfer-Encoding: CHUNKED\r\n\r\n{WHOLE}", b"hello", POSTED),
    "chunked behind blanks": One(f"{POST}Transfer-Encoding: \t chunked\r\n\r\n{WHOLE}", b"hello", POSTED),
    "a chunk with zeros in front": One(f"{CHUNKED}\r\n0000005\r\nhello\r\n000\r\n\r\n", b"hello", POSTED),
    "a chunk with an extension": One(f'{CHUNKED}\r\n5;a="b;c"\r\nhello\r\n0;d\r\n\r\n', b"hello", POSTED),
    "a trailer with a host and a cookie": One(
        f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nHost: evil.test\r\nCookie: a=b\r\n\r\n", b"hello", POSTED, (b"cookie",)
    ),
    "lines before the request": One(f"\r\n\r\n{GET}\r\n"),
    "many spaces between the words": One(f"GET   /asked   HTTP/1.1\r\n{BEGIN}\r\n"),
    "HTTP/1.0": One(f"GET /asked HTTP/1.0\r\n{BEGIN}Connection: keep-alive\r\n\r\n"),
    "a target of our own host": One(f"GET http://{HOST}/asked HTTP/1.1\r\n{BEGIN}\r\n"),
    "a target of our own host in capitals": One(f"GET HTTP://{HOST.upper()}/asked HTTP/1.1\r\n{BEGIN}\r\n"),
    "a target of our own host alone": One(f"GET http://{HOST} HTTP/1.1\r\n{BEGIN}\r\n", first=b"GET / HTTP/1.1"),
    "a target of two slashes": One(f"GET //evil.test/ HTTP/1.1\r\n{BEGIN}\r\n", first=b"GET //evil.test/ HTTP/1.1"),
    "a connection that disowns its cookie and host": One(f"{GET}Connection: close, Cookie, Host\r\n\r\n"),
    "a connection that disowns its length": One(
        f"{POST}Connection: close, Content-Length\r\nContent-Length: 5\r\n\r\nhello", b"hello", POSTED
    ),
    "a connection that disowns its coding": One(
        f"{CHUNKED}Connection: Transfer-Encoding\r\n\r\n{WHOLE}", b"hello", POSTED
    ),
    "a connection that disowns who asks": One(
        f"{GET}Connection: X-Forwarded-For, Forwarded\r\nX-Forwarded-For: x\r\n\r\n"
    ),
    "an expectation with a body": One(
        f"{POST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", b"hello", POSTED
    ),
    "an expectation without a body": One(f"{GET}Expect: 100-continue\r\n\r\n", without=(b"expect",)),
    "an expectation in HTTP/1.0": One(
        f"POST /asked HTTP/1.0\r\n{BEGIN}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        POSTED,
        (b"expect",),
    ),
    "an offer of HTTP/2, and a request behind it": One(
        f"{GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n{NEXT}",
        without=(b"upgrade", b"http2-settings"),
    ),
    "a WebSocket that the demo declines, and a request behind it": One(f"{UPGRADE}Upgrade: websocket\r\n\r\n{NEXT}"),
    "a WebSocket and HTTP/2 at once, and a request behind it": One(
        f"{UPGRADE}Upgrade: websocket, h2c\r\n\r\n{NEXT}", without=(b"upgrade",)
    ),
    "an Upgrade that Connection does not name": One(f"{GET}Upgrade: websocket\r\n\r\n", without=(b"upgrade",)),
    "a last request, and another behind it": One(f"{GET}Connection: close\r\n\r\n{NEXT}"),
}

# The visitor goes away before the end: the demo never gets a whole request.
UNFINISHED = {
    "a head without its last line": GET,
    "half a line end": f"{GET}\r",
    "a body shorter than its length": f"{POST}Content-Length: 6\r\n\r\nhello",
    "chunks without the last": f"{CHUNKED}\r\n5\r\nhello\r\n",
    "a last chunk without its line end": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\n",
    "a trailer without its end": f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nX-A: b\r\n",
    "a chunk nearly too long to count": f"{CHUNKED}\r\n7fffffffffffffff\r\nhello\r\n0\r\n\r\n{NEXT}",
}

# A Host field of one reading that is no demo's: there is an answer, and no demo hears of it.
NO_DEMO = ["{}@evil.test", "evil.test@{}", "evil.test, {}", "{}, evil.test", "{}:80:80", "{}:x", "{}:999999", "{}#x"]
NO_DEMO += ["{}/x", "{}\\x", "x.{}", "{}.", "{}%00", "[::1]", "127.0.0.1", "-{}", "{};x"]


@pytest.fixture
async def ears(empty_edge: Edge, catalog: CatalogTwin) -> AsyncIterator[Ears]:
    """The demo behind the edge."""
    ears = Ears()
    server = await asyncio.start_server(ears.listen, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    await catalog.begin(*everything(f"{host}:{port}"))
    yield ears
    server.close()


async def send(line: Line, data: bytes, *, is_split: bool) -> None:
    """At once, or each byte by itself: a parser may stand anywhere when a read ends."""
    for piece in [data[at : at + 1] for at in range(len(data))] if is_split else [data]:
        line.send(piece)
        await asyncio.sleep(0)


@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
@pytest.mark.parametrize("shape", REFUSED)
async def test_an_unclear_shape_is_refused_and_the_connection_ends(
    ears: Ears, line: Line, shape: str, is_split: bool
) -> None:
    await send(line, REFUSED[shape].encode("latin-1") + NEXT.encode(), is_split=is_split)
    status = (await line.reply()).status
    assert 400 <= status < 500 or status == 501
    assert await line.ended() == b""
    assert ears.requests() == []


@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
@pytest.mark.parametrize("shape", FORWARDED)
async def test_a_shape_with_one_reading_arrives_as_one_request_with_one_framing(
    ears: Ears, line: Line, shape: str, is_split: bool
) -> None:
    sent = FORWARDED[shape]
    await send(line, sent.raw.encode("latin-1"), is_split=is_split)
    assert (await line.reply()).status == 200
    (got,) = ears.requests()
    assert (got.first, got.body) == (sent.first, sent.body)
    assert got.fields[b"host"] in ([HOST.encode()], [HOST.upper().encode()])
    assert got.fields[b"x-forwarded-for"] == [b"127.0.0.1"]
    assert b"demo=" not in b"".join(got.fields.get(b"cookie", []))
    assert not got.fields.keys() & set(sent.without)
    line.writer.write_eof()
    await line.ended()
    assert len(ears.requests()) == 1


@pytest.mark.parametrize("shape", UNFINISHED)
async def test_a_request_that_breaks_off_is_never_whole_at_the_demo(ears: Ears, line: Line, shape: str) -> None:
    line.send(UNFINISHED[shape].encode())
    line.writer.write_eof()
    assert await line.ended() == b""
    if ears.heard:
        await asyncio.wait_for(ears.ended.wait(), 5)
    assert ears.requests() == []


@pytest.mark.parametrize("host", NO_DEMO)
async def test_a_host_that_is_no_demos_reaches_none(ears: Ears, line: Line, host: str) -> None:
    line.send(f"GET /asked HTTP/1.1\r\nHost: {host.format(HOST)}\r\n{COOKIE}\r\n".encode())
    assert 400 <= (await line.reply()).status < 500
    assert ears.heard == []
