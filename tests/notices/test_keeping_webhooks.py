"""Webhooks over the API: added with a secret that is shown once, changed, rotated, tried, replayed, removed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ecatalog.app import Gateway, build
from ecatalog.notices.webhook_keeping import MOST_WEBHOOKS
from ecatalog.settings import Settings
from tests.cast import Caller, Cast, SettableClock, facts
from tests.notices.hooks import Receiver


@pytest.fixture
async def gateway(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    """One whose webhooks may reach this machine."""
    settings = Settings(
        data=tmp_path / "gateway",
        grpc_port=0,
        log_level="warning",
        jwt_secret="s" * 43,
        encryption_key="e" * 43,
        webhooks_allow_private="127.0.0.1/32",
    )
    built = build(settings, clock=clock)
    await built.start()
    yield built
    await built.stop()


async def add(admin: Caller, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/api/webhooks", {"url": receiver.url(), "kinds": ["client.revoked"]} | fields)
    assert answer.status == 201, answer.body
    added: dict[str, Any] = answer.json()
    return added


async def deliveries(admin: Caller, webhook_id: str, *states: str) -> list[dict[str, Any]]:
    """The deliveries, newest first, once they are in these states."""
    async with asyncio.timeout(20):
        while True:
            items: list[dict[str, Any]] = (await admin.get(f"/api/webhooks/{webhook_id}/deliveries")).json()["items"]
            if tuple(item["state"] for item in items) == states:
                return items
            await asyncio.sleep(0.002)


async def test_a_revocation_is_told_signed_with_the_secret_that_was_shown_once(
    admin: Caller, people: Cast, receiver: Receiver
) -> None:
    added = await add(admin, receiver)
    assert added["secret"].startswith("whsec_")
    assert (added["is_on"], added["paused_reason"], added["kinds"]) == (True, "", ["client.revoked"])
    listed = await admin.get("/api/webhooks")
    assert [item["id"] for item in listed.json()] == [added["id"]]
    assert added["secret"] not in listed.body.decode()
    await admin.patch(f"/api/clients/{people.acme.id}/revoke", {"reason": "over"})
    (got,) = await receiver.until(1)
    assert got.is_signed_by(added["secret"])
    assert got.json["type"] == "client.revoked"
    assert got.json["data"]["actor"] == f"admin:{people.admin.id}"
    assert got.json["data"]["details"]["reason"] == "over"
    (delivery,) = await deliveries(admin, added["id"], "sent")
    assert (delivery["message_id"], delivery["client_id"]) == (got.id, people.acme.id)


async def test_secrets_are_sealed_and_facts_hold_neither_them_nor_paths(
    gateway: Gateway, admin: Caller, receiver: Receiver
) -> None:
    added = await add(admin, receiver, url=receiver.url("/T00/B00/path-that-is-secret"), form="slack")
    rows = await gateway.db.read(lambda tx: tx.rows("SELECT * FROM webhooks"))
    log = await gateway.db.read(lambda tx: tx.rows("SELECT * FROM audit_log"))
    assert added["secret"] not in str(rows) + str(log)
    assert "path-that-is-secret" not in str(log)
    (fact,) = await gateway.db.read(facts, "webhook.added")
    assert fact["details"] == {"webhook": added["id"], "host": "127.0.0.1", "form": "slack"}


async def test_rotating_shows_another_secret_once_and_both_sign(
    admin: Caller, people: Cast, receiver: Receiver
) -> None:
    added = await add(admin, receiver)
    rotated = (await admin.post(f"/api/webhooks/{added['id']}/rotate")).json()
    assert rotated["old_secret_until"] == "2026-03-11T12:00:00.000Z"
    await admin.patch(f"/api/clients/{people.acme.id}/revoke")
    (got,) = await receiver.until(1)
    assert got.is_signed_by(added["secret"])
    assert got.is_signed_by(rotated["secret"])


async def test_a_test_is_sent_at_once_and_tells_how_it_went(admin: Caller, receiver: Receiver) -> None:
    added = await add(admin, receiver)
    tried = (await admin.post(f"/api/webhooks/{added['id']}/test")).json()
    assert (tried["is_delivered"], tried["reason"]) == (True, "")
    (got,) = receiver.got
    assert got.is_signed_by(added["secret"])
    assert (got.json["type"], got.json["data"]) == ("webhook.test", {"webhook": added["id"]})
    receiver.will_answer(404)
    tried = (await admin.post(f"/api/webhooks/{added['id']}/test")).json()
    assert (tried["is_delivered"], tried["reason"]) == (False, "It answered 404, not 200 to 299.")
    assert (await admin.get(f"/api/webhooks/{added['id']}/deliveries")).json()["items"] == []


async def test_a_delivery_is_replayed_under_the_same_id(
    gateway: Gateway, admin: Caller, people: Cast, receiver: Receiver
) -> None:
    added = await add(admin, receiver)
    await admin.patch(f"/api/clients/{people.acme.id}/revoke")
    (sent,) = await deliveries(admin, added["id"], "sent")
    path = f"/api/webhooks/{added['id']}/deliveries/{sent['message_id']}/replay"
    again = await admin.post(path)
    assert (again.status, again.json()["state"]) == (200, "pending")
    first, second = await receiver.until(2)
    assert (first.id, first.body) == (second.id, second.body)
    (fact,) = await gateway.db.read(facts, "message.replayed")
    assert fact["details"]["message"] == sent["message_id"]


async def test_of_another_webhook_nothing_is_listed_or_replayed(
    admin: Caller, people: Cast, receiver: Receiver
) -> None:
    one, other = await add(admin, receiver), await add(admin, receiver, kinds=["demo.added"])
    await admin.patch(f"/api/clients/{people.acme.id}/revoke")
    (sent,) = await deliveries(admin, one["id"], "sent")
    assert (await admin.get(f"/api/webhooks/{other['id']}/deliveries")).json()["items"] == []
    path = f"/api/webhooks/{other['id']}/deliveries/{sent['message_id']}/replay"
    assert (await admin.post(path)).status == 404


async def test_deliveries_come_in_pages_and_by_state(admin: Caller, people: Cast, receiver: Receiver) -> None:
    added = await add(admin, receiver, kinds=["client.renewed"])
    for _ in range(3):
        await admin.patch(f"/api/clients/{people.acme.id}/renew", {"days": 1})
    await deliveries(admin, added["id"], "sent", "sent", "sent")
    path = f"/api/webhooks/{added['id']}/deliveries"
    first = (await admin.get(f"{path}?limit=2")).json()
    rest = (await admin.get(f"{path}?limit=2&cursor={first['next']}")).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert (len(ids), ids, rest["next"]) == (3, sorted(ids, reverse=True), None)
    assert (await admin.get(f"{path}?state=dead")).json()["items"] == []


async def test_it_is_turned_off_changed_and_turned_on(admin: Caller, people: Cast, receiver: Receiver) -> None:
    added = await add(admin, receiver)
    path = f"/api/webhooks/{added['id']}"
    assert (await admin.patch(path, {"is_on": False})).json()["is_on"] is False
    await admin.patch(f"/api/clients/{people.acme.id}/revoke")
    changed = await admin.patch(path, {"is_on": True, "kinds": "all", "url": receiver.url("/other")})
    assert (changed.json()["kinds"], changed.json()["version"]) == ("all", 3)
    await admin.patch(f"/api/clients/{people.acme.id}/restore")
    (got,) = await receiver.until(1, "/other")
    assert got.json["type"] == "client.restored"
    assert receiver.at("/hook") == []


async def test_a_removed_one_is_told_of_nothing_more(
    gateway: Gateway, admin: Caller, people: Cast, receiver: Receiver
) -> None:
    added = await add(admin, receiver)
    receiver.will_answer(500)
    for verb in ("revoke", "restore", "revoke"):
        await admin.patch(f"/api/clients/{people.acme.id}/{verb}")
    await receiver.until(1)
    await deliveries(admin, added["id"], "pending", "pending")
    assert (await admin.delete(f"/api/webhooks/{added['id']}")).status == 204
    assert (await admin.get(f"/api/webhooks/{added['id']}/deliveries")).status == 404
    rows = await gateway.db.read(lambda tx: tx.rows("SELECT state, last_error FROM outbox WHERE channel = 'webhook'"))
    assert [tuple(row.values()) for row in rows] == [("dead", "The webhook was removed.")] * 2
    assert len(receiver.got) == 1


# what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"url": "ftp://a.example"}, "url"),
        ({"url": "https://u:p@a.example"}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["Client Revoked"]}, "kinds"),
        ({"kinds": "some"}, "kinds"),
        ({"form": "teams"}, "form"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused_by_field(
    admin: Caller, receiver: Receiver, changed: dict[str, Any], field: str
) -> None:
    refused = await admin.post("/api/webhooks", {"url": receiver.url()} | changed)
    assert (refused.status, [name.partition("[")[0] for name in refused.json()["fields"]]) == (422, [field])


async def test_without_a_key_no_secret_is_kept(tmp_path: Path, clock: SettableClock) -> None:
    from tests.cast import load_cast

    built = build(Settings(data=tmp_path / "keyless", grpc_port=0, jwt_secret="s" * 43), clock=clock)
    await built.start()
    try:
        admin = Caller(built.asgi, (await built.db.write(load_cast)).admin)
        refused = await admin.post("/api/webhooks", {"url": "https://hooks.example.com/"})
        assert (refused.status, "ENCRYPTION_KEY" in refused.json()["detail"]) == (409, True)
        plain = await admin.post("/api/webhooks", {"url": "http://hooks.example.com/"})
        assert (plain.status, list(plain.json()["fields"])) == (422, ["url"])
    finally:
        await built.stop()


async def test_there_are_fifty_at_most(gateway: Gateway, admin: Caller, receiver: Receiver) -> None:
    for _ in range(MOST_WEBHOOKS):
        await add(admin, receiver)
    refused = await admin.post("/api/webhooks", {"url": receiver.url()})
    assert (refused.status, "Remove one first" in refused.json()["detail"]) == (409, True)
