"""What is answered from memory is never behind: the next request sees a change, also one by hand to the file."""

from collections.abc import AsyncIterator

import apsw
import pytest

from ecatalog.app import Gateway
from ecatalog.clients.actions import client_for
from ecatalog.demos.grants import grant_demo, withdraw_demo
from ecatalog.kit.actor import SYSTEM
from tests.cast import Caller, Cast


class Hand:
    """Somebody with a shell on the database file."""

    def __init__(self, gateway: Gateway) -> None:
        self._connection = apsw.Connection(str(gateway.db.path))
        # The gateway may be writing just now.
        self._connection.set_busy_timeout(5000)

    def change(self, sql: str, **values: str) -> None:
        self._connection.execute(sql, values)
        assert self._connection.changes() == 1

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
async def hand(gateway: Gateway, people: Cast) -> AsyncIterator[Hand]:
    opened = Hand(gateway)
    yield opened
    opened.close()


async def catalog(caller: Caller) -> set[str]:
    answer = await caller.get("/api/demos")
    assert answer.status == 200, answer.body
    return {demo["id"] for demo in answer.json()["items"]}


async def test_a_grant_is_seen_by_the_next_request(gateway: Gateway, people: Cast, acme: Caller) -> None:
    assert people.desk not in await catalog(acme)
    await gateway.db.write(grant_demo, SYSTEM, people.acme.id, people.desk)
    assert people.desk in await catalog(acme)
    await gateway.db.write(withdraw_demo, SYSTEM, people.acme.id, people.desk)
    assert people.desk not in await catalog(acme)


async def test_a_revocation_is_seen_by_the_next_request(seller: Caller, acme: Caller) -> None:
    assert await catalog(acme)
    assert (await seller.patch(f"/api/clients/{acme.id}/revoke")).status == 200
    assert (await acme.get("/api/demos")).status == 401


async def test_by_hand_a_grant_is_seen_by_the_next_request(hand: Hand, people: Cast, acme: Caller) -> None:
    assert people.portal in await catalog(acme)
    hand.change(
        """UPDATE client_demo_access SET revoked_at = '2026-03-10T12:00:00.000Z'
           WHERE client_id = :client AND demo_id = :demo""",
        client=people.acme.id,
        demo=people.portal,
    )
    assert people.portal not in await catalog(acme)
    assert people.portal not in await catalog(acme)


async def test_by_hand_a_revocation_is_seen_by_the_next_request(hand: Hand, people: Cast, acme: Caller) -> None:
    assert await catalog(acme)
    hand.change("UPDATE clients SET revoked_at = '2026-03-10T12:00:00.000Z' WHERE id = :id", id=people.acme.id)
    assert (await acme.get("/api/demos")).status == 401


async def test_by_hand_a_session_ends_at_the_next_request(hand: Hand, people: Cast, acme: Caller) -> None:
    assert await catalog(acme)
    hand.change("DELETE FROM sessions WHERE id = :id", id=people.acme.session_id)
    assert (await acme.get("/api/demos")).status == 401


async def test_by_hand_a_user_is_shut_out_at_the_next_request(hand: Hand, people: Cast, viewer: Caller) -> None:
    assert await catalog(viewer)
    hand.change("UPDATE users SET disabled_at = '2026-03-10T12:00:00.000Z' WHERE id = :id", id=people.viewer.id)
    assert (await viewer.get("/api/demos")).status == 401


async def test_by_hand_a_change_of_the_catalog_is_seen_by_the_next_request(
    hand: Hand, people: Cast, acme: Caller, gateway: Gateway
) -> None:
    path = f"/api/demos/{people.portal}"
    for name in ("Portal one", "Portal two", "Portal three"):
        hand.change("UPDATE demos SET name = :name WHERE id = :id", name=name, id=people.portal)
        assert (await acme.get(path)).json()["name"] == name
        # A write of our own between, so that the writer has looked at the file.
        await gateway.db.write(grant_demo, SYSTEM, people.acme.id, people.desk)
        assert (await acme.get(path)).json()["name"] == name
    assert (await gateway.db.read(client_for, SYSTEM, people.acme.id)).id == people.acme.id


async def test_what_nobody_changed_comes_from_memory(
    gateway: Gateway, people: Cast, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard above must not be kept by asking the database each time."""
    first = await acme.get("/api/demos")
    monkeypatch.setattr(gateway.db, "_reading", None)
    again = await acme.get("/api/demos")
    assert (again.status, again.body) == (200, first.body)
