"""The caller is found by token or cookie, may or may not, and a cookie counts only from our own pages."""

import pytest

from tests.asgi import Caller, Exchange
from tests.web.conftest import Shell

THING = {"name": "lamp"}


def with_cookie(shell: Shell, cookie: str = "ecatalog=ada", **headers: str) -> Caller:
    return shell.nobody.with_(cookie=cookie, **headers)


async def test_a_bearer_token_and_a_cookie_stand_for_the_same_person(shell: Shell) -> None:
    by_token = await shell.ada.get("/api/things/lamp")
    by_cookie = await with_cookie(shell, "other=1; ecatalog=ada; more=2").get("/api/things/lamp")
    assert by_token.json() == by_cookie.json()
    assert by_token.json()["made_by"] == "admin:ada"


async def test_a_bearer_token_needs_no_proof_of_origin(shell: Shell) -> None:
    assert (await shell.ada.post("/api/things", THING)).status == 201
    foreign = shell.ada.with_(sec_fetch_site="cross-site", origin="https://evil.test")
    assert (await foreign.post("/api/things", THING)).status == 201


async def test_a_bearer_token_wins_over_a_cookie_even_a_bad_one(shell: Shell) -> None:
    caller = shell.cleo.with_(cookie="ecatalog=ada")
    assert (await caller.get("/api/things/lamp")).json()["made_by"] == "client:cleo"
    assert (await caller.as_("unknown").get("/api/things/lamp")).status == 401


async def test_behind_https_only_the_host_cookie_counts(secure_shell: Shell) -> None:
    assert (await with_cookie(secure_shell, "__Host-ecatalog=ada").get("/api/things/lamp")).status == 200
    assert (await with_cookie(secure_shell, "ecatalog=ada").get("/api/things/lamp")).status == 401
    cookie = secure_shell.callers.cookie_for("t")
    assert cookie == "__Host-ecatalog=t; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure"


def test_on_a_laptop_the_cookie_has_a_plain_name(shell: Shell) -> None:
    assert shell.callers.cookie_for("t") == "ecatalog=t; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"
    assert shell.callers.cookie_for("") == "ecatalog=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"


async def test_nobody_is_asked_to_log_in_and_told_how(shell: Shell) -> None:
    for caller in (shell.nobody, shell.nobody.as_("unknown"), with_cookie(shell, "ecatalog=unknown")):
        answer = await caller.get("/api/things/lamp")
        assert (answer.status, answer.json()["code"]) == (401, "unauthorized")
        assert answer.header("www-authenticate") == "Bearer"


async def test_who_is_logged_in_and_may_not_is_forbidden_before_anything_is_read(shell: Shell) -> None:
    answer = await shell.cleo.post("/api/things", b"no json at all")
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert "client" in answer.json()["detail"]


async def test_an_old_cookie_does_not_shut_anybody_out_of_what_is_for_all(shell: Shell) -> None:
    assert (await with_cookie(shell, "ecatalog=unknown").get("/api/things")).status == 200


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YWRh", "ada", "Bearer \xe9", "bearer"])
async def test_what_is_no_bearer_token_stands_for_nobody(shell: Shell, authorization: str) -> None:
    assert (await shell.nobody.with_(authorization=authorization).get("/api/things/lamp")).status == 401


OWN = "http://localhost:8080"


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-origin", "origin": OWN}, True),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
        ({"origin": OWN}, True),
        ({}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": ""}, False),
        ({"sec_fetch_site": "same-site", "origin": OWN}, False),
        ({"sec_fetch_site": "same-origin, same-origin"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://localhost"}, False),
        ({"origin": "http://localhost:8081"}, False),
        ({"origin": "https://localhost:8080"}, False),
        ({"origin": "http://evil-localhost:8080"}, False),
        ({"origin": "http://localhost:8080.evil.test"}, False),
        ({"origin": "http://x.demos.localhost:8080"}, False),
        ({"origin": "http://localhost:8080/"}, False),
        ({"origin": "HTTP://LOCALHOST:8080"}, False),
        ({"referer": OWN + "/"}, False),
    ],
)
async def test_a_cookie_may_change_something_only_from_our_own_pages(
    shell: Shell, headers: dict[str, str], is_let_in: bool
) -> None:
    caller = with_cookie(shell, **headers)
    assert (await caller.post("/api/things", THING)).status == (201 if is_let_in else 403)
    assert (await caller.ask("DELETE", "/api/things")).status == 405, "the method comes first"
    assert (await caller.get("/api/things/lamp")).status == 200, "reading is safe"


async def test_without_a_session_there_is_nothing_to_forge(shell: Shell) -> None:
    foreign = with_cookie(shell, "ecatalog=unknown", sec_fetch_site="cross-site")
    assert (await foreign.post("/api/things", THING)).status == 401


async def test_two_session_cookies_are_refused_for_one_was_planted(shell: Shell) -> None:
    answer = await with_cookie(shell, "ecatalog=cleo; ecatalog=ada").get("/api/things/lamp")
    assert (answer.status, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("name", [b"authorization", b"cookie", b"origin", b"host", b"sec-fetch-site", b"content-type"])
async def test_a_header_that_decides_may_be_there_once(shell: Shell, name: bytes) -> None:
    exchange = Exchange(shell.nobody, "GET", "/api/things")
    exchange.scope["headers"] += [(name, b"a"), (name, b"b")]
    await exchange.run()
    assert exchange.answer().status == 400
    assert name.decode() in exchange.answer().json()["detail"]


async def test_other_headers_may_be_repeated(shell: Shell) -> None:
    exchange = Exchange(shell.nobody, "GET", "/api/things")
    exchange.scope["headers"] += [(b"accept", b"a"), (b"accept", b"b")]
    await exchange.run()
    assert exchange.answer().status == 200


@pytest.mark.parametrize(
    "host", ["abc.demos.localhost:8080", "ABC.DEMOS.LOCALHOST", "abc.demos.localhost.", "a.b.demos.localhost:80"]
)
async def test_under_the_domain_of_the_demos_the_catalog_answers_nothing(shell: Shell, host: str) -> None:
    answer = await shell.ada.with_(host=host).get("/api/things/lamp")
    assert (answer.status, answer.json()["code"]) == (421, "misdirected")
    assert "it is at http://localhost:8080." in answer.json()["detail"]
    assert (await shell.nobody.with_(host=host).get("/visit")).status == 421


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "catalog.example.com", "gateway:8080"])
async def test_under_any_other_name_it_does(shell: Shell, host: str) -> None:
    assert (await shell.ada.with_(host=host).get("/api/things/lamp")).status == 200
