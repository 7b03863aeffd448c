"""A head like one before is taken without being parsed, and arrives just as if it had been."""

import pytest
from httptools import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_edge.edge import Edge
from ecatalog_edge.repeats import LONGEST, MOST, Repeats
from ecatalog_edge.request import Request
from tests.edge.demos import DemoServer
from tests.edge.visitors import HOST, Line

FIELDS = f"Host: {HOST}\r\nAccept: text/html\r\nX-Own: 1\r\n\r\n".encode()


class Parsed(Request):
    """A request as the parser tells it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.parser = HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.add(name, value)

    def on_headers_complete(self) -> None:
        self.finish(self.parser)


def knowing(data: bytes) -> Repeats:
    repeats = Repeats()
    for _ in range(2):
        repeats.remember(data, Parsed(data))
    return repeats


def test_what_comes_once_is_not_kept() -> None:
    data = b"GET /one HTTP/1.1\r\n" + FIELDS
    repeats = Repeats()
    repeats.remember(data, Parsed(data))
    assert repeats.find(data) is None


def test_another_target_with_the_same_fields_is_found() -> None:
    repeats = knowing(b"GET /one HTTP/1.1\r\n" + FIELDS)
    found = repeats.find(b"GET /two?x=1 HTTP/1.1\r\n" + FIELDS)
    assert found is not None
    parsed = Parsed(b"GET /two?x=1 HTTP/1.1\r\n" + FIELDS)
    parsed.is_complete = True
    assert found.head(b"a=b", b"X: y\r\n") == parsed.head(b"a=b", b"X: y\r\n")
    unlike = {name for name in Request.__slots__ if getattr(found, name) != getattr(parsed, name)}
    assert unlike == set()


@pytest.mark.parametrize(
    "data",
    [
        b"POST /two HTTP/1.1\r\n" + FIELDS,
        b"GET /two HTTP/1.0\r\n" + FIELDS,
        b"GET  /two HTTP/1.1\r\n" + FIELDS,
        b"\r\nGET /two HTTP/1.1\r\n" + FIELDS,
        b"GET two HTTP/1.1\r\n" + FIELDS,
        b"GET /t\xe4 HTTP/1.1\r\n" + FIELDS,
        b"GET /two#part HTTP/1.1\r\n" + FIELDS,
        b"GET /two HTTP/1.1\n" + FIELDS,
        b"GET /two HTTP/1.1\r\n" + FIELDS[:-2],
        b"GET /two HTTP/1.1\r\n" + FIELDS + b"x",
        b"GET /two HTTP/1.1\r\n" + FIELDS + b"GET /three HTTP/1.1\r\n" + FIELDS,
        b"GET /two HTTP/1.1\r\n" + FIELDS.replace(b"X-Own: 1", b"X-Own: 2"),
        b"GET /two HTTP/1.1\r\n" + FIELDS.lower(),
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n" + FIELDS,
    ],
)
def test_anything_else_is_parsed(data: bytes) -> None:
    assert knowing(b"GET /one HTTP/1.1\r\n" + FIELDS).find(data) is None


@pytest.mark.parametrize(
    "fields",
    [b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Connection: close", b"X: %4096d"],
)
def test_what_is_more_than_a_plain_get_is_not_remembered(fields: bytes) -> None:
    data = b"GET /one HTTP/1.1\r\n" + fields.replace(b"%4096d", b"x" * LONGEST) + b"\r\n" + FIELDS
    assert knowing(data).find(data) is None


def test_two_requests_in_one_read_are_not_remembered_as_one() -> None:
    data = (b"GET /one HTTP/1.1\r\n" + FIELDS) * 2
    repeats = Repeats()
    for _ in range(2):
        repeats.remember(data, Parsed(data[: len(data) // 2]))
    assert repeats.find(data) is None


def test_only_the_last_few_are_kept() -> None:
    repeats = Repeats()
    heads = [b"GET / HTTP/1.1\r\nX-Turn: %d\r\n%b" % (turn, FIELDS) for turn in range(MOST + 1)]
    for head in [head for head in heads for _ in range(2)]:
        repeats.remember(head, Parsed(head))
    assert [repeats.find(head) is not None for head in heads] == [False] + [True] * MOST


@given(st.binary(max_size=200), st.integers(0, 80))
def test_no_other_bytes_are_taken_for_it(noise: bytes, at: int) -> None:
    known = b"GET /one HTTP/1.1\r\n" + FIELDS
    data = known[:at] + noise + known[at:]
    found = knowing(known).find(data)
    if found is not None:
        parsed = Parsed(data)
        assert (parsed.target, parsed.kept, parsed.read) == (found.target, found.kept, found.read)


async def test_it_is_served_as_before_and_what_follows_too(edge: Edge, line: Line, demo: DemoServer) -> None:
    for turn in range(5):
        assert (await line.ask("GET", f"/asked?turn={turn}", {"X-Own": "1"})).status == 200
    assert (await line.ask("POST", "/echo", {"Origin": f"http://{HOST}:8081"}, b"body")).status == 200
    assert (await line.ask("GET", "/asked?turn=5", {"X-Own": "1"})).status == 200
    first, *others = [asked for asked in demo.asked if asked.path == "/asked"]
    assert [one.target for one in others] == [f"/asked?turn={turn}" for turn in range(1, 6)]
    assert all(one.headers == first.headers for one in others)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


async def test_an_answer_like_one_before_passes_and_what_is_unlike_it_too(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    for body in (b"ab", b"cd", b"ef", b"gh"):
        demo.custom = HEAD + body
        assert (await line.ask("GET", "/custom")).body == body
    demo.custom = HEAD.replace(b"200 OK", b"404 Not Found") + b"no"
    reply = await line.ask("GET", "/custom")
    assert (reply.status, reply.body) == (404, b"no")
    demo.custom = HEAD
    head = await line.ask("HEAD", "/custom")
    assert (head.status, head.get("content-length")) == (200, "2")
    assert demo.connections == 1


async def test_more_bytes_than_a_known_answer_has_are_no_answer(edge: Edge, line: Line, demo: DemoServer) -> None:
    for _ in range(3):
        demo.custom = HEAD + b"ab"
        assert (await line.ask("GET", "/custom")).body == b"ab"
    demo.custom = HEAD + b"ab" + HEAD + b"no"
    assert (await line.ask("GET", "/custom")).body == b"ab"
    demo.custom = HEAD + b"cd"
    assert (await line.ask("GET", "/custom")).body == b"cd"
    assert demo.connections == 2, "a connection on which more was said than asked for is not used again"


async def test_a_page_that_may_get_the_script_is_never_taken_from_before(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    page = b"<!doctype html><html><head></head></html>"
    demo.custom = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page)
    for _ in range(3):
        assert (await line.ask("GET", "/custom")).body == page
    for _ in range(3):
        assert b"/.ecatalog/active.js" in (await line.ask("GET", "/custom", {"Sec-Fetch-Dest": "document"})).body
    assert (await line.ask("GET", "/custom")).body == page
