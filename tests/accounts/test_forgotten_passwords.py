"""A forgotten password: the page tells nobody who is known here, and the link that is mailed works once."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ecatalog.accounts.model import MailSwitch
from ecatalog.accounts.resets import add_reset_code
from ecatalog.app import Gateway
from tests.asgi import Answer, Caller
from tests.cast import PASSWORD, Cast, SettableClock, facts

NEW = "a long walk by the sea"


@pytest.fixture
def visitor(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Somebody at a catalog that sends mail."""
    monkeypatch.setitem(gateway.door.parts, MailSwitch, MailSwitch(is_on=True))
    return Caller(gateway.asgi)


async def ask(visitor: Caller, email: str) -> Answer:
    return await visitor.send_form("/forgotten", email=email)


async def requests(gateway: Gateway) -> list[tuple[str | None, str | None]]:
    """The client and the user of each request for another password."""
    found: list[dict[str, Any]] = await gateway.db.read(facts, "reset.requested")
    return [(fact["client_id"], fact["details"]["user"]) for fact in found]


async def choose(visitor: Caller, code: str) -> Answer:
    return await visitor.send_form("/reset", code=code, password=NEW, password_again=NEW)


async def test_the_login_page_leads_there(visitor: Caller) -> None:
    assert 'href="/forgotten"' in (await visitor.get("/login")).text
    assert 'name="email"' in (await visitor.get("/forgotten")).text


async def test_a_request_is_a_fact_that_names_the_person(gateway: Gateway, people: Cast, visitor: Caller) -> None:
    for email in (people.acme.email.upper(), people.viewer.email):
        assert (await ask(visitor, email)).status == 200
    assert await requests(gateway) == [(people.acme.id, None), (None, people.viewer.id)]


async def test_the_answer_and_what_is_written_are_the_same_for_nobody(
    gateway: Gateway, people: Cast, visitor: Caller
) -> None:
    """The answers compare byte for byte; in time they are alike, as both are one read and one durable fact."""
    bodies = set()
    for email in (people.acme.email, "nobody@nowhere.test", people.revoked.email):
        before = gateway.db.position
        answer = await ask(visitor, email)
        bodies.add((answer.status, answer.text.replace(email, "…")))
        assert gateway.db.position == before + 1
    assert len(bodies) == 1
    assert await requests(gateway) == [(people.acme.id, None), (None, None), (None, None)]


async def test_the_link_sets_the_password_logs_in_and_ends_all_other_sessions(
    gateway: Gateway, people: Cast, visitor: Caller
) -> None:
    old = visitor.as_(people.acme.token)
    assert (await old.get("/api/auth/me")).status == 200
    await gateway.db.write(add_reset_code, "mailed", client_id=people.acme.id)
    assert (await visitor.get("/reset?code=mailed")).status == 200
    done = await choose(visitor, "mailed")
    assert (done.status, done.header("location")) == (303, "/")
    assert (await old.get("/api/auth/me")).status == 401
    new = visitor.with_(cookie=done.cookie)
    assert len((await new.get("/api/auth/sessions")).json()["items"]) == 1
    (fact,) = await gateway.db.read(facts, "password.reset")
    assert (fact["client_id"], fact["actor"]) == (people.acme.id, f"client:{people.acme.id}")
    for password, status in ((NEW, 200), (PASSWORD, 401)):
        login = {"email": people.acme.email, "password": password}
        assert (await visitor.post("/api/auth/login", login)).status == status


async def test_a_user_chooses_another_one_too(gateway: Gateway, people: Cast, visitor: Caller) -> None:
    await gateway.db.write(add_reset_code, "mailed", user_id=people.admin.id)
    done = await choose(visitor, "mailed")
    me = (await visitor.with_(cookie=done.cookie).get("/api/auth/me")).json()
    assert (me["role"], me["user"]["id"]) == ("admin", people.admin.id)
    assert (await visitor.as_(people.admin.token).get("/api/auth/me")).status == 401


# what is refused ----------------------------------------------------------------------------------------------


async def test_without_a_mail_server_one_is_told_whom_to_ask(gateway: Gateway, people: Cast) -> None:
    visitor = Caller(gateway.asgi)
    for answer in (await visitor.get("/forgotten"), await ask(visitor, people.acme.email)):
        assert (answer.status, "Ask your contact" in answer.text, "<form" in answer.text) == (200, True, False)
    assert await requests(gateway) == []


async def test_what_is_no_address_is_told(gateway: Gateway, visitor: Caller) -> None:
    answer = await ask(visitor, "nobody")
    assert (answer.status, "no e-mail address" in answer.text) == (422, True)


async def test_a_link_works_once_and_voids_the_others(gateway: Gateway, people: Cast, visitor: Caller) -> None:
    for code in ("first", "second"):
        await gateway.db.write(add_reset_code, code, client_id=people.acme.id)
    assert (await choose(visitor, "second")).status == 303
    for code in ("first", "second"):
        assert (await choose(visitor, code)).status == 403


async def test_a_password_that_was_changed_otherwise_voids_the_links(
    gateway: Gateway, people: Cast, visitor: Caller
) -> None:
    """Whoever changes it because somebody reads their mail must not leave that somebody a key."""
    await gateway.db.write(add_reset_code, "own", client_id=people.acme.id)
    body = {"current_password": PASSWORD, "new_password": "another day by the sea"}
    assert (await visitor.as_(people.acme.token).post("/api/auth/password", body)).status == 204
    await gateway.db.write(add_reset_code, "given", user_id=people.viewer.id)
    path = f"/api/users/{people.viewer.id}"
    changed = await visitor.as_(people.admin.token).patch(path, {"password": "yet another day by the sea"})
    assert changed.status == 200
    for code in ("own", "given"):
        assert (await choose(visitor, code)).status == 403


async def test_of_many_who_bring_a_link_at_once_one_chooses(gateway: Gateway, people: Cast, visitor: Caller) -> None:
    await gateway.db.write(add_reset_code, "mailed", client_id=people.acme.id)
    answers = await asyncio.gather(*(choose(visitor, "mailed") for _ in range(10)))
    counted = Counter(answer.status for answer in answers)
    assert counted[303] == 1
    assert set(counted) <= {303, 401, 403}


async def test_a_link_works_for_an_hour(gateway: Gateway, people: Cast, visitor: Caller, clock: SettableClock) -> None:
    await gateway.db.write(add_reset_code, "mailed", client_id=people.acme.id)
    clock.pass_(hours=1)
    assert (await visitor.get("/reset?code=mailed")).status == 403
    assert (await choose(visitor, "mailed")).status == 403


async def test_who_asks_too_often_waits_whether_known_or_not(gateway: Gateway, people: Cast, visitor: Caller) -> None:
    for email in (people.acme.email, "nobody@nowhere.test"):
        elsewhere = [visitor.at(f"203.0.113.{n}") for n in range(6)]
        answers = [await ask(each, email) for each in elsewhere]
        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert "Too many requests for a new password" in answers[-1].text
        assert answers[-1].header("retry-after") == "3600"


async def test_one_network_asks_for_ten_addresses_a_minute(people: Cast, visitor: Caller) -> None:
    answers = [await ask(visitor, f"a{n}@nowhere.test") for n in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]


async def test_asking_does_not_count_as_a_failed_login(people: Cast, visitor: Caller) -> None:
    for _ in range(6):
        await ask(visitor, people.acme.email)
    login = {"email": people.acme.email, "password": PASSWORD}
    assert (await visitor.post("/api/auth/login", login)).status == 200


async def test_another_site_cannot_ask(people: Cast, visitor: Caller) -> None:
    foreign = visitor.with_(sec_fetch_site="cross-site")
    assert (await foreign.ask("POST", "/forgotten", b"email=client%40acme.test")).status == 403
