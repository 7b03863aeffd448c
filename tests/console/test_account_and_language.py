"""One's own account and window; both languages, complete; and the live word of the dashboard."""

import asyncio
import runpy
from html import unescape
from urllib.parse import urlencode

import pytest

from ecatalog.app import Gateway
from ecatalog.launches.opening import open_demo
from tests.architecture.code import ROOT
from tests.asgi import Caller, Exchange
from tests.cast import PASSWORD, Cast, SettableClock
from tests.console.browsing import Html, browser, follow, places


async def test_a_client_asks_for_more_time_and_takes_it_back(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.ended)
    catalog = await client.get("/")
    assert "Your access ended on 28 February 2026" in catalog.text
    assert 'href="/access"' in catalog.text
    wish = {"requested_end_date": "2026-04-30", "message": "The board meets."}
    page = await follow(client, await client.send_form("/access/ask", **wish))
    assert "Your request is sent." in page.text
    assert "Your request is waiting for an answer." in page.text
    again = await client.send_form("/access/ask", **wish)
    assert again.status == 409
    cancel = page.text.split('action="/access/requests/')[1].split('"')[0]
    taken = await follow(client, await client.send_form(f"/access/requests/{cancel}"))
    assert "Taken back" in taken.text
    bad = await client.send_form("/access/ask", requested_end_date="2026-01-01", message="Please")
    assert (bad.status, "Please" in bad.text) == (422, True)


async def test_the_banner_comes_seven_days_before_and_counts_in_the_last_hour(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    bolt = browser(gateway, people.bolt)  # Until 11 March, 18:00 UTC.
    assert "Your access ends in 1 day." in (await bolt.get("/")).text
    clock.pass_(hours=7)
    # A session is idle by now: this is another one.
    entered = await browser(gateway).send_form("/login", email=people.bolt.email, password=PASSWORD)
    bolt = Caller(gateway.asgi, headers={"cookie": entered.cookie})
    assert "Your access ends in 1 day." in (await bolt.get("/")).text
    clock.pass_(hours=22, minutes=30)
    entered = await browser(gateway).send_form("/login", email=people.bolt.email, password=PASSWORD)
    bolt = Caller(gateway.asgi, headers={"cookie": entered.cookie})
    last = (await bolt.get("/")).text
    assert 'data-until="2026-03-11T18:00:00+00:00"' in last
    assert "30 min" in last, "also without scripts"
    acme = browser(gateway, people.acme)
    assert "Your access ends in" not in (await acme.get("/")).text


async def test_a_client_reads_its_language_everywhere(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.acme)
    page = await follow(client, await client.send_form("/account/language", language="pt"))
    assert '<html lang="pt">' in page.text
    assert "A partir de agora, lê nesta língua." in page.text
    catalog = await client.get("/")
    assert "Demonstrações" in catalog.text
    assert "31 de março de 2026" in catalog.text
    assert "3 demonstrações" in catalog.text
    assert "O que é" in (await client.get(f"/demos/{people.portal}")).text
    assert (await client.send_form("/account/language", language="xx")).status == 422


async def test_nobody_is_met_in_the_language_of_the_browser(gateway: Gateway, people: Cast) -> None:
    page = await browser(gateway).with_(accept_language="fr, pt-BR;q=0.8, en;q=0.5").get("/")
    assert "Palavra-passe" in page.text
    assert "Password" in (await browser(gateway).with_(accept_language="fr").get("/")).text


def test_every_message_is_translated_and_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    messages = runpy.run_path(str(ROOT / "scripts/gather_messages.py"))
    for language in messages["LANGUAGES"]:
        kept, path = messages["po_of"](language), messages["po_path"](language)
        assert messages["po_text"](messages["updated"](language)) == path.read_bytes(), "run `make messages`"
        forms = [message.string for message in kept if message.id]
        assert all(form if isinstance(form, str) else all(form) for form in forms)
        assert path.with_suffix(".mo").read_bytes() == messages["mo_bytes"](kept), "run `make messages`"


async def test_a_password_is_changed_and_the_other_sessions_end(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.acme)
    new, url = "a quite different battery staple", "/account/password"
    wrong = await client.send_form(url, current_password="no", new_password=new, password_again=new)
    assert (wrong.status, 'id="current_password-wrong">Wrong.' in wrong.text) == (422, True)
    differ = await client.send_form(url, current_password=PASSWORD, new_password=new, password_again="x")
    assert (differ.status, "Differs from the one above." in differ.text) == (422, True)
    sent = await client.send_form(url, current_password=PASSWORD, new_password=new, password_again=new)
    changed = await follow(client, sent)
    assert "Your password is changed" in changed.text
    assert (await browser(gateway).send_form("/login", email=people.acme.email, password=PASSWORD)).status == 401


async def test_copies_are_prolonged_renewed_and_stopped_from_the_catalog(gateway: Gateway, people: Cast) -> None:
    client = browser(gateway, people.acme)
    launch = await gateway.db.write(open_demo, people.acme.actor, people.remote)
    assert "Stay longer" in (await client.get("/")).text
    assert (await client.send_form(f"/launches/{launch.id}/extend", next="/")).status == 303
    fresh = await client.send_form(f"/launches/{launch.id}/reset")
    assert fresh.status == 303
    other = (fresh.header("location") or "").rsplit("/", 1)[1]
    assert other != launch.id
    assert (await client.send_form(f"/launches/{other}/stop", next="//evil.test")).header("location") == "/"
    assert "Open now" not in (await client.get("/")).text


async def test_the_dashboard_hears_only_what_it_shows(gateway: Gateway, people: Cast) -> None:
    stream = Exchange(browser(gateway, people.admin), "GET", "/console/live")
    task = stream.start()
    await stream.until(b'"open":0')
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    await stream.until(b'"open":1')
    assert stream.body.count(b"event: live") == 2
    assert launch.state == "queued"
    stream.stop()
    await asyncio.wait_for(task, 5)
    refused = await browser(gateway, people.acme).get("/console/live")
    assert refused.status == 403


async def test_the_dashboard_says_which_word_of_its_stream_it_shows_already(gateway: Gateway, people: Cast) -> None:
    """A copy that ends while the page is on its way would else stay on it."""
    admin = browser(gateway, people.admin)
    shown = unescape((await admin.get("/console")).text.split('data-shown="')[1].split('"')[0])
    stream = Exchange(admin, "GET", "/console/live")
    task = stream.start()
    await stream.until(f"data: {shown}\n".encode())
    stream.stop()
    await asyncio.wait_for(task, 5)


async def test_who_comes_back_after_the_session_ended_is_where_they_were(gateway: Gateway, people: Cast) -> None:
    gone, url = browser(gateway), f"/console/clients/{people.acme.id}?done=saved"
    login = places(await gone.get(url))
    assert login == "/login?" + urlencode({"next": url})
    typed = Html((await gone.get(login)).text).forms[0].fields
    entered = await gone.send_form("/login", **typed | {"email": people.admin.email, "password": PASSWORD})
    assert places(entered) == url
    part = await gone.with_(hx_request="true", hx_current_url=f"http://localhost:8080{url}").get("/console/clients")
    assert part.header("hx-redirect") == login, "a script goes there, too"
