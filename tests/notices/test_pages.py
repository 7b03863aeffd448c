"""Pages that mails lead to, for who is logged in: asking for more time, the inbox, what one is told."""

from urllib.parse import urlencode

import pytest

from ecatalog.app import Gateway
from tests.cast import Answer, Caller, Cast, Person, facts

FORM = {
    "content-type": "application/x-www-form-urlencoded",
    "origin": "http://localhost:8080",
    "sec-fetch-site": "same-origin",
}


def browser(gateway: Gateway, person: Person | None) -> Caller:
    """Somebody with a cookie, as pages want it."""
    return Caller(gateway.asgi, None, {"cookie": f"ecatalog={person.token}"} if person else {})


async def submit(who: Caller, path: str, **form: str) -> Answer:
    return await who.ask("POST", path, urlencode(form).encode(), headers=FORM)


async def test_a_client_asks_and_the_owner_approves_with_one_click(gateway: Gateway, people: Cast) -> None:
    acme, seller = browser(gateway, people.acme), browser(gateway, people.seller)

    form = await acme.get("/more-time")
    asked = await submit(acme, "/more-time", requested_end_date="2026-05-01", message="For our board.")
    waiting = await acme.get("/more-time")
    inbox = await seller.get("/requests")
    [request] = (await Caller(gateway.asgi, people.seller).get("/api/requests")).json()["items"]
    answered = await submit(seller, f"/requests/{request['id']}/answer", answer="approve", access_end_date="2026-04-20")

    assert b"31 March 2026" in form.body
    assert asked.status == answered.status == 303
    assert b"You asked for access until 2026-05-01" in waiting.body
    assert b"For our board." in inbox.body
    [fact] = await gateway.db.read(facts, "request.approved")
    assert fact["details"]["via"] == "inbox"
    client = (await Caller(gateway.asgi, people.seller).get(f"/api/clients/{people.acme.id}")).json()
    assert client["access_end_date"] == "2026-04-20"
    assert b"None." in (await seller.get("/requests")).body


async def test_what_is_open_stays_open_when_the_window_moves(gateway: Gateway, people: Cast) -> None:
    acme = Caller(gateway.asgi, people.acme)
    launch = (await acme.post(f"/api/demos/{people.portal}/open")).json()
    await submit(browser(gateway, people.acme), "/more-time", requested_end_date="2026-05-01")
    [request] = (await acme.get("/api/requests")).json()["items"]

    await submit(browser(gateway, people.seller), f"/requests/{request['id']}/answer", answer="approve")

    assert (await acme.get("/api/auth/me")).status == 200
    assert (await acme.get(f"/api/launches/{launch['id']}")).json()["wanted"] == "running"


async def test_an_answer_of_somebody_else_is_refused(gateway: Gateway, people: Cast) -> None:
    await submit(browser(gateway, people.bolt), "/more-time", requested_end_date="2026-05-01")
    [request] = (await Caller(gateway.asgi, people.bolt).get("/api/requests")).json()["items"]
    path = f"/requests/{request['id']}/answer"

    refused = [await submit(browser(gateway, each), path, answer="reject") for each in (people.seller, people.viewer)]

    assert [answer.status for answer in refused] == [403, 403]
    assert b"None." in (await browser(gateway, people.seller).get("/requests")).body
    assert (await submit(browser(gateway, people.admin), path, answer="reject")).status == 303


async def test_a_bad_end_is_said_beside_the_form(gateway: Gateway, people: Cast) -> None:
    refused = await submit(browser(gateway, people.acme), "/more-time", requested_end_date="2026-03-20", message="Hm.")

    assert refused.status == 422
    assert b"choose a later end" in refused.body
    assert b"Hm." in refused.body


async def test_choosing_on_a_page(gateway: Gateway, people: Cast) -> None:
    acme = browser(gateway, people.acme)

    page = await acme.get("/notices")
    await submit(acme, "/notices", access_renewed="on", locale="pt")

    chosen = (await Caller(gateway.asgi, people.acme).get("/api/auth/notices")).json()
    assert b"Your access has begun." in page.body
    assert [each["name"] for each in chosen["notices"] if each["is_on"]] == ["access_renewed"]
    assert chosen["locale"] == "pt"


@pytest.mark.parametrize("path", ["/more-time", "/requests", "/notices"])
async def test_who_is_not_logged_in_logs_in_first(gateway: Gateway, people: Cast, path: str) -> None:
    from_mail = await browser(gateway, None).get(path, **{"sec-fetch-site": "cross-site"})
    direct = await browser(gateway, None).get(path)

    assert b"http-equiv" in from_mail.body
    assert b'name="password"' in direct.body
    assert f'value="{path}"'.encode() in direct.body


@pytest.mark.parametrize(("path", "who"), [("/more-time", "seller"), ("/requests", "acme")])
async def test_pages_of_others(gateway: Gateway, people: Cast, path: str, who: str) -> None:
    assert (await browser(gateway, getattr(people, who)).get(path)).status == 403
