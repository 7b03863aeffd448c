"""Whoever is shut out while a request of theirs is on its way changes nothing by it, however late the rest comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ecatalog.access.actions import log_out
from ecatalog.accounts.standing import refuse_unless_standing
from ecatalog.app import Gateway
from ecatalog.kit.errors import Unauthorized
from ecatalog.launches.opening import open_demo
from tests import asgi
from tests.cast import Caller, Cast, SettableClock

ENDED = "Your session has ended. Log in again."


class Slow(asgi.Exchange):
    """A request whose body comes when `go` is set."""

    def __init__(self, caller: Caller, method: str, url: str, body: Any, **headers: str) -> None:
        token = caller.person.token if caller.person else ""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sender = asgi.Caller(caller.asgi, token, headers=caller.headers | named)
        super().__init__(sender, method, url, body)
        self.go = asyncio.Event()
        self.waits = asyncio.Event()

    async def _receive(self) -> asgi.Message:
        self.waits.set()
        await self.go.wait()
        return await super()._receive()


async def late(slow: Slow, meanwhile: Callable[[], Awaitable[object]]) -> asgi.Answer:
    """The answer to the request, of which the body is sent after that has happened."""
    sending = slow.start()
    await slow.waits.wait()
    await meanwhile()
    slow.go.set()
    await sending
    return slow.answer()


BACKDOOR = {"email": "back@vendor.example", "full_name": "Back Door", "role": "admin"}
NEW_CLIENT = {
    "name": "Nora",
    "email": "nora@new.example",
    "company": "New",
    "access_start_date": "2026-03-01",
    "access_end_date": "2026-05-01",
}


async def second_admin(gateway: Gateway, admin: Caller) -> tuple[Caller, str]:
    """An administrator besides the one of the cast, who is logged in, and the user's id."""
    password = "a long one of Mallory"
    user = await admin.post(
        "/api/users", {"email": "m@vendor.example", "full_name": "Mal", "role": "admin", "password": password}
    )
    nobody = Caller(gateway.asgi)
    token = (await nobody.post("/api/auth/login", {"email": "m@vendor.example", "password": password})).json()["token"]
    nobody.headers["authorization"] = f"Bearer {token}"
    return nobody, str(user.json()["id"])


async def test_a_disabled_administrator_plants_nobody(gateway: Gateway, admin: Caller) -> None:
    mallory, user_id = await second_admin(gateway, admin)
    answer = await late(
        Slow(mallory, "POST", "/api/users", BACKDOOR),
        lambda: admin.patch(f"/api/users/{user_id}", {"is_disabled": True}),
    )
    assert (answer.status, answer.json()["detail"]) == (401, ENDED)
    assert "back@vendor.example" not in (await admin.get("/api/users")).body.decode()


async def test_a_disabled_administrator_does_not_come_back_by_itself(gateway: Gateway, admin: Caller) -> None:
    mallory, user_id = await second_admin(gateway, admin)
    path = f"/api/users/{user_id}"
    answer = await late(
        Slow(mallory, "PATCH", path, {"is_disabled": False}), lambda: admin.patch(path, {"is_disabled": True})
    )
    assert answer.status == 401
    assert (await admin.get(path)).json()["disabled_at"] is not None


async def test_who_is_demoted_meanwhile_creates_nothing(people: Cast, seller: Caller, admin: Caller) -> None:
    answer = await late(
        Slow(seller, "POST", "/api/clients", NEW_CLIENT),
        lambda: admin.patch(f"/api/users/{people.seller.id}", {"role": "viewer"}),
    )
    assert answer.status == 401


async def test_a_revoked_client_asks_for_nothing(acme: Caller, admin: Caller) -> None:
    answer = await late(
        Slow(acme, "POST", "/api/requests", {"request_type": "renewal"}),
        lambda: admin.patch(f"/api/clients/{acme.id}/revoke"),
    )
    assert answer.status == 401
    assert (await admin.get("/api/requests")).json()["items"] == []


async def test_a_revoked_token_renews_nobody(gateway: Gateway, admin: Caller, acme: Caller) -> None:
    made = (await admin.post("/api/tokens", {"name": "crm", "scopes": ["clients:write"]})).json()
    service = Caller(gateway.asgi)
    service.headers["authorization"] = f"Bearer {made['token']}"
    before = (await admin.get(f"/api/clients/{acme.id}")).json()
    answer = await late(
        Slow(service, "PATCH", f"/api/clients/{acme.id}/renew", {"days": 30}),
        lambda: admin.delete(f"/api/tokens/{made['id']}"),
    )
    assert answer.status == 401
    assert (await admin.get(f"/api/clients/{acme.id}")).json() == before


async def test_what_was_done_under_a_key_is_not_told_to_who_is_out(people: Cast, seller: Caller, admin: Caller) -> None:
    first = await seller.post("/api/clients", NEW_CLIENT, idempotency_key="k1")
    assert first.status == 201
    answer = await late(
        Slow(seller, "POST", "/api/clients", NEW_CLIENT, idempotency_key="k1"),
        lambda: admin.patch(f"/api/users/{people.seller.id}", {"role": "viewer"}),
    )
    assert answer.status == 401


async def test_an_open_that_was_on_its_way_leaves_nothing_behind(gateway: Gateway, people: Cast) -> None:
    actor = people.acme.actor
    door = gateway.door.of_request(actor, "", "")
    out = asyncio.create_task(door.write(log_out, actor))
    behind = asyncio.create_task(door.write(open_demo, actor, people.portal))
    await out
    with pytest.raises(Unauthorized):
        await behind


async def test_time_ends_a_session_for_changes_too(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    for person in people.everybody:
        if person is not people.revoked:
            await gateway.db.read(refuse_unless_standing, person.actor)
    clock.pass_(days=40)
    for person in people.everybody:
        with pytest.raises(Unauthorized):
            await gateway.db.read(refuse_unless_standing, person.actor)


async def test_a_revocation_is_proved_once_under_one_key(acme: Caller, admin: Caller) -> None:
    path = f"/api/clients/{acme.id}"
    first = await admin.patch(f"{path}/revoke", {"reason": "over"}, idempotency_key="r1")
    assert (await admin.patch(f"{path}/restore")).status == 200
    again = await admin.patch(f"{path}/revoke", {"reason": "over"}, idempotency_key="r1")
    assert again.body == first.body
    assert json.loads((await admin.get(path)).body)["access_status"] == "active"
    assert len((await admin.get("/api/audit?kind=access.cut")).json()["items"]) == 1
