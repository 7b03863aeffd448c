"""Pages that mails lead to, for who is logged in: asking for more time, the inbox, what one is told."""

from urllib.parse import urlencode

import pytest

from ecatalog.app import Gateway
from tests.cast import Answer, Caller, Cast, Person

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


async def test_choosing_on_a_page(gateway: Gateway, people: Cast) -> None:
    acme = browser(gateway, people.acme)

    page = await acme.get("/notices")
    await submit(acme, "/notices", access_renewed="on", locale="pt")

    chosen = (await Caller(gateway.asgi, people.acme).get("/api/auth/notices")).json()
    assert b"Your access has begun." in page.body
    assert [each["name"] for each in chosen["notices"] if each["is_on"]] == ["access_renewed"]
    assert chosen["locale"] == "pt"


@pytest.mark.parametrize("path", ["/access", "/console/requests", "/notices"])
async def test_who_is_not_logged_in_logs_in_first(gateway: Gateway, people: Cast, path: str) -> None:
    from_mail = await browser(gateway, None).get(path, **{"sec-fetch-site": "cross-site"})
    direct = await browser(gateway, None).get(path)

    assert b"http-equiv" in from_mail.body
    assert b'name="password"' in direct.body
    assert f'value="{path}"'.encode() in direct.body
