"""UC1: a user or a client proves an address and a password, and gets a session."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from ecatalog.accounts import actions, queries
from ecatalog.accounts.model import SAMPLE_PASSWORD, WRONG_LOGIN
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.queries import NewSession
from ecatalog.app import Gateway, build
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Unauthorized
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.settings import Settings
from tests.asgi import Answer, Caller
from tests.cast import NOON, PASSWORD, Cast, Person, facts, uses


@pytest.fixture
def caller(gateway: Gateway, people: Cast) -> Caller:
    return Caller(gateway.asgi)


async def log_in(caller: Caller, email: str, password: str = PASSWORD) -> Answer:
    return await caller.post("/api/auth/login", {"email": email, "password": password})


async def test_a_user_logs_in(caller: Caller, people: Cast) -> None:
    answer = await log_in(caller, people.seller.email)
    assert answer.status == 200
    signed_in = answer.json()
    assert (signed_in["role"], signed_in["client"], signed_in["notice"]) == ("sales", None, None)
    assert signed_in["user"]["id"] == people.seller.id
    assert signed_in["expires_at"] == "2026-03-10T20:00:00.000Z"
    assert "password" not in answer.text


async def test_a_client_logs_in_and_that_is_use(caller: Caller, people: Cast, gateway: Gateway) -> None:
    signed_in = (await log_in(caller, people.acme.email)).json()
    assert (signed_in["role"], signed_in["user"]) == ("client", None)
    assert (signed_in["client"]["id"], signed_in["client"]["access_status"]) == (people.acme.id, "active")
    assert signed_in["client"]["notes"] == "", "notes are for users"
    logins = await gateway.db.read(count_logins, people.acme.id)
    assert logins == 2, "this one, and that of the cast"


def count_logins(tx: Tx, client_id: str) -> Any:
    return tx.value("SELECT logins FROM usage_daily WHERE client_id = :id AND demo_id = ''", id=client_id)


async def test_the_token_opens_the_session(caller: Caller, people: Cast) -> None:
    token = (await log_in(caller, people.acme.email)).json()["token"]
    me = (await caller.as_(token).get("/api/auth/me")).json()
    assert (me["role"], me["client"]["id"], me["user"]) == ("client", people.acme.id, None)
    assert me["expires_at"] == "2026-03-10T20:00:00.000Z"


async def test_the_token_is_signed_and_only_its_hash_is_kept(caller: Caller, people: Cast, gateway: Gateway) -> None:
    token = (await log_in(caller, people.admin.email)).json()["token"]
    found = jwt.decode(token, OctKey.import_key(gateway.settings.jwt_secret), algorithms=["HS256"])
    assert found.header == {"alg": "HS256", "typ": "JWT"}
    assert found.claims["exp"] == int((NOON + timedelta(hours=8)).timestamp())
    row = await gateway.db.read(session_row, found.claims["sid"])
    assert row["token_hash"] == hash_secret(token)
    assert token not in str(row)


def session_row(tx: Tx, session_id: str) -> dict[str, Any]:
    return tx.rows("SELECT * FROM sessions WHERE id = :id", id=session_id)[0]


async def test_each_login_is_a_session_of_its_own_and_a_fact(caller: Caller, people: Cast, gateway: Gateway) -> None:
    there = caller.at("2001:db8::7").with_(user_agent="Browser/1.0")
    tokens = {(await log_in(there, people.admin.email)).json()["token"] for _ in range(3)}
    assert len(tokens) == 3
    fact = (await gateway.db.read(facts, "session.started"))[-1]
    assert fact["actor"] == f"admin:{people.admin.id}"
    assert fact["details"]["address"] == "2001:db8::7"
    row = await gateway.db.read(session_row, fact["details"]["session"])
    assert (row["address"], row["agent"]) == ("2001:db8::7", "Browser/1.0")


async def test_the_case_of_an_address_does_not_matter_that_of_a_password_does(caller: Caller, people: Cast) -> None:
    assert (await log_in(caller, f" {people.admin.email.upper()} ")).status == 200
    assert (await log_in(caller, people.admin.email, PASSWORD.upper())).status == 401


async def test_an_old_hash_is_replaced_by_one_of_today(caller: Caller, people: Cast, gateway: Gateway) -> None:
    for person in (people.admin, people.acme):
        before = await gateway.db.read(queries.find_credential, person.email)
        assert (await log_in(caller, person.email)).status == 200
        after = await gateway.db.read(queries.find_credential, person.email)
        assert before is not None
        assert after is not None
        assert "m=64,t=1" in before.password_hash
        assert "m=64,t=2" in after.password_hash
        assert (await log_in(caller, person.email)).status == 200
        assert await gateway.db.read(queries.find_credential, person.email) == after, "and only once"


# who may ------------------------------------------------------------------------------------------------------


async def test_clients_log_in_before_during_and_after_their_window(caller: Caller, people: Cast) -> None:
    for person, status in ((people.pending, "pending"), (people.bolt, "active"), (people.ended, "expired")):
        assert (await log_in(caller, person.email)).json()["client"]["access_status"] == status


async def test_a_revoked_client_is_told_whom_to_ask_but_only_with_the_right_password(
    caller: Caller, people: Cast
) -> None:
    refused = await log_in(caller, people.revoked.email)
    assert (refused.status, refused.json()["code"]) == (403, "forbidden")
    assert "revoked" in refused.json()["detail"]
    assert "Seller (seller@ecatalog.test)" in refused.json()["detail"]
    wrong = await log_in(caller, people.revoked.email, "a wrong password")
    assert (wrong.status, wrong.json()["detail"]) == (401, WRONG_LOGIN)


async def test_a_disabled_user_is_told_so_but_only_with_the_right_password(
    caller: Caller, people: Cast, gateway: Gateway
) -> None:
    await gateway.db.write(disable, people.viewer)
    assert (await log_in(caller, people.viewer.email)).status == 403
    assert (await log_in(caller, people.viewer.email, "a wrong password")).status == 401


def disable(tx: Tx, person: Person) -> None:
    tx.run(
        "UPDATE users SET disabled_at = :now, updated_at = :now, version = version + 1 WHERE id = :id",
        id=person.id,
        now=tx.now,
    )
    tx.touch("users")


# what is refused ----------------------------------------------------------------------------------------------


def without_request_id(answer: Answer) -> tuple[Any, ...]:
    return answer.status, [pair for pair in answer.headers if pair[0] != "x-request-id"], answer.body


async def test_an_unknown_address_and_a_wrong_password_get_the_same_bytes(caller: Caller, people: Cast) -> None:
    unknown = await log_in(caller, "nobody@nowhere.test")
    wrong = await log_in(caller, people.acme.email, "a wrong password")
    revoked = await log_in(caller, people.revoked.email, "a wrong password")
    strange = await log_in(caller, "' OR 1=1 --", "\x01\U0001f511")
    assert unknown.status == 401
    assert [without_request_id(each) for each in (wrong, revoked, strange)] == [without_request_id(unknown)] * 3


async def test_who_has_no_password_cannot_log_in(caller: Caller, people: Cast, gateway: Gateway) -> None:
    await gateway.db.write(actions.create_user, SYSTEM, "new@ecatalog.test", "New", "viewer", None)
    for password in ("x", "None", "null", " "):
        assert (await log_in(caller, "new@ecatalog.test", password)).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@b.test"},
        {"email": "a@b.test", "password": ""},
        {"email": "a@b.test", "password": "x" * 257},
        {"email": "x" * 255, "password": "x"},
        {"email": ["a@b.test"], "password": "x"},
        {"email": "a@b.test", "password": None},
        {"email": "a@b.test", "password": "x", "role": "admin"},
    ],
)
async def test_what_is_no_login_is_invalid(caller: Caller, body: Any) -> None:
    assert (await caller.post("/api/auth/login", body)).status == 422


async def test_the_log_never_holds_a_password_or_a_token(caller: Caller, people: Cast) -> None:
    with capture_logs() as events:
        token = (await log_in(caller, people.acme.email)).json()["token"]
        await log_in(caller, people.acme.email, "canary password")
        await caller.as_(token).get("/api/auth/me")
        await caller.as_(token).post("/api/auth/logout")
    told = str(events)
    assert [event for event in events if event["event"] == "login_refused"]
    for secret in (token, token.rsplit(".", 1)[1], PASSWORD, "canary", people.acme.email):
        assert secret not in told


# sample accounts ----------------------------------------------------------------------------------------------


@pytest.fixture
async def sampled(gateway: Gateway) -> Gateway:
    password_hash = await gateway.part(Hasher).hash(SAMPLE_PASSWORD)
    await gateway.db.write(actions.create_user, SYSTEM, "ada@ecatalog.test", "Ada", "admin", password_hash)
    return gateway


async def test_a_sample_account_comes_with_a_warning(sampled: Gateway) -> None:
    signed_in = (await log_in(Caller(sampled.asgi), "ada@ecatalog.test", SAMPLE_PASSWORD)).json()
    assert "everybody knows its password" in signed_in["notice"]


@pytest.mark.parametrize(("allowed", "status"), [(False, 403), (True, 200)])
async def test_sample_accounts_are_closed_where_strangers_come_unless_somebody_said_so(
    sampled: Gateway, allowed: bool, status: int
) -> None:
    settings = Settings(
        data=sampled.settings.data,
        jwt_secret="s" * 43,
        grpc_port=0,
        catalog_url="https://catalog.example.com",
        allow_sample_logins=allowed,
    )
    await sampled.stop()
    elsewhere = build(settings, clock=sampled.door.clock)
    await elsewhere.start()
    try:
        answer = await log_in(Caller(elsewhere.asgi), "ada@ecatalog.test", SAMPLE_PASSWORD)
    finally:
        await elsewhere.stop()
    assert answer.status == status


# races --------------------------------------------------------------------------------------------------------


def new_session(person: Person, **whose: str) -> NewSession:
    return NewSession(
        id=new_id(), token_hash=new_id(), expires_at=NOON + timedelta(hours=8), address="", agent="", **whose
    )


async def test_a_password_that_changes_while_it_is_checked_opens_nothing(gateway: Gateway, people: Cast) -> None:
    person = people.acme
    seen = await gateway.db.read(queries.find_credential, person.email)
    assert seen is not None
    await gateway.db.write(actions.set_client_password, SYSTEM, person.id, "$argon2id$another")
    session = new_session(person, client_id=person.id)
    with pytest.raises(Unauthorized):
        await gateway.db.write(actions.log_in, person.email, seen, session)
    assert await gateway.db.read(queries.list_sessions_of, client_id=person.id) == []


async def test_a_revocation_while_the_password_is_checked_wins(gateway: Gateway, people: Cast, admin: Any) -> None:
    person = people.acme
    seen = await gateway.db.read(queries.find_credential, person.email)
    assert seen is not None
    assert (await admin.patch(f"/api/clients/{person.id}/revoke", {})).status == 200
    with pytest.raises(Forbidden):
        await gateway.db.write(actions.log_in, person.email, seen, new_session(person, client_id=person.id))
    assert "login" not in await gateway.db.read(uses, person.id)


def test_the_answer_has_the_fields_that_were_promised() -> None:
    from ecatalog_client.types.accounts import Me, SignedIn

    names = [field.name for field in msgspec.structs.fields(SignedIn)]
    assert names == ["token", "expires_at", "role", "user", "client", "notice"]
    assert [field.name for field in msgspec.structs.fields(Me)] == [
        "role",
        "user",
        "client",
        "session_id",
        "expires_at",
    ]
