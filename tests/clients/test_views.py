"""The views that people query by hand: each answers, and says the same as the API."""

from typing import Any

import pytest

from ecatalog.access.queries import Request, add_request
from ecatalog.kit.db import Database, Tx
from ecatalog.launches.opening import open_demo
from ecatalog.usage.actions import record_use
from tests.cast import NOON, Cast

VIEWS = {
    "v_active_clients": "SELECT * FROM v_active_clients ORDER BY id",
    "v_active_demos": "SELECT * FROM v_active_demos ORDER BY name",
    "v_pending_requests": "SELECT * FROM v_pending_requests ORDER BY id",
    "v_client_usage_stats": "SELECT * FROM v_client_usage_stats ORDER BY client_id",
}


def look(tx: Tx, view: str) -> list[dict[str, Any]]:
    return tx.rows(VIEWS[view])


@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_answers_an_empty_catalog(db: Database, view: str) -> None:
    assert await db.read(look, view) == []


async def test_active_clients_have_their_status_and_their_grants(db: Database, cast: Cast) -> None:
    rows = {row["id"]: row for row in await db.read(look, "v_active_clients")}
    assert set(rows) == {client.id for client in cast.clients}
    assert rows[cast.revoked.id]["access_status"] == "revoked"
    assert rows[cast.acme.id]["owner"] == "Seller"
    assert rows[cast.acme.id]["granted_demos"] == 3


async def test_active_demos_have_their_image(db: Database, cast: Cast) -> None:
    rows = {row["id"]: row for row in await db.read(look, "v_active_demos")}
    assert set(rows) == {cast.portal, cast.desk, cast.remote}
    assert rows[cast.portal]["image_name"] == "ecatalog-samples/customers"
    assert rows[cast.remote]["image_name"] is None


async def test_pending_requests_say_whose_they_are(db: Database, cast: Cast) -> None:
    waiting = Request(id="r1", client_id=cast.acme.id, request_type="renewal", message="more", created_at=NOON)
    done = Request(id="r2", client_id=cast.bolt.id, request_type="revocation", status="cancelled", created_at=NOON)
    for request in (waiting, done):
        await db.write(add_request, request)
    (row,) = await db.read(look, "v_pending_requests")
    assert (row["id"], row["client_email"], row["owner"]) == ("r1", "client@acme.test", "Seller")


async def test_usage_adds_up_per_client(db: Database, cast: Cast) -> None:
    for demo in (cast.portal, cast.remote, cast.portal):
        await db.write(open_demo, cast.acme.actor, demo)
    await db.write(record_use, "active", client_id=cast.acme.id, demo_id=cast.portal, seconds=90)
    rows = {row["client_id"]: row for row in await db.read(look, "v_client_usage_stats")}
    assert set(rows) == {client.id for client in cast.clients}
    acme = rows[cast.acme.id]
    assert (acme["opens"], acme["active_seconds"], acme["logins"]) == (3, 90, 1)
    assert acme["distinct_demos"] == 2
    assert acme["first_use"] == acme["last_use"] == "2026-03-10T12:00:00.000Z"
