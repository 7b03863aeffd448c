"""Who is not served reads why, what to do next and whom to ask; programs get the same as a problem."""

import re
from datetime import timedelta

import msgspec
import pytest
import structlog

from ecatalog_edge.edge import Edge
from ecatalog_edge.pages import TEXTS, close_reason, denial_answer
from ecatalog_edge.state import Denial, Why
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import CATALOG_URL, LABEL, LAUNCH, CatalogTwin, a_launch, an_acme, cookie
from tests.edge.visitors import DOMAIN, Line


async def test_a_revoked_client_reads_so_and_whom_to_ask(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await catalog.tell(an_acme(is_revoked=True))
    reply = await line.ask("GET", "/secret?token=1")
    page = reply.body.decode()
    assert reply.status == 403
    assert "has been withdrawn" in page
    assert "Sam Seller" in page
    assert "mailto:sam@vendor.test" in page
    assert f'href="{CATALOG_URL}"' in page
    assert "token" not in page


async def test_a_page_is_not_kept_runs_nothing_and_clears_what_the_demo_left(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await catalog.tell(an_acme(is_revoked=True))
    reply = await line.ask("GET", "/")
    assert reply.get("cache-control") == "no-store"
    assert reply.get("content-security-policy").startswith("default-src 'none'; style-src 'sha256-")
    assert reply.get("x-content-type-options") == "nosniff"
    assert reply.get("referrer-policy") == "no-referrer"
    assert reply.get("clear-site-data") == '"cache", "cookies", "storage"'
    assert reply.get("set-cookie") == "demo=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"


async def test_a_stopped_demo_clears_no_cookies_of_the_visitors_other_demos(
    edge: Edge, line: Line, catalog: CatalogTwin, demo: DemoServer
) -> None:
    await catalog.tell(a_launch(demo.address, wanted="stopped"))
    reply = await line.ask("GET", "/")
    assert (reply.status, reply.get("clear-site-data")) == (410, '"cache", "storage"')


async def test_who_did_not_come_in_has_nothing_cleared(edge: Edge, line: Line) -> None:
    """Else a page anywhere could sign a visitor out of his demo, with an image."""
    for cookies in (None, "demo=forged.value", cookie(key=bytes(32)), cookie(label="another")):
        reply = await line.ask("GET", "/", cookies=cookies)
        assert reply.status == 401
        assert reply.get("clear-site-data") == ""
        assert reply.get("set-cookie") == ""


async def test_programs_get_a_problem(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await catalog.tell(an_acme(is_revoked=True))
    reply = await line.ask("GET", "/", {"Accept": "application/json"})
    assert reply.get("content-type") == "application/problem+json"
    assert reply.json() == {
        "title": "Your access was withdrawn",
        "status": 403,
        "code": "access_revoked",
        "detail": "Your access to these demos has been withdrawn. Questions? Ask Sam Seller (sam@vendor.test).",
        "contact_name": "Sam Seller",
        "contact_email": "sam@vendor.test",
        "catalog_url": CATALOG_URL,
    }


async def test_browsers_get_a_page(edge: Edge, line: Line) -> None:
    reply = await line.ask("GET", "/", {"Accept": "text/html,application/json;q=0.9"}, cookies=None)
    assert reply.get("content-type") == "text/html; charset=utf-8"


async def test_a_starting_demo_is_looked_for_again_by_the_page_itself(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await catalog.tell(a_launch("", state="starting"))
    reply = await line.ask("GET", "/")
    assert (reply.status, reply.get("retry-after"), reply.get("clear-site-data")) == (503, "2", "")
    assert b'<meta http-equiv="refresh" content="2">' in reply.body


async def test_a_failed_demo_says_why(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await catalog.tell(a_launch("", state="failed", reason="The image <b>was</b> not found."))
    reply = await line.ask("GET", "/")
    assert reply.status == 502
    assert b"The image &lt;b&gt;was&lt;/b&gt; not found." in reply.body


@pytest.mark.parametrize(
    "host",
    ["unknownlabel." + DOMAIN, DOMAIN, "localhost", f"a.{LABEL}.{DOMAIN}", f"{LABEL}.{DOMAIN}.evil.test", "127.0.0.1"],
)
async def test_an_unknown_host_looks_absent(edge: Edge, line: Line, host: str) -> None:
    assert (await line.ask("GET", "/", host=host)).status == 404


async def test_a_head_request_is_denied_without_a_body(edge: Edge, line: Line) -> None:
    assert (await line.ask("HEAD", "/", cookies=None)).status == 401
    assert (await line.ask("GET", "/")).status == 200


async def test_a_denied_upload_is_not_waited_for(edge: Edge, line: Line) -> None:
    line.send(b"POST / HTTP/1.1\r\nHost: x.demos.localhost\r\nContent-Length: 100000\r\n\r\nbegins")
    reply = await line.reply()
    assert (reply.status, reply.get("connection")) == (404, "close")
    assert await line.ended() == b""


async def test_a_denied_handshake_is_an_ordinary_answer(edge: Edge, dial: Dial, catalog: CatalogTwin) -> None:
    await catalog.tell(an_acme(ends=-timedelta(seconds=1)))
    reply = await (await dial()).upgrade("/ws")
    assert (reply.status, reply.get("connection")) == (403, "close")


async def test_requests_are_one_event_each_without_query_cookie_or_code(edge: Edge, line: Line) -> None:
    with structlog.testing.capture_logs() as events:
        await line.ask("GET", "/path?secret=canary", {"X-Test": "canary"})
        await line.ask("GET", "/denied?secret=canary", cookies="demo=canary")
        await line.ask("GET", "/.ecatalog/enter?code=canary")
    assert [event["event"] for event in events] == ["request.ended"] * 3
    assert [event["status"] for event in events] == [200, 401, 403]
    assert "canary" not in str(events)


def test_every_reason_has_a_page_a_problem_and_a_close_reason_that_fits() -> None:
    for why in Why:
        denial = Denial(why, demo_name="<Planner>", contact_name='"Sam"', contact_email="s@v.test", detail="d")
        status, fields, page = denial_answer(denial, catalog_url="javascript:alert(1)", as_json=False)
        assert 400 <= status < 600
        assert fields.endswith(b"\r\n")
        assert b"<Planner>" not in page
        assert b"javascript:" not in page
        assert b"{" not in page.replace(b"<style>", b"").split(b"</style>")[1]
        assert len(close_reason(why).encode()) <= 123
        _, _, problem = denial_answer(denial, catalog_url=CATALOG_URL, as_json=True)
        assert msgspec.json.decode(problem)["code"] == why
    assert set(TEXTS) == set(Why)


async def test_a_stopped_copy_says_why_and_how_to_start_again(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    stopped = a_launch("", state="stopped", wanted="stopped", reason="Nobody opened it for 15 minutes.")
    await catalog.tell(stopped)
    page = await line.ask("GET", "/", {"Accept": "text/html"})
    assert page.status == 410
    assert "Nobody opened it for 15 minutes." in page.body.decode()
    assert f'href="{CATALOG_URL}/launches/{LAUNCH}">Start again' in page.body.decode()
    told = (await line.ask("GET", "/", {"Accept": "application/json"})).json()
    assert told["again_url"] == f"{CATALOG_URL}/launches/{LAUNCH}"


async def test_a_copy_that_failed_says_why_after_it_is_gone(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    await catalog.tell(a_launch("", state="failed", reason="The image was not found."))
    page = await line.ask("GET", "/", {"Accept": "text/html"})
    assert page.status == 502
    assert "The image was not found." in page.body.decode()


@pytest.mark.parametrize("why", TEXTS)
def test_a_page_is_in_portuguese_for_who_asks_for_that_first(why: Why) -> None:
    denial = Denial(why, demo_name="Live", contact_name="Sam", contact_email="sam@example.test")
    pages = {
        accepted: denial_answer(denial, catalog_url=CATALOG_URL, as_json=False, accepted=accepted)[2].decode()
        for accepted in (b"pt-PT, en;q=0.5", b"en, pt;q=0.5", b"fr")
    }
    english, portuguese = pages[b"fr"], pages[b"pt-PT, en;q=0.5"]
    assert pages[b"en, pt;q=0.5"] == english
    assert '<html lang="pt">' in portuguese
    told = set(re.findall(r">([^<>]+)</(?:h1|p|a|title)", english))
    assert len(told) > 4
    assert {words for words in told if words in portuguese} == set()
