"""The way in: a code that works once becomes a cookie of this host, and the address is clean again."""

import asyncio

import pytest
import structlog

from ecatalog_client.errors import Exhausted, Unavailable
from ecatalog_client.types.serving import Redeemed
from ecatalog_edge.edge import Edge
from ecatalog_edge.entry import clean_path
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import LABEL, LAUNCH, SESSION, CatalogTwin, a_launch, everything, settle
from tests.edge.visitors import Line

ENTER = "/.ecatalog/enter?code="


def redeemed(position: int, path: str = "/") -> Redeemed:
    return Redeemed(launch_id=LAUNCH, session_id=SESSION, position=position, path=path)


async def test_a_code_becomes_a_cookie_and_a_clean_address(
    edge: Edge, line: Line, catalog: CatalogTwin, demo: DemoServer
) -> None:
    catalog.codes["one-time"] = redeemed(catalog.position, "/start?tour=1")
    reply = await line.ask("GET", ENTER + "one-time", cookies=None)
    assert (reply.status, reply.get("location")) == (303, "/start?tour=1")
    assert reply.get("referrer-policy") == "no-referrer"
    assert reply.get("cache-control") == "no-store"
    value, *attributes = reply.get("set-cookie").split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Lax"]
    assert catalog.redeemed == [("one-time", LABEL)]
    assert (await line.ask("GET", "/start?tour=1", cookies=value)).status == 200
    assert [asked.target for asked in demo.asked] == ["/start?tour=1"]


async def test_a_code_works_once(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    catalog.codes["one-time"] = redeemed(catalog.position)
    assert (await line.ask("GET", ENTER + "one-time", cookies=None)).status == 303
    reply = await line.ask("GET", ENTER + "one-time", cookies=None)
    assert (reply.status, reply.get("set-cookie")) == (403, "")
    assert b"works once" in reply.body


async def test_the_answer_waits_until_what_the_code_opens_is_known(
    edge: Edge, line: Line, catalog: CatalogTwin, demo: DemoServer
) -> None:
    catalog.codes["one-time"] = redeemed(catalog.position + 1)
    asked = asyncio.ensure_future(line.ask("GET", ENTER + "one-time", cookies=None))
    await settle(lambda: catalog.redeemed != [])
    assert not asked.done()
    await catalog.tell(a_launch(demo.address))
    assert (await asked).status == 303


@pytest.mark.parametrize("refusal", [Unavailable("away"), Exhausted("too many"), RuntimeError("a fault")])
async def test_a_gateway_that_does_not_answer_is_told_and_the_page_asks_again(
    edge: Edge, line: Line, catalog: CatalogTwin, refusal: Exception
) -> None:
    catalog.refusal = refusal
    with structlog.testing.capture_logs():
        reply = await line.ask("GET", ENTER + "one-time", cookies=None)
    assert (reply.status, reply.get("retry-after")) == (503, "5")


async def test_before_it_is_synced_an_edge_redeems_nothing(
    empty_edge: Edge, dial: Dial, catalog: CatalogTwin, demo: DemoServer
) -> None:
    line = await dial()
    catalog.codes["one-time"] = redeemed(1)
    assert (await line.ask("GET", ENTER + "one-time", cookies=None)).status == 503
    assert catalog.redeemed == []
    await catalog.begin(*everything(demo.address))
    assert (await line.ask("GET", ENTER + "one-time", cookies=None)).status == 303


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/.ecatalog"),
        ("GET", "/.ecatalog/"),
        ("GET", "/.ecatalog/active"),
        ("GET", "/.ecatalog/restart"),
        ("GET", "/.ecatalog/enter"),
        ("GET", "/.ecatalog/enter?code="),
        ("GET", "/.ecatalog/enter?code=a&code=b"),
        ("GET", "/.ecatalog/enter/?code=a"),
        ("HEAD", "/.ecatalog/enter?code=one-time"),
        ("POST", "/.ecatalog/enter?code=one-time"),
        ("GET", "/.ecatalog?x"),
    ],
)
async def test_other_reserved_paths_are_not_there_and_never_reach_the_demo(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, method: str, target: str
) -> None:
    catalog.codes["one-time"] = redeemed(catalog.position)
    assert (await line.ask(method, target)).status == 404
    assert (demo.asked, catalog.redeemed) == ([], [])


async def test_a_path_that_only_looks_reserved_is_the_demos(edge: Edge, line: Line, demo: DemoServer) -> None:
    assert (await line.ask("GET", "/.ecatalogue")).status == 200
    assert demo.asked[-1].target == "/.ecatalogue"


async def test_a_visitor_who_leaves_while_his_code_is_redeemed_harms_nobody(
    edge: Edge, dial: Dial, catalog: CatalogTwin
) -> None:
    line = await dial()
    catalog.codes["one-time"] = redeemed(catalog.position + 1)
    asked = asyncio.ensure_future(line.ask("GET", ENTER + "one-time", cookies=None))
    await settle(lambda: catalog.redeemed != [])
    line.writer.transport.abort()
    await asyncio.gather(asked, return_exceptions=True)
    await settle(lambda: len(edge.site.visitors) == 0)
    await catalog.tell()


@pytest.mark.parametrize(
    ("path", "lands"),
    [
        ("/", "/"),
        ("/a/b?c=d", "/a/b?c=d"),
        ("", "/"),
        ("a", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test/", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/a b", "/"),
        ("/ä", "/"),
        ("/.ecatalog/enter?code=x", "/"),
    ],
)
def test_a_clean_path_stays_on_this_host(path: str, lands: str) -> None:
    assert clean_path(path) == lands
