"""Reading clients: who sees whom, what a client sees of itself, and lists in pages."""

import pytest

from ecatalog.clients.actions import client_for, list_clients
from ecatalog.kit.actor import ANONYMOUS
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Invalid, NotFound
from tests.cast import NOON, Caller, Cast, SettableClock


async def test_a_user_reads_everything_of_a_client(viewer: Caller, people: Cast) -> None:
    answer = await viewer.get(f"/api/clients/{people.acme.id}")
    assert answer.status == 200
    client = answer.json()
    assert (client["email"], client["company"], client["notes"]) == ("client@acme.test", "Acme", "prefers mornings")
    assert (client["access_start_date"], client["access_end_date"]) == ("2026-03-01", "2026-03-31")
    assert client["access_starts_at"] == "2026-02-28T23:00:00.000Z"
    assert client["access_ends_at"] == "2026-03-31T22:00:00.000Z"
    assert (client["access_status"], client["timezone"]) == ("active", "Europe/Berlin")
    assert client["owner_id"] == people.seller.id
    assert "password_hash" not in client
    assert "search" not in client


async def test_a_client_reads_itself_without_our_notes(acme: Caller, pending: Caller) -> None:
    answer = await acme.get(f"/api/clients/{acme.id}")
    assert answer.status == 200
    assert answer.json()["notes"] == ""
    begins = (await pending.get(f"/api/clients/{pending.id}")).json()
    assert (begins["access_status"], begins["access_starts_at"]) == ("pending", "2026-03-16T04:00:00.000Z")


async def test_the_status_follows_the_time(db: Database, cast: Cast, clock: SettableClock) -> None:
    async def status(client_id: str) -> str:
        return (await db.read(client_for, cast.viewer.actor, client_id)).access_status

    assert [await status(client.id) for client in cast.clients] == [
        "active", "active", "expired", "pending", "revoked",
    ]  # fmt: skip
    clock.now = NOON.replace(day=11, hour=17, minute=59, second=59)
    assert await status(cast.bolt.id) == "active"
    clock.pass_(seconds=1)
    assert await status(cast.bolt.id) == "expired"


async def test_the_list_shows_every_client_newest_first(db: Database, cast: Cast) -> None:
    page = await db.read(list_clients, cast.viewer.actor)
    assert {client.id for client in page.items} == {client.id for client in cast.clients}
    assert [client.id for client in page.items] == sorted((c.id for c in cast.clients), reverse=True)
    assert page.next is None


async def test_a_client_lists_itself(db: Database, cast: Cast) -> None:
    page = await db.read(list_clients, cast.acme.actor, status="revoked")
    assert [(client.id, client.notes) for client in page.items] == [(cast.acme.id, "")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ACM%C3%89", {"acme"}),
        ("q=client", {"acme", "bolt", "ended", "pending", "revoked"}),
        ("q=%25", set()),
        ("q=_", set()),
        ("status=active", {"acme", "bolt"}),
        ("status=expired", {"ended"}),
        ("status=pending&q=pend", {"pending"}),
        ("status=revoked", {"revoked"}),
        ("owner_id={admin}", {"bolt"}),
        ("owner_id={admin}&status=expired", set()),
    ],
)
async def test_the_list_is_searched_and_filtered(admin: Caller, people: Cast, query: str, found: set[str]) -> None:
    answer = await admin.get("/api/clients?" + query.format(admin=people.admin.id))
    assert answer.status == 200
    assert {client["company"].lower() for client in answer.json()["items"]} == found


async def test_pages_follow_each_other_and_miss_nobody(db: Database, cast: Cast) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = await db.read(list_clients, cast.admin.actor, limit=2, cursor=cursor)
        seen += [client.id for client in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == sorted((client.id for client in cast.clients), reverse=True)


# Who may ------------------------------------------------------------------------------------------------------


async def test_users_read_clients_and_a_client_only_itself(everybody: dict[str, Caller], people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}"
    expected = {"admin": 200, "seller": 200, "viewer": 200, "acme": 200}
    expected |= {"bolt": 404, "ended": 404, "pending": 404, "revoked": 401, "nobody": 401}
    for name, status in expected.items():
        assert (await everybody[name].get(path)).status == status, name
        listed = (await everybody[name].get("/api/clients")).status
        assert listed == (401 if status == 401 else 200), name


async def test_nobody_and_services_see_no_client(db: Database, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await db.read(client_for, ANONYMOUS, cast.acme.id)


# What is refused ----------------------------------------------------------------------------------------------


async def test_an_unknown_client_is_not_found(admin: Caller) -> None:
    answer = await admin.get("/api/clients/nobody")
    assert answer.status == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "status=gone", "sort=name", "cursor=%20"])
async def test_a_question_that_makes_no_sense_is_refused_by_field(admin: Caller, query: str) -> None:
    answer = await admin.get(f"/api/clients?{query}")
    assert answer.status == 422
    assert set(answer.json()["fields"]) == {query.split("=")[0]}


@pytest.mark.parametrize("cursor", ["x", "é", "WzFd", "WyJhIiwiYiJd", "W10", "bnVsbA", "===="])
async def test_a_cursor_that_is_not_ours_is_refused(db: Database, cast: Cast, cursor: str) -> None:
    with pytest.raises(Invalid):
        await db.read(list_clients, cast.admin.actor, cursor=cursor)
