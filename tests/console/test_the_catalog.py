"""Logging in, browsing, opening and logging out, with pages and forms alone: no script, a cookie, redirects."""

import re

import pytest

from ecatalog.app import Gateway
from ecatalog.demos.grants import withdraw_demo
from ecatalog.kit.actor import SYSTEM
from tests.asgi import Caller
from tests.cast import PASSWORD, Cast, report, run_launch, uses
from tests.console.browsing import browser, places


async def test_a_client_logs_in_opens_a_demo_enters_it_and_logs_out(gateway: Gateway, people: Cast) -> None:
    home = await browser(gateway).get("/")
    assert 'action="/login"' in home.text
    entered = await browser(gateway).send_form("/login", email=people.acme.email, password=PASSWORD)
    assert (entered.status, places(entered)) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in (entered.header("set-cookie") or "")
    client = Caller(gateway.asgi, headers={"cookie": entered.cookie})

    catalog = await client.get("/")
    assert "Customer portal" in catalog.text
    assert "Yours to try until 31 March 2026" in catalog.text
    opened = await client.send_form(f"/demos/{people.portal}/open")
    waiting = await client.get(places(opened))
    assert 'http-equiv="refresh" content="1"' in waiting.text
    assert "Waiting for a free place" in waiting.text

    launch_id = places(opened).rsplit("/", 1)[1]
    await run_launch(gateway.db, launch_id)
    way_in = await client.get(places(opened))
    assert way_in.status == 303
    assert re.fullmatch(r"http://[a-z2-7]{26}\.demos\.localhost:8081/\.ecatalog/enter\?code=\S{43}", places(way_in))
    again = await client.get(places(opened))
    assert places(again) != places(way_in), "each way in works once"

    left = await client.send_form("/logout")
    assert (left.status, places(left)) == (303, "/")
    assert "ecatalog=;" in (left.header("set-cookie") or "")
    assert 'action="/login"' in (await client.get("/")).text
    assert (await gateway.db.read(uses, people.acme.id))[-1] == "logout"


async def test_a_launch_that_failed_says_why_and_offers_to_try_again(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.acme)
    opened = await client.send_form(f"/demos/{people.portal}/open")
    launch_id = places(opened).rsplit("/", 1)[1]
    await report(gateway.db, launch_id, "starting")
    await report(gateway.db, launch_id, "failed", reason="The image <b>is gone</b>.")
    page = await client.get(places(opened))
    assert page.status == 200
    assert "The image &lt;b&gt;is gone&lt;/b&gt;." in page.text
    assert "Open again" in page.text
    assert "refresh" not in page.text
    reopened = await client.send_form(f"/demos/{people.portal}/open")
    assert places(reopened) != places(opened)


async def test_searching_finds_and_says_when_it_does_not(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.bolt)
    assert "Service desk" not in (await client.get("/?q=portal")).text
    assert "Service desk" in (await client.get("/?q=desk")).text
    nothing = await client.get("/?q=%3Cscript%3E")
    assert "No demo matches “&lt;script&gt;”" in nothing.text


async def test_the_name_of_a_demo_whose_grant_is_gone_is_not_told(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.acme)
    opened = await client.send_form(f"/demos/{people.portal}/open")
    await gateway.db.write(withdraw_demo, SYSTEM, people.acme.id, people.portal)
    page = await client.get(places(opened))
    assert (page.status, "Customer portal" in page.text) == (200, False)


# who may ------------------------------------------------------------------------------------------------------


async def test_each_sees_what_is_theirs_and_when(gateway: Gateway, people: Cast) -> None:
    acme, pending, ended = [
        (await browser(gateway, who).get("/")).text for who in (people.acme, people.pending, people.ended)
    ]
    assert "Service desk" not in acme
    assert "Repaired" in acme
    assert "being looked after" in acme
    assert "until Monday" not in acme, "why is for the team"
    assert "Your access begins on 16 March 2026" in pending
    assert "Your access ended on 28 February 2026" in ended
    for text in (pending, ended):
        assert "Customer portal" in text
        assert "/open" not in text
    seller, viewer = [(await browser(gateway, who).get("/")).text for who in (people.seller, people.viewer)]
    assert f"/demos/{people.desk}/open" in seller
    assert "Service desk" in viewer
    assert "/open" not in viewer


async def test_what_one_may_not_open_is_refused_in_words(gateway: Gateway, people: Cast) -> None:
    for who, demo, status in (
        (people.acme, people.desk, 404),
        (people.pending, people.portal, 403),
        (people.ended, people.portal, 403),
        (people.viewer, people.portal, 403),
        (people.acme, "no-such-demo", 404),
    ):
        answer = await browser(gateway, who).send_form(f"/demos/{demo}/open")
        assert answer.status == status
        assert "To the catalog" in answer.text
    opened = await browser(gateway, people.acme).send_form(f"/demos/{people.portal}/open")
    assert (await browser(gateway, people.bolt).get(places(opened))).status == 404


async def test_nobody_and_the_revoked_are_shown_to_the_login(gateway: Gateway, people: Cast) -> None:
    for visitor in (browser(gateway), browser(gateway, people.revoked)):
        assert 'action="/login"' in (await visitor.get("/")).text
        page = await visitor.get("/launches/some-launch")
        assert (page.status, places(page)) == (303, "/login?next=%2Flaunches%2Fsome-launch")
        assert (await visitor.send_form(f"/demos/{people.portal}/open")).status == 401
        left = await visitor.send_form("/logout")
        assert (left.status, places(left)) == (303, "/")


# what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/logout", "/demos/{portal}/open"])
async def test_no_other_site_sends_our_forms(gateway: Gateway, people: Cast, path: str) -> None:
    client = browser(gateway, people.acme)
    for headers in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "null"}, {}):
        form = f"email={people.acme.email}&password={PASSWORD}".encode()
        answer = await client.with_(**headers).post(path.format(portal=people.portal), form)
        assert answer.status == 403
        assert answer.header("set-cookie") is None
    assert "Log out" in (await client.get("/")).text


async def test_a_login_that_fails_keeps_the_address_and_drops_the_password(gateway: Gateway, people: Cast) -> None:
    answer = await browser(gateway).send_form("/login", email='a"><b@c.test', password="the wrong one")
    assert answer.status == 401
    assert 'value="a&#34;&gt;&lt;b@c.test"' in answer.text
    assert "the wrong one" not in answer.text
    assert answer.header("set-cookie") is None
    revoked = await browser(gateway).send_form("/login", email=people.revoked.email, password=PASSWORD)
    assert (revoked.status, "seller@ecatalog.test" in revoked.text) == (403, True)


@pytest.mark.parametrize(
    ("next_", "leads_to"), [("/launches/7", "/launches/7"), ("//evil.test", "/console"), ("", "/console")]
)
async def test_after_a_login_one_stays_with_us(gateway: Gateway, people: Cast, next_: str, leads_to: str) -> None:
    answer = await browser(gateway).send_form("/login", email=people.admin.email, password=PASSWORD, next=next_)
    assert places(answer) == leads_to


async def test_a_link_from_elsewhere_loads_once_more_so_that_the_strict_cookie_comes(
    gateway: Gateway, people: Cast
) -> None:
    """A browser leaves a SameSite=Strict cookie out of a navigation that another site began."""
    first = await browser(gateway).with_(sec_fetch_site="cross-site").get("/")
    assert 'http-equiv="refresh" content="0"' in first.text
    second = await browser(gateway, people.acme).with_(sec_fetch_site="same-origin").get("/")
    assert "Customer portal" in second.text
    stranger = await browser(gateway).with_(sec_fetch_site="same-origin").get("/")
    assert 'action="/login"' in stranger.text


async def test_who_is_logged_in_needs_no_login_page(gateway: Gateway, people: Cast) -> None:
    page = await browser(gateway, people.admin).get("/login")
    assert (page.status, places(page)) == (303, "/")
