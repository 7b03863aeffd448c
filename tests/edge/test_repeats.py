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
    repeats.remember(data, Parsed(data))
    return repeats


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
    repeats.remember(data, Parsed(data[: len(data) // 2]))
    assert repeats.find(data) is None


def test_only_the_last_few_are_kept() -> None:
    repeats = Repeats()
    heads = [b"GET / HTTP/1.1\r\nX-Turn: %d\r\n%b" % (turn, FIELDS) for turn in range(MOST + 1)]
    for head in heads:
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
    for turn in range(3):
        assert (await line.ask("GET", f"/asked?turn={turn}", {"X-Own": "1"})).status == 200
    assert (await line.ask("POST", "/echo", {"Origin": f"http://{HOST}:8081"}, b"body")).status == 200
    assert (await line.ask("GET", "/asked?turn=3", {"X-Own": "1"})).status == 200
    first, *others = [asked for asked in demo.asked if asked.path == "/asked"]
    assert [one.target for one in others] == [f"/asked?turn={turn}" for turn in (1, 2, 3)]
    assert all(one.headers == first.headers for one in others)
