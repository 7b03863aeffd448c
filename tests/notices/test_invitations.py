"""Who is created without a password is invited to choose one: by a link that works once, for 7 days."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ecatalog.app import Gateway
from tests.cast import Answer, Caller, Cast, SettableClock, facts
from tests.notices.mailbox import Mailbox, body_of
from tests.notices.outbox import kinds

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
NEW = "a quite new battery staple"


@pytest.fixture
async def client_id(gateway: Gateway, people: Cast) -> str:
    window = {"access_start_date": "2026-03-01", "access_end_date": "2026-06-01"}
    body = {"name": "Nora New", "email": "nora@new.test", "company": "New", **window}
    answer = await Caller(gateway.asgi, people.seller).post("/api/clients", body)
    return str(answer.json()["id"])


async def code_for(mailbox: Mailbox, address: str) -> str:
    found = re.search(r"http\S+/invitation\?code=\S+", body_of(await mailbox.to(address)))
    assert found is not None
    return parse_qs(urlsplit(found[0]).query)["code"][0]


async def submit(nobody: Caller, code: str, password: str = NEW, again: str = NEW) -> Answer:
    form = urlencode({"code": code, "password": password, "password_again": again}).encode()
    return await nobody.ask("POST", "/invitation", form, headers=FORM)


async def login(nobody: Caller, email: str, password: str = NEW) -> int:
    return (await nobody.post("/api/auth/login", {"email": email, "password": password})).status


async def test_a_client_chooses_a_password_and_logs_in(
    gateway: Gateway, client_id: str, nobody: Caller, mailbox: Mailbox
) -> None:
    code = await code_for(mailbox, "nora@new.test")

    page = await nobody.get(f"/invitation?code={code}")
    done = await submit(nobody, code)

    assert page.status == 200
    assert b"nora@new.test" in page.body
    assert (done.status, done.headers["location"]) == (303, "/")
    assert await login(nobody, "nora@new.test") == 200
    [fact] = await gateway.db.read(facts, "invitation.accepted")
    assert fact["actor"] == f"client:{client_id}"


async def test_a_link_works_once(gateway: Gateway, client_id: str, nobody: Caller, mailbox: Mailbox) -> None:
    code = await code_for(mailbox, "nora@new.test")
    await submit(nobody, code)

    assert (await submit(nobody, code, "another battery staple", "another battery staple")).status == 403
    assert (await nobody.get(f"/invitation?code={code}")).status == 403
    assert await login(nobody, "nora@new.test") == 200


async def test_an_older_invitation_opens_nothing_once_there_is_a_password(
    gateway: Gateway, people: Cast, client_id: str, nobody: Caller, mailbox: Mailbox
) -> None:
    first = await code_for(mailbox, "nora@new.test")
    await Caller(gateway.asgi, people.seller).post("/api/invitations", {"client_id": client_id})
    found = await mailbox.another("nora@new.test", await mailbox.to("nora@new.test"))
    second = body_of(found).split("code=")[1].split()[0]
    await submit(nobody, second)

    assert first != second
    assert (await submit(nobody, first, "another battery staple", "another battery staple")).status == 403
    assert await login(nobody, "nora@new.test") == 200


async def test_a_link_is_good_for_7_days(
    client_id: str, nobody: Caller, mailbox: Mailbox, clock: SettableClock
) -> None:
    code = await code_for(mailbox, "nora@new.test")
    clock.pass_(days=7)

    assert (await nobody.get(f"/invitation?code={code}")).status == 403
    assert (await submit(nobody, code)).status == 403


async def test_a_user_without_a_password_is_invited_too(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    body = {"email": "uma@ecatalog.test", "full_name": "Uma User", "role": "viewer"}
    await Caller(gateway.asgi, people.admin).post("/api/users", body)

    assert (await submit(nobody, await code_for(mailbox, "uma@ecatalog.test"))).status == 303
    assert await login(nobody, "uma@ecatalog.test") == 200


async def test_inviting_again_is_told_by_mail_again(gateway: Gateway, people: Cast, client_id: str) -> None:
    again = await Caller(gateway.asgi, people.seller).post("/api/invitations", {"client_id": client_id})
    assert again.status == 201
    assert await kinds(gateway, people, f"client:{client_id}") == ["invitation", "invitation"]


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [("short", "short", b"at least 10"), (NEW, "something else", b"differ"), ("nora@new.test", "nora@new.test", b"")],
)
async def test_a_bad_password_leaves_the_link_good(
    client_id: str, nobody: Caller, mailbox: Mailbox, password: str, again: str, words: bytes
) -> None:
    code = await code_for(mailbox, "nora@new.test")

    refused = await submit(nobody, code, password, again)

    assert refused.status == 422
    assert words in refused.body
    assert (await submit(nobody, code)).status == 303


async def test_a_code_of_another_kind_or_none_is_none(nobody: Caller, people: Cast) -> None:
    assert (await nobody.get("/invitation")).status == 403
    assert (await submit(nobody, "guessed")).status == 403
