"""Revoking: everything ends in one transaction, and the answer waits for the edges."""

import asyncio
from functools import partial

import pytest

from ecatalog.access.actions import record_cut, renew_client, restore_client, revoke_client
from ecatalog.app import Gateway
from ecatalog.clients.actions import client_for
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from ecatalog_client.types.access import Cut
from tests.cast import NOON, Caller, Cast, another_session, facts, run_launch, uses


def sessions_of(tx: Tx, client_id: str) -> int:
    return int(tx.value("SELECT count(*) FROM sessions WHERE client_id = :id", id=client_id))


async def test_a_revocation_ends_everything_at_once(db: Database, cast: Cast) -> None:
    running = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, running.id)
    remote = await db.write(open_demo, cast.acme.actor, cast.remote)
    revoked = await db.write(revoke_client, cast.seller.actor, cast.acme.id, "The trial is over.")

    client = revoked.client
    assert client.access_status == "revoked"
    assert (client.revoked_at, client.revoked_by) == (NOON, cast.seller.id)
    assert client.revoke_reason == "The trial is over."
    assert sorted(revoked.launches) == sorted([running.id, remote.id])
    assert await db.read(sessions_of, cast.acme.id) == 0
    for launch_id in revoked.launches:
        launch = await db.read(launch_for, cast.admin.actor, launch_id)
        assert (launch.wanted, launch.reason) == ("stopped", "Your access was revoked.")
    last = (await db.read(facts, "client.revoked"))[-1]
    assert (last["client_id"], last["position"]) == (cast.acme.id, revoked.position)
    assert last["details"] == {"reason": "The trial is over.", "is_new": True}
    assert "access_revoked" in await db.read(uses, cast.acme.id)


async def test_others_are_left_alone(db: Database, cast: Cast) -> None:
    of_bolt = await db.write(open_demo, cast.bolt.actor, cast.portal)
    await db.write(revoke_client, cast.admin.actor, cast.acme.id)
    assert (await db.read(launch_for, cast.bolt.actor, of_bolt.id)).wanted == "running"
    assert await db.read(sessions_of, cast.bolt.id) == 1


async def test_the_door_answers_the_client_and_the_cut(gateway: Gateway, acme: Caller, admin: Caller) -> None:
    demo = next(d for d in (await acme.get("/api/demos")).json()["items"] if d["name"] == "Customer portal")
    await acme.post(f"/api/demos/{demo['id']}/open")
    answer = await admin.patch(f"/api/clients/{acme.id}/revoke", {"reason": "over"})
    assert answer.status == 200
    client = answer.json()
    assert (client["id"], client["access_status"]) == (acme.id, "revoked")
    cut = client["cut"]
    assert (cut["launches"], cut["connections"], cut["edges"], cut["waiting_for"]) == (1, 0, 0, [])
    assert cut["certain_at"] >= "2026-03-10T12:00:00.000Z"
    (fact,) = await gateway.db.read(facts, "access.cut")
    assert fact["client_id"] == acme.id
    assert fact["details"]["certain_at"] == cut["certain_at"]
    assert (await acme.get("/api/demos")).status == 401


async def test_a_revocation_needs_no_reason(admin: Caller, acme: Caller) -> None:
    answer = await admin.patch(f"/api/clients/{acme.id}/revoke")
    assert answer.status == 200
    assert answer.json()["revoke_reason"] == ""


async def test_revoking_again_keeps_the_first_and_cuts_nothing_more(db: Database, cast: Cast) -> None:
    await db.write(open_demo, cast.acme.actor, cast.portal)
    first = await db.write(revoke_client, cast.admin.actor, cast.acme.id, "first")
    second = await db.write(revoke_client, cast.seller.actor, cast.acme.id, "second")
    assert second.client == first.client
    assert second.launches == []
    assert second.position > first.position, "the edges are asked again"
    assert (await db.read(uses, cast.acme.id)).count("access_revoked") == 1


async def test_the_proof_of_the_cut_is_a_fact(db: Database, cast: Cast) -> None:
    cut = Cut(launches=1, connections=2, edges=1, waiting_for=["edge-2"], ms=12, certain_at=NOON)
    await db.write(record_cut, cast.admin.actor, 7, cut, client_id=cast.acme.id)
    (fact,) = await db.read(facts, "access.cut")
    assert fact["details"] == {
        "revoked_at_position": 7,
        "closed_launches": 1,
        "connections": 2,
        "edges": 1,
        "waiting_for": ["edge-2"],
        "ms": 12,
        "certain_at": "2026-03-10T12:00:00.000Z",
    }


async def test_what_is_remembered_of_clients_is_forgotten(db: Database, cast: Cast) -> None:
    for action in (revoke_client, restore_client, partial(renew_client, days=1)):
        seen = db.counter("clients")
        await db.write(action, cast.admin.actor, cast.acme.id)
        assert db.counter("clients") > seen, action


# Who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "of_acme", "of_bolt"),
    [
        ("admin", 200, 200),
        ("seller", 200, 403),
        ("viewer", 403, 403),
        ("acme", 403, 403),
        ("revoked", 401, 401),
        ("nobody", 401, 401),
    ],
)
@pytest.mark.parametrize("what", ["revoke", "restore", "renew"])
async def test_access_is_managed_by_administrators_and_the_owner(
    everybody: dict[str, Caller], people: Cast, who: str, of_acme: int, of_bolt: int, what: str
) -> None:
    body = {"days": 1} if what == "renew" else None
    for client, status in ((people.bolt, of_bolt), (people.acme, of_acme)):
        answer = await everybody[who].patch(f"/api/clients/{client.id}/{what}", body)
        assert answer.status == status, client.email


async def test_the_action_itself_refuses_too(db: Database, cast: Cast) -> None:
    for actor in (cast.viewer.actor, cast.acme.actor):
        with pytest.raises(Forbidden):
            await db.write(revoke_client, actor, cast.acme.id)
    with pytest.raises(NotFound):
        await db.write(revoke_client, cast.bolt.actor, cast.acme.id)
    with pytest.raises(NotFound):
        await db.write(revoke_client, cast.admin.actor, "nobody")


async def test_a_reason_has_an_end(admin: Caller, acme: Caller) -> None:
    answer = await admin.patch(f"/api/clients/{acme.id}/revoke", {"reason": "x" * 501})
    assert answer.status == 422
    assert "reason" in answer.json()["fields"]


# Restoring ----------------------------------------------------------------------------------------------------


async def test_a_restored_client_is_what_its_window_says(db: Database, cast: Cast) -> None:
    restored = await db.write(restore_client, cast.seller.actor, cast.revoked.id)
    assert restored.access_status == "active"
    assert (restored.revoked_at, restored.revoked_by, restored.revoke_reason) == (None, None, None)
    (fact,) = await db.read(facts, "client.restored")
    assert fact["client_id"] == cast.revoked.id
    await db.write(open_demo, await another_session(db, cast.revoked), cast.portal)


async def test_restoring_who_was_not_revoked_changes_nothing(db: Database, cast: Cast) -> None:
    before = await db.read(client_for, cast.admin.actor, cast.acme.id)
    assert await db.write(restore_client, cast.admin.actor, cast.acme.id) == before
    assert await db.read(facts, "client.restored") == []


# Races --------------------------------------------------------------------------------------------------------


async def test_many_opens_against_a_revocation_leave_nothing_alive(db: Database, cast: Cast) -> None:
    def live(tx: Tx) -> int:
        return int(
            tx.value(
                """SELECT count(*) FROM launches WHERE client_id = :id AND wanted = 'running'
                     AND state IN ('queued', 'starting', 'running')""",
                id=cast.acme.id,
            )
        )

    for _ in range(5):
        actor = await another_session(db, cast.acme)
        opens = [db.write(open_demo, actor, demo) for demo in (cast.portal, cast.remote) for _ in range(4)]
        revoking = db.write(revoke_client, cast.admin.actor, cast.acme.id)
        await asyncio.gather(*opens[:4], revoking, *opens[4:], return_exceptions=True)
        assert await db.read(live) == 0
        await db.write(restore_client, cast.admin.actor, cast.acme.id)


async def test_two_revocations_at_once_both_answer(admin: Caller, seller: Caller, acme: Caller) -> None:
    path = f"/api/clients/{acme.id}/revoke"
    answers = await asyncio.gather(admin.patch(path), seller.patch(path))
    assert [answer.status for answer in answers] == [200, 200]


async def test_renewing_the_revoked_is_a_conflict(seller: Caller, people: Cast) -> None:
    answer = await seller.patch(f"/api/clients/{people.revoked.id}/renew", {"days": 7})
    assert answer.status == 409
    assert "restore" in answer.json()["detail"]
