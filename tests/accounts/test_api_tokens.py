"""Tokens of services: made by an administrator, shown once, known from memory, dead as soon as they are revoked."""

from typing import Any

import pytest

from ecatalog.accounts import token_queries
from ecatalog.accounts.jobs import write_last_used
from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.app import Gateway
from ecatalog.kit.db import Tx
from ecatalog.kit.scopes import SCOPES
from tests.cast import Caller, SettableClock, facts

CRM = {"name": "crm", "scopes": ["requests:write", "audit:read"]}


async def test_a_token_is_shown_once(admin: Caller) -> None:
    answer = await admin.post("/api/tokens", CRM)
    assert answer.status == 201
    made = answer.json()
    assert (made["name"], made["scopes"]) == ("crm", ["audit:read", "requests:write"])
    assert (made["created_by"], made["expires_at"], made["revoked_at"]) == (admin.id, None, None)
    listed = await admin.get("/api/tokens")
    assert made["id"] in {item["id"] for item in listed.json()["items"]}
    assert made["token"] not in listed.body.decode()


async def test_it_stands_for_the_service_until_it_is_revoked(gateway: Gateway, admin: Caller) -> None:
    made = (await admin.post("/api/tokens", CRM)).json()
    tokens = gateway.part(ServiceTokens)
    actor = tokens.authenticate(made["token"])
    assert actor is not None
    assert (actor.id, sorted(actor.scopes)) == (made["id"], sorted(CRM["scopes"]))
    for _ in range(2):
        assert (await admin.delete(f"/api/tokens/{made['id']}")).status == 204
    assert tokens.authenticate(made["token"]) is None
    (fact,) = await gateway.db.read(facts, "token.revoked")
    assert fact["details"] == {"token": made["id"], "name": "crm"}


async def test_a_service_calls_what_its_scopes_allow(admin: Caller, nobody: Caller) -> None:
    token = (await admin.post("/api/tokens", CRM)).json()["token"]
    nobody.headers["authorization"] = f"Bearer {token}"
    expected = {"/api/audit": 200, "/api/requests": 200, "/api/users": 403, "/api/tokens": 403, "/api/scopes": 403}
    for path, status in expected.items():
        assert (await nobody.get(path)).status == status, path


async def test_it_is_answered_from_memory(gateway: Gateway, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    token = (await admin.post("/api/tokens", CRM)).json()["token"]
    tokens = gateway.part(ServiceTokens)
    assert tokens.authenticate(token)

    def never(*_args: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(gateway.db, "read_now", never)
    assert tokens.authenticate(token)


async def test_its_last_use_is_written_by_the_job(gateway: Gateway, admin: Caller, clock: SettableClock) -> None:
    made = (await admin.post("/api/tokens", CRM)).json()
    tokens = gateway.part(ServiceTokens)
    tokens.authenticate(made["token"], is_use=False)
    assert tokens.take_unwritten() == {}
    used_at = clock.pass_(seconds=30)
    tokens.authenticate(made["token"])
    await write_last_used(gateway.door)
    info = await gateway.db.read(token_queries.find_token_info, made["id"])
    assert info is not None
    assert info.last_used_at == used_at
    tokens.give_back({made["id"]: used_at})
    assert tokens.take_unwritten() == {made["id"]: used_at}


async def test_the_scopes_are_listed(viewer: Caller) -> None:
    listed = (await viewer.get("/api/scopes")).json()
    assert {item["scope"]: item["about"] for item in listed} == dict(SCOPES)


# Who may ------------------------------------------------------------------------------------------------------


async def test_only_administrators_keep_tokens(everybody: dict[str, Caller]) -> None:
    made = (await everybody["admin"].post("/api/tokens", CRM)).json()
    for name, caller in everybody.items():
        refused = 401 if name in ("revoked", "nobody") else 403
        is_admin = name == "admin"
        assert (await caller.get("/api/tokens")).status == (200 if is_admin else refused), name
        assert (await caller.post("/api/tokens", CRM)).status == (201 if is_admin else refused), name
        if not is_admin:
            assert (await caller.delete(f"/api/tokens/{made['id']}")).status == refused, name
        assert (await caller.get("/api/scopes")).status == (401 if refused == 401 else 200), name


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["users:write"]}, "scopes"),
        ({"expires_at": "2026-03-10T12:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-04-10T12:00:00"}, "expires_at"),
    ],
)
async def test_a_token_has_a_name_scopes_and_an_end_to_come(admin: Caller, change: dict[str, Any], field: str) -> None:
    answer = await admin.post("/api/tokens", CRM | change)
    assert (answer.status, set(answer.json()["fields"])) == (422, {field})


async def test_an_unknown_token_is_not_found(admin: Caller) -> None:
    assert (await admin.delete("/api/tokens/nothing")).status == 404


# Races and edges ----------------------------------------------------------------------------------------------


async def test_it_ends_by_time(gateway: Gateway, admin: Caller, clock: SettableClock) -> None:
    token = (await admin.post("/api/tokens", CRM | {"expires_at": "2026-03-10T12:10:00Z"})).json()["token"]
    tokens = gateway.part(ServiceTokens)
    assert tokens.authenticate(token)
    clock.pass_(minutes=10)
    assert tokens.authenticate(token) is None


async def test_what_is_no_token_is_not_remembered(gateway: Gateway, admin: Caller) -> None:
    tokens = gateway.part(ServiceTokens)
    before = len(tokens)
    for text in ("", "x", "x" * 5000):
        assert tokens.authenticate(text) is None
    assert len(tokens) == before


async def test_with_an_idempotency_key_the_secret_is_not_told_twice(gateway: Gateway, admin: Caller) -> None:
    first = await admin.post("/api/tokens", CRM, idempotency_key="a-key")
    again = await admin.post("/api/tokens", CRM, idempotency_key="a-key")
    assert (first.status, again.status) == (201, 409)

    def count(tx: Tx) -> int:
        return int(tx.value("SELECT count(*) FROM api_tokens WHERE name = 'crm'"))

    assert await gateway.db.read(count) == 1
