"""Invitations and forgotten passwords by mail: the link that arrives lets its reader choose a password, once."""

import re
from urllib.parse import parse_qs, urlsplit

from ecatalog.app import Gateway
from tests.asgi import Answer
from tests.asgi import Caller as Browser
from tests.cast import Caller, Cast
from tests.notices.mailbox import Mailbox, body_of

NEW = "a long walk by the sea"


async def code_in(mailbox: Mailbox, address: str, subject: str, path: str) -> str:
    text = body_of(await mailbox.to(address, subject))
    found = re.search(rf"http\S+{path}\?code=\S+", text)
    assert found is not None, text
    return parse_qs(urlsplit(found[0]).query)["code"][0]


async def choose(browser: Browser, path: str, code: str) -> Answer:
    return await browser.send_form(path, code=code, password=NEW, password_again=NEW)


async def test_who_forgot_a_password_chooses_another_by_mail(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    browser = Browser(gateway.asgi)
    asked = await browser.send_form("/forgotten", email=people.acme.email)
    assert "is on its way" in asked.text
    code = await code_in(mailbox, people.acme.email, "Choose another password", "/reset")
    assert (await browser.get(f"/reset?code={code}")).status == 200
    done = await choose(browser, "/reset", code)
    assert done.status == 303
    assert (await browser.with_(cookie=done.cookie).get("/api/auth/me")).status == 200
    assert (await choose(browser, "/reset", code)).status == 403


async def test_nobody_else_gets_a_mail(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    browser = Browser(gateway.asgi)
    for email in ("nobody@nowhere.test", people.revoked.email, people.viewer.email):
        await browser.send_form("/forgotten", email=email)
    await mailbox.to(people.viewer.email, "Choose another password")
    assert [mail["To"].addresses[0].addr_spec for mail in mailbox.mails if "password" in mail["Subject"]] == [
        people.viewer.email
    ]


async def test_an_invitation_is_shown_and_mailed_and_either_link_voids_the_other(
    gateway: Gateway, people: Cast, seller: Caller, mailbox: Mailbox
) -> None:
    browser = Browser(gateway.asgi)
    invited = (await seller.post("/api/invitations", {"client_id": people.acme.id})).json()
    shown = parse_qs(urlsplit(invited["url"]).query)["code"][0]
    mailed = await code_in(mailbox, people.acme.email, "invited", "/invitation")
    assert mailed != shown
    assert [each["id"] for each in (await seller.get("/api/invitations")).json()["items"]] == [invited["id"]]
    assert (await choose(browser, "/invitation", mailed)).status == 303
    assert (await choose(browser, "/invitation", shown)).status == 403


async def test_a_user_is_invited_by_mail_too(gateway: Gateway, people: Cast, admin: Caller, mailbox: Mailbox) -> None:
    await admin.post("/api/invitations", {"user_id": people.viewer.id})
    code = await code_in(mailbox, people.viewer.email, "invited", "/invitation")
    done = await choose(Browser(gateway.asgi), "/invitation", code)
    me = (await Browser(gateway.asgi).with_(cookie=done.cookie).get("/api/auth/me")).json()
    assert me["user"]["id"] == people.viewer.id
