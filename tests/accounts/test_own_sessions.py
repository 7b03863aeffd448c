"""One's own sessions: seen, ended, given a new token; and another password, which ends all others."""

import asyncio
from datetime import timedelta

import pytest

from ecatalog.accounts.own_sessions import LONGEST_SESSION
from ecatalog.app import Gateway
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import NOON, PASSWORD, Answer, Caller, Cast, Person, SettableClock, another_session, facts

NEW = "a long walk by the sea"


def with_token(gateway: Gateway, person: Person, token: str) -> Caller:
    return Caller(gateway.asgi, Person(person.role, person.id, person.email, token, ""))


async def log_in(gateway: Gateway, person: Person, password: str = PASSWORD) -> Answer:
    return await Caller(gateway.asgi).post("/api/auth/login", {"email": person.email, "password": password})


async def second_caller(gateway: Gateway, person: Person) -> Caller:
    return with_token(gateway, person, (await log_in(gateway, person)).json()["token"])


async def test_one_sees_ones_own_sessions_newest_first(gateway: Gateway, people: Cast, acme: Caller) -> None:
    await second_caller(gateway, people.acme)
    items = (await acme.get("/api/auth/sessions")).json()["items"]
    assert [item["is_current"] for item in items] == [False, True]
    assert (items[1]["id"], items[1]["agent"]) == (people.acme.session_id, "tests")
    assert "token_hash" not in items[0]


async def test_ending_one_leaves_the_others_and_what_is_open(gateway: Gateway, people: Cast, acme: Caller) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    second = await second_caller(gateway, people.acme)
    assert (await second.delete(f"/api/auth/sessions/{people.acme.session_id}")).status == 204
    assert (await acme.get("/api/auth/me")).status == 401
    assert (await second.get("/api/auth/me")).status == 200
    assert (await gateway.db.read(launch_for, people.admin.actor, launch.id)).wanted == "running"


async def test_with_the_last_session_what_is_open_stops(gateway: Gateway, people: Cast, acme: Caller) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    assert (await acme.delete(f"/api/auth/sessions/{people.acme.session_id}")).status == 204
    assert (await gateway.db.read(launch_for, people.admin.actor, launch.id)).wanted == "stopped"


async def test_all_others_end_at_once(gateway: Gateway, people: Cast, acme: Caller) -> None:
    second = await second_caller(gateway, people.acme)
    await another_session(gateway.db, people.acme)
    for _ in range(2):
        assert (await acme.delete("/api/auth/sessions")).status == 204
    assert (await second.get("/api/auth/me")).status == 401
    assert len((await acme.get("/api/auth/sessions")).json()["items"]) == 1


async def test_a_refresh_gives_a_new_token_to_the_same_session(
    gateway: Gateway, people: Cast, acme: Caller, clock: SettableClock
) -> None:
    clock.pass_(minutes=20)
    signed_in = (await acme.post("/api/auth/refresh")).json()
    assert signed_in["expires_at"] == "2026-03-10T20:20:00.000Z"
    assert (await acme.get("/api/auth/me")).status == 401, "the old token is dead at once"
    me = (await with_token(gateway, people.acme, signed_in["token"]).get("/api/auth/me")).json()
    assert (me["session_id"], me["expires_at"]) == (people.acme.session_id, signed_in["expires_at"])
    (fact,) = await gateway.db.read(facts, "session.refreshed")
    assert fact["details"] == {"session": people.acme.session_id}


async def test_another_password_ends_all_other_sessions(gateway: Gateway, people: Cast, acme: Caller) -> None:
    second = await second_caller(gateway, people.acme)
    answer = await acme.post("/api/auth/password", {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status == 204
    assert (await acme.get("/api/auth/me")).status == 200
    assert (await second.get("/api/auth/me")).status == 401
    assert (await log_in(gateway, people.acme)).status == 401
    assert (await log_in(gateway, people.acme, NEW)).status == 200


# Who may ------------------------------------------------------------------------------------------------------


async def test_who_is_logged_in_may_and_for_ones_own_only(everybody: dict[str, Caller], people: Cast) -> None:
    for name, caller in everybody.items():
        is_out = name in ("revoked", "nobody")
        own = 401 if is_out else 200
        assert (await caller.get("/api/auth/sessions")).status == own, name
        foreign = 401 if is_out else 404
        if name != "viewer":
            assert (await caller.delete(f"/api/auth/sessions/{people.viewer.session_id}")).status == foreign, name
        assert (await caller.delete("/api/auth/sessions")).status == (401 if is_out else 204), name
        change = {"current_password": PASSWORD, "new_password": NEW}
        assert (await caller.post("/api/auth/password", change)).status == (401 if is_out else 204), name
        assert (await caller.post("/api/auth/refresh")).status == own, name


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "client@acme.test", "new_password"),
    ],
)
async def test_a_password_is_not_changed(acme: Caller, current: str, new: str, field: str) -> None:
    answer = await acme.post("/api/auth/password", {"current_password": current, "new_password": new})
    assert (answer.status, set(answer.json()["fields"])) == (422, {field})


async def test_guessing_the_present_password_is_throttled(acme: Caller) -> None:
    guess = {"current_password": "wrong", "new_password": NEW}
    statuses = [(await acme.post("/api/auth/password", guess)).status for _ in range(6)]
    assert statuses == [422] * 5 + [429]


# Races and edges ----------------------------------------------------------------------------------------------


async def test_of_two_refreshes_at_once_one_token_is_good(acme: Caller, gateway: Gateway, people: Cast) -> None:
    answers = await asyncio.gather(acme.post("/api/auth/refresh"), acme.post("/api/auth/refresh"))
    assert sorted(answer.status for answer in answers) == [200, 401]
    (token,) = (answer.json()["token"] for answer in answers if answer.status == 200)
    assert (await with_token(gateway, people.acme, token).get("/api/auth/me")).status == 200


async def test_no_session_is_prolonged_beyond_a_day(
    gateway: Gateway, people: Cast, acme: Caller, clock: SettableClock
) -> None:
    caller, ends = acme, ""
    while clock() < NOON + LONGEST_SESSION - timedelta(minutes=25):
        clock.pass_(minutes=25)
        answer = (await caller.post("/api/auth/refresh")).json()
        caller, ends = with_token(gateway, people.acme, answer["token"]), answer["expires_at"]
    assert ends == "2026-03-11T12:00:00.000Z"
    clock.now = NOON + LONGEST_SESSION
    assert (await caller.post("/api/auth/refresh")).status == 401
