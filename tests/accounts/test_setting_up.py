"""A new catalog has no account at all: a link that works once, for fifteen minutes, makes the first administrator."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from ecatalog.accounts import queries
from ecatalog.app import Gateway, build
from tests.asgi import Answer, Caller
from tests.cast import Cast, SettableClock, facts

GOOD = {
    "full_name": "Ada Example",
    "email": "Ada@Example.test",
    "password": "four calm words together",
    "password_again": "four calm words together",
}


@pytest.fixture
def visitor(gateway: Gateway) -> Caller:
    return Caller(gateway.asgi)


@pytest.fixture
def code(gateway: Gateway) -> str:
    return code_of(gateway)


def code_of(gateway: Gateway) -> str:
    link = urlsplit(gateway.setup_link or "")
    assert (link.path, link.netloc) == ("/setup", "localhost:8080")
    return parse_qs(link.query)["code"][0]


async def send(visitor: Caller, code: str, **changed: str) -> Answer:
    return await visitor.send_form("/setup", code=code, **(GOOD | changed))


async def test_the_first_administrator_is_made_and_may_log_in(gateway: Gateway, visitor: Caller, code: str) -> None:
    page = await visitor.get(f"/setup?code={code}")
    assert page.status == 200
    assert page.header("referrer-policy") == "no-referrer"
    done = await send(visitor, code)
    assert (done.status, done.header("location")) == (303, "/login")
    login = {"email": "ada@example.test", "password": GOOD["password"]}
    assert (await visitor.post("/api/auth/login", login)).json()["role"] == "admin"
    assert len(await gateway.db.read(facts, "setup.completed")) == 1


async def test_looking_at_the_page_does_not_use_the_link_up(visitor: Caller, code: str) -> None:
    for _ in range(3):
        assert (await visitor.get(f"/setup?code={code}")).status == 200


async def test_a_browser_without_fetch_metadata_may_set_up_too(visitor: Caller, code: str) -> None:
    """On plain http in a local network, and without a referrer, browsers send `Origin: null`: the code is the proof."""
    form = "&".join(f"{name}={value}".replace(" ", "+") for name, value in (GOOD | {"code": code}).items())
    answer = await visitor.with_(origin="null").post("/setup", form.encode())
    assert answer.status == 303


# what is refused ----------------------------------------------------------------------------------------------


async def test_the_link_works_once(visitor: Caller, code: str) -> None:
    await send(visitor, code)
    for answer in (await send(visitor, code, email="eve@example.test"), await visitor.get(f"/setup?code={code}")):
        assert answer.status == 403
        assert "Start the catalog again" in answer.text


async def test_the_link_works_for_fifteen_minutes(visitor: Caller, code: str, clock: SettableClock) -> None:
    clock.pass_(minutes=15)
    assert (await visitor.get(f"/setup?code={code}")).status == 403
    assert (await send(visitor, code)).status == 403


@pytest.mark.parametrize("guess", ["", "x", "x" * 43, "x" * 9000, "\x00", "ä"])
async def test_another_code_opens_nothing(gateway: Gateway, visitor: Caller, guess: str) -> None:
    assert (await send(visitor, guess)).status == 403
    assert await gateway.db.read(queries.count_users) == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "short", "password_again": "short"}, "at least 10 characters"),
        ({"password": "Password1234!", "password_again": "Password1234!"}, "tries first"),
        ({"password_again": "something else"}, "two passwords differ"),
        ({"email": "ada"}, "no e-mail address"),
        ({"full_name": "  "}, "Say who it is"),
    ],
)
async def test_a_bad_form_is_shown_again_with_what_is_wrong_and_without_the_password(
    gateway: Gateway, visitor: Caller, code: str, changed: dict[str, str], words: str
) -> None:
    answer = await send(visitor, code, **changed)
    assert answer.status == 422
    assert words in answer.text
    for password in (GOOD["password"], changed.get("password", "-never-")):
        assert password not in answer.text
    assert answer.header("referrer-policy") == "no-referrer"
    assert await gateway.db.read(queries.count_users) == 0
    assert (await send(visitor, code)).status == 303, "the link is still good"


async def test_a_catalog_with_users_offers_no_set_up(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    await gateway.stop()
    again = build(gateway.settings, clock=clock)
    assert await again.start() is None
    await again.stop()


async def test_users_who_came_otherwise_close_the_set_up(
    gateway: Gateway, people: Cast, visitor: Caller, code: str
) -> None:
    answer = await send(visitor, code)
    assert (answer.status, "set up already" in answer.text) == (409, True)


async def test_each_start_makes_a_new_link_and_the_old_one_is_void(gateway: Gateway, clock: SettableClock) -> None:
    old = code_of(gateway)
    await gateway.stop()
    again = build(gateway.settings, clock=clock)
    link = await again.start()
    try:
        assert link == again.setup_link
        assert code_of(again) != old
        assert (await send(Caller(again.asgi), old)).status == 403
        assert (await Caller(again.asgi).get(f"/setup?code={code_of(again)}")).status == 200
    finally:
        await again.stop()


async def test_only_one_of_many_who_hurry_becomes_administrator(gateway: Gateway, visitor: Caller, code: str) -> None:
    answers = await asyncio.gather(*(send(visitor, code, email=f"a{n}@example.test") for n in range(10)))
    assert sorted(answer.status for answer in answers).count(303) == 1
    assert await gateway.db.read(queries.count_users) == 1


async def test_requests_are_logged_without_the_code(visitor: Caller, code: str) -> None:
    with capture_logs() as events:
        await visitor.get(f"/setup?code={code}")
        await send(visitor, code, password="short")
        await send(visitor, code)
    assert len(events) == 3
    assert code not in str(events)
    assert GOOD["password"] not in str(events)
