"""Active use: what counts a second, what a page is given to tell it, and that no second is lost or counted twice."""

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_client.errors import Unavailable
from ecatalog_client.types.serving import LaunchUse
from ecatalog_edge.edge import Edge
from ecatalog_edge.injecting import SCRIPT, allows_script, is_page, policies_of, read_report, with_script
from ecatalog_edge.metering import PAUSE_SECONDS, Use
from tests.edge.demos import DemoServer
from tests.edge.twins import LAUNCH, CatalogTwin, a_demo
from tests.edge.visitors import ORIGIN, Line

NOON = 1_773_144_000  # A whole minute.
TAG = b'<script src="/.ecatalog/active.js" async></script>'
PAGE = b"<!doctype html><html><head><title>Planner</title></head><body>plan</body></html>"
DOCUMENT = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Accept-Encoding": "gzip, br"}


def seconds_of(use: LaunchUse) -> list[int]:
    """The active seconds, as seconds since 1970."""
    return [each.minute * 60 + bit for each in use.minutes for bit in range(60) if each.seconds >> bit & 1]


def test_a_page_tells_the_last_minute_second_by_second() -> None:
    use = Use(LAUNCH)
    use.told(NOON + 2.5, 0b1011)
    taken = use.take()
    assert seconds_of(taken) == [NOON - 1, NOON + 1, NOON + 2]
    assert taken.used_at is not None
    assert taken.used_at.timestamp() == NOON + 2.5
    use.told(NOON + 3, 0)
    assert seconds_of(use.take()) == []


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2**60 - 1)), max_size=20))
def test_no_second_counts_twice_whoever_tells_it(reports: list[tuple[int, int]]) -> None:
    one, other = Use(LAUNCH), Use(LAUNCH)
    for at, bits in reports:
        one.told(NOON + at, bits)
        other.told(NOON + at, bits)
        other.told(NOON + at, bits)
    expected = sorted({NOON + at - bit for at, bits in reports for bit in range(60) if bits >> bit & 1})
    assert seconds_of(one.take()) == seconds_of(other.take()) == expected


def test_requests_close_together_are_one_use_and_far_ones_are_not() -> None:
    use = Use(LAUNCH)
    for second in (0, 0, 3, 3 + PAUSE_SECONDS, 200):
        use.asked(NOON + second)
    assert seconds_of(use.take()) == [NOON + s for s in (*range(4 + PAUSE_SECONDS), 200)]


def test_requests_of_a_page_that_tells_by_itself_are_no_use() -> None:
    use = Use(LAUNCH)
    use.told(NOON, 0)
    use.asked(NOON + 10)
    assert seconds_of(use.take()) == []
    use.asked(NOON + 200)
    assert seconds_of(use.take()) == [NOON + 200]


def test_what_was_not_taken_is_told_again_with_what_came_since() -> None:
    use = Use(LAUNCH)
    use.asked(NOON)
    lost = use.take()
    use.asked(NOON + 100)
    use.give_back(lost)
    assert seconds_of(use.take()) == [NOON, NOON + 100]


@pytest.mark.parametrize(
    ("body", "active"),
    [(b"0-0", 0), (b"0-5", 5), (b"1-0", 1 << 30), (b"3fffffff-3fffffff", 2**60 - 1)],
)
def test_a_report_is_two_halves_of_a_minute(body: bytes, active: int) -> None:
    assert read_report(body) == active


@pytest.mark.parametrize("body", [b"", b"-", b"1", b"1-", b"x-1", b"40000000-0", b"0-40000000", b"1-1-1", b"-1-1"])
def test_anything_else_is_no_report(body: bytes) -> None:
    assert read_report(body) is None


@pytest.mark.parametrize(
    ("policy", "allows"),
    [
        (b"", True),
        (b"default-src 'self'", True),
        (b"default-src 'none'", False),
        (b"script-src 'self'; connect-src 'self'; default-src 'none'", True),
        (b"script-src 'self'; default-src 'none'", False),
        (b"script-src 'nonce-x'", False),
        (b"script-src * 'strict-dynamic'", False),
        (b"script-src-elem 'self'; script-src 'none'", True),
        (b"img-src 'none'", True),
        (b"connect-src https://api.example", False),
        (b"SCRIPT-SRC 'SELF'", True),
        (b"default-src 'self', script-src 'none'", False),
        (b"sandbox allow-forms", False),
    ],
)
def test_a_policy_is_kept_not_changed(policy: bytes, allows: bool) -> None:
    assert allows_script(policies_of(policy)) is allows


@pytest.mark.parametrize(
    ("page", "scripted"),
    [
        (b"<html><head><title>", b"<html><head>" + TAG + b"<title>"),
        (b"<HTML lang=en>\n<HEAD data-x='1'>x", b"<HTML lang=en>\n<HEAD data-x='1'>" + TAG + b"x"),
        (b"<html lang=en><body>", b"<html lang=en>" + TAG + b"<body>"),
        (b"<header>no head</header>", b"<header>no head</header>"),
        (b"plain", b"plain"),
        (b"", b""),
    ],
)
def test_the_script_goes_first_into_the_head(page: bytes, scripted: bytes) -> None:
    assert with_script(page) == scripted


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        (b"text/html", True),
        (b"Text/HTML; charset=ISO-8859-1", True),
        (b"text/html; charset=utf-16", False),
        (b"application/xhtml+xml", False),
        (b"text/plain", False),
    ],
)
def test_only_html_is_a_page(kind: bytes, is_one: bool) -> None:
    assert is_page(kind) is is_one


def test_the_script_is_small() -> None:
    assert len(SCRIPT) < 2048


def answers(demo: DemoServer, body: bytes = PAGE, **fields: str) -> None:
    """Lets the demo answer with a page, or with other fields."""
    named = {"Content-Type": "text/html", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    demo.custom = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body


async def test_a_document_gets_the_script_and_is_asked_for_as_plain_text(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    answers(demo)
    reply = await line.ask("GET", "/custom", DOCUMENT)
    assert reply.body == PAGE.replace(b"<head>", b"<head>" + TAG)
    assert reply.get("content-length") == str(len(PAGE) + len(TAG))
    assert demo.asked[-1].get("accept-encoding") == ""
    assert (await line.ask("GET", "/next")).status == 200


async def test_a_page_in_chunks_gets_it_too(edge: Edge, line: Line, demo: DemoServer) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE)
    demo.custom = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert TAG in (await line.ask("GET", "/custom", DOCUMENT)).body


@pytest.mark.parametrize("dest", ["iframe", "image", "empty", "script"])
async def test_what_is_no_document_stays_as_it_is(edge: Edge, line: Line, demo: DemoServer, dest: str) -> None:
    answers(demo)
    reply = await line.ask("GET", "/custom", {**DOCUMENT, "Sec-Fetch-Dest": dest})
    assert reply.body == PAGE
    assert demo.asked[-1].get("accept-encoding") == "gzip, br"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (PAGE, {"Content_Security_Policy": "default-src 'none'"}),
        (PAGE, {"Content_Type": "text/plain"}),
        (gzip.compress(PAGE, mtime=0), {"Content_Encoding": "gzip"}),
        (b"<p>no head at all", {}),
        (b"", {}),
    ],
    ids=["forbidden by its policy", "text", "already packed", "no head", "empty"],
)
async def test_a_page_that_cannot_take_it_stays_as_it_is(
    edge: Edge, line: Line, demo: DemoServer, body: bytes, fields: dict[str, str]
) -> None:
    answers(demo, body, **fields)
    reply = await line.ask("GET", "/custom", DOCUMENT)
    assert reply.body == body
    policy = fields.get("Content_Security_Policy")
    assert policy is None or reply.get("content-security-policy") == policy
    assert (await line.ask("GET", "/next")).status == 200


async def test_a_demo_may_decline(edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin) -> None:
    await catalog.tell(a_demo(is_metered=False))
    answers(demo)
    assert (await line.ask("GET", "/custom", DOCUMENT)).body == PAGE


async def test_the_script_and_its_reports_never_reach_the_demo(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    script = await line.ask("GET", "/.ecatalog/active.js")
    assert (script.status, script.body, script.get("content-type")) == (200, SCRIPT, "text/javascript; charset=utf-8")
    assert (await line.ask("POST", "/.ecatalog/active", {"Origin": ORIGIN}, b"0-7")).status == 204
    assert demo.asked == []
    await edge.meter.report()
    (told,) = catalog.uses
    assert (told.launch_id, len(seconds_of(told))) == (LAUNCH, 3)
    assert told.open_at is not None


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        ({"Origin": "http://evil.example"}, b"0-7", 403),
        ({"Origin": ORIGIN}, b"nonsense", 400),
        ({"Origin": ORIGIN}, b"0" * 65, 413),
    ],
)
async def test_a_report_that_is_none_is_refused(
    edge: Edge, line: Line, catalog: CatalogTwin, fields: dict[str, str], body: bytes, status: int
) -> None:
    assert (await line.ask("POST", "/.ecatalog/active", fields, body)).status == status
    await edge.meter.report()
    assert catalog.uses == []


async def test_nobody_reports_for_somebody_else(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    answer = await line.ask("POST", "/.ecatalog/active", {"Origin": ORIGIN}, b"0-7", cookies=None)
    assert answer.status == 401
    await edge.meter.report()
    assert catalog.uses == []


async def test_use_is_kept_while_the_gateway_is_away(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.ask("GET", "/")
    catalog.refusal = Unavailable("away")
    await edge.meter.report()
    catalog.refusal = None
    assert (catalog.uses, edge.stats.unreported) == ([], 1)
    await edge.meter.report()
    (told,) = catalog.uses
    assert len(seconds_of(told)) == 1
    await edge.meter.report()
    assert len(catalog.uses) == 1


async def test_frames_of_the_visitor_count_and_pings_do_not(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.upgrade()
    await edge.meter.report()
    catalog.uses.clear()
    await asyncio.sleep(1.1)
    line.send_frame(0x89, b"")  # A ping.
    await asyncio.sleep(0.05)
    await edge.meter.report()
    assert catalog.uses == []
    line.send_frame(0x81, b"typed")
    await line.frame()
    await edge.meter.report()
    assert len(catalog.uses) == 1


async def test_what_was_used_last_is_told_at_the_end(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await line.ask("GET", "/")
    await edge.stop()
    assert [use.launch_id for use in catalog.uses] == [LAUNCH]
