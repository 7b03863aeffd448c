"""Requests: a client asks for more time or for the end, sales for the end of a colleague's client; who may, answers."""

import asyncio
from typing import Any

import pytest

from ecatalog.access.actions import revoke_client
from ecatalog.access.requests import approve_request, cancel_request, create_request, list_requests, reject_request
from ecatalog.app import Gateway
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import Answer, Caller, Cast, SettableClock, facts, uses

RENEWAL = {"request_type": "renewal", "requested_end_date": "2026-05-31", "message": "We need another month."}


async def ask(caller: Caller, **more: Any) -> Answer:
    return await caller.post("/api/requests", RENEWAL | more)


async def asked(db: Database, cast: Cast) -> str:
    made = await db.write(create_request, cast.acme.actor, request_type="renewal", requested_end_date="2026-05-31")
    return made.id


async def test_a_client_asks_for_more_time(gateway: Gateway, acme: Caller) -> None:
    answer = await ask(acme)
    assert answer.status == 201
    request = answer.json()
    assert (request["client_id"], request["status"], request["created_by"]) == (acme.id, "pending", None)
    assert (request["message"], request["requested_end_date"]) == ("We need another month.", "2026-05-31")
    (fact,) = await gateway.db.read(facts, "request.created")
    assert (fact["client_id"], fact["details"]["request"]) == (acme.id, request["id"])
    assert await gateway.db.read(uses, acme.id) == ["request_created"]


async def test_a_renewal_that_is_approved_moves_the_end(acme: Caller, seller: Caller) -> None:
    request = (await ask(acme)).json()
    answer = await seller.post(f"/api/requests/{request['id']}/approve", {"resolution": "With pleasure."})
    assert answer.status == 200
    resolved = answer.json()
    assert (resolved["request"]["status"], resolved["request"]["resolved_by"]) == ("approved", seller.id)
    assert resolved["request"]["resolution"] == "With pleasure."
    assert (resolved["client"]["access_end_date"], resolved["cut"]) == ("2026-05-31", None)


async def test_another_end_may_be_granted_than_the_wished_one(db: Database, cast: Cast) -> None:
    request_id = await asked(db, cast)
    approved = await db.write(approve_request, cast.admin.actor, request_id, access_end_date="2026-04-30")
    assert approved.client.access_end_date == "2026-04-30"
    assert approved.request.requested_end_date == "2026-05-31"


async def test_a_revocation_that_is_approved_ends_access_and_waits_for_the_cut(
    gateway: Gateway, people: Cast, seller: Caller, admin: Caller
) -> None:
    launch = await gateway.db.write(open_demo, people.bolt.actor, people.portal)
    asking = {"request_type": "revocation", "client_id": people.bolt.id}
    request = (await seller.post("/api/requests", asking)).json()
    assert request["created_by"] == seller.id
    resolved = (await admin.post(f"/api/requests/{request['id']}/approve")).json()
    assert resolved["client"]["access_status"] == "revoked"
    assert (resolved["cut"]["launches"], resolved["cut"]["waiting_for"]) == (1, [])
    assert (await gateway.db.read(launch_for, people.admin.actor, launch.id)).wanted == "stopped"


async def test_a_rejection_and_a_cancellation_are_facts_and_change_no_client(db: Database, cast: Cast) -> None:
    rejected = await db.write(reject_request, cast.seller.actor, await asked(db, cast), resolution="Not now.")
    assert (rejected.status, rejected.resolution, rejected.version) == ("rejected", "Not now.", 2)
    cancelled = await db.write(cancel_request, cast.acme.actor, await asked(db, cast))
    assert (cancelled.status, cancelled.resolved_by) == ("cancelled", None)
    assert len(await db.read(facts, "request.rejected")) == len(await db.read(facts, "request.cancelled")) == 1
    assert await db.read(facts, "client.renewed") == []


async def test_the_list_is_filtered_and_comes_in_pages(db: Database, cast: Cast) -> None:
    first = await asked(db, cast)
    await db.write(reject_request, cast.admin.actor, first)
    second = await asked(db, cast)
    page = await db.read(list_requests, cast.viewer.actor, limit=1)
    assert [request.id for request in page.items] == [second]
    rest = await db.read(list_requests, cast.viewer.actor, limit=1, cursor=page.next)
    assert ([request.id for request in rest.items], rest.next) == ([first], None)
    pending = await db.read(list_requests, cast.viewer.actor, status="pending", client_id=cast.acme.id)
    assert [request.id for request in pending.items] == [second]


# Who may ------------------------------------------------------------------------------------------------------


async def test_everybody_lists_and_a_client_finds_its_own(everybody: dict[str, Caller]) -> None:
    await ask(everybody["acme"])
    found = {"admin": 1, "seller": 1, "viewer": 1, "acme": 1, "bolt": 0, "ended": 0, "pending": 0}
    for name, number in found.items():
        answer = await everybody[name].get("/api/requests")
        assert (answer.status, len(answer.json()["items"])) == (200, number), name
    for name in ("revoked", "nobody"):
        assert (await everybody[name].get("/api/requests")).status == 401, name


async def test_who_may_ask_for_the_end_of_bolts_access(everybody: dict[str, Caller], people: Cast) -> None:
    body = {"request_type": "revocation", "client_id": people.bolt.id}
    expected = {"viewer": 403, "acme": 404, "ended": 404, "pending": 404, "revoked": 401, "nobody": 401}
    expected |= {"seller": 201, "bolt": 201, "admin": 409}
    for name, status in expected.items():
        assert (await everybody[name].post("/api/requests", body)).status == status, name


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel"])
async def test_who_may_resolve(everybody: dict[str, Caller], verb: str) -> None:
    request = (await ask(everybody["acme"])).json()
    client = 404 if verb == "cancel" else 403
    expected = {"viewer": 403, "bolt": client, "ended": client, "pending": client, "revoked": 401, "nobody": 401}
    expected |= {"acme": 200, "seller": 409, "admin": 409} if verb == "cancel" else {"acme": 403, "seller": 200}
    if verb == "cancel":
        expected["seller"] = 403
    for name, status in (expected | {"admin": 409}).items():
        answer = await everybody[name].post(f"/api/requests/{request['id']}/{verb}")
        assert answer.status == status, name


async def test_sales_answer_for_their_own_clients_only(db: Database, cast: Cast) -> None:
    made = await db.write(create_request, cast.bolt.actor, request_type="revocation")
    with pytest.raises(Forbidden):
        await db.write(approve_request, cast.seller.actor, made.id)
    with pytest.raises(Forbidden):
        await db.write(create_request, cast.seller.actor, request_type="renewal", client_id=cast.bolt.id)
    with pytest.raises(Conflict):
        await db.write(create_request, cast.seller.actor, request_type="revocation", client_id=cast.acme.id)


async def test_a_client_does_not_see_what_a_user_asked_about_it(db: Database, cast: Cast) -> None:
    made = await db.write(create_request, cast.seller.actor, request_type="revocation", client_id=cast.bolt.id)
    assert (await db.read(list_requests, cast.bolt.actor)).items == []
    with pytest.raises(NotFound):
        await db.write(cancel_request, cast.bolt.actor, made.id)
    assert (await db.write(cancel_request, cast.seller.actor, made.id)).status == "cancelled"


async def test_a_service_needs_both_scopes_to_approve(db: Database, cast: Cast) -> None:
    request_id = await asked(db, cast)
    some = Actor(Role.SERVICE, "crm", scopes=frozenset({"requests:write"}))
    assert len((await db.read(list_requests, some)).items) == 1
    with pytest.raises(Forbidden):
        await db.write(approve_request, some, request_id)
    with pytest.raises(Forbidden):
        await db.read(list_requests, Actor(Role.SERVICE, "edge", scopes=frozenset({"edge"})))


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"request_type": "renewal"}, "requested_end_date"),
        ({"request_type": "renewal", "requested_end_date": "soon"}, "requested_end_date"),
        ({"request_type": "renewal", "requested_end_date": "2026-03-09"}, "requested_end_date"),
        ({"request_type": "renewal", "requested_end_date": "2026-03-31"}, "requested_end_date"),
        ({"request_type": "revocation", "requested_end_date": "2026-05-31"}, "requested_end_date"),
        ({"request_type": "holiday"}, "request_type"),
        ({"request_type": "revocation", "message": "x" * 2001}, "message"),
    ],
)
async def test_a_request_says_what_is_wanted(acme: Caller, body: dict[str, str], field: str) -> None:
    answer = await acme.post("/api/requests", body)
    assert (answer.status, set(answer.json()["fields"])) == (422, {field})


async def test_a_user_says_for_which_client(admin: Caller) -> None:
    answer = await ask(admin)
    assert (answer.status, set(answer.json()["fields"])) == (422, {"client_id"})
    assert (await ask(admin, client_id="nobody")).status == 404


async def test_a_client_that_was_revoked_is_restored_first(db: Database, cast: Cast) -> None:
    request_id = await asked(db, cast)
    await db.write(revoke_client, cast.admin.actor, cast.acme.id)
    with pytest.raises(Conflict):
        await db.write(approve_request, cast.admin.actor, request_id)
    found = await db.read(list_requests, cast.admin.actor, status="pending")
    assert [request.id for request in found.items] == [request_id], "what was refused changed nothing"
    with pytest.raises(Conflict):
        await db.write(create_request, cast.admin.actor, request_type="revocation", client_id=cast.acme.id)


# Races and edges ----------------------------------------------------------------------------------------------


async def test_of_two_that_ask_at_once_one_gets_through(acme: Caller) -> None:
    answers = await asyncio.gather(*(ask(acme) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    other = await acme.post("/api/requests", {"request_type": "revocation"})
    assert other.status == 201, "one of each type"


async def test_a_request_is_resolved_once(db: Database, cast: Cast) -> None:
    request_id = await asked(db, cast)
    done = await asyncio.gather(
        db.write(approve_request, cast.admin.actor, request_id),
        db.write(reject_request, cast.seller.actor, request_id),
        db.write(cancel_request, cast.acme.actor, request_id),
        return_exceptions=True,
    )
    assert len([result for result in done if isinstance(result, Conflict)]) == 2


async def test_a_wish_that_is_past_by_now_needs_another_end(db: Database, cast: Cast, clock: SettableClock) -> None:
    request_id = await asked(db, cast)
    clock.pass_(days=100)
    with pytest.raises(Invalid):
        await db.write(approve_request, cast.admin.actor, request_id)
    approved = await db.write(approve_request, cast.admin.actor, request_id, access_end_date="2026-12-31")
    assert approved.client.access_status == "active"
