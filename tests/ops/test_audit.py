"""The audit log: everything that happened, newest first, for administrators, viewers and services with the scope."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from ecatalog.app import Gateway
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Forbidden
from ecatalog.ops.audit import list_audit
from tests.cast import NOON, Caller, Cast, SettableClock
from tests.console.browsing import browser

# Who logged in is about clients too.
WITHOUT_SESSIONS = {"client.created", "client.revoked", "grant.given", "demo.added", "user.created"}


async def test_facts_come_newest_first_and_in_pages(db: Database, cast: Cast) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        page = await db.read(list_audit, cast.admin.actor, limit=7, cursor=cursor)
        seen += [fact.position for fact in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == list(range(db.position, 0, -1))


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("kind=client.revoked", {"client.revoked"}),
        ("kind=client.revoked&client_id={acme}", set()),
        ("demo_id={draft}", {"demo.added"}),
        ("actor=client:{acme}", {"session.started"}),
        ("since=2026-03-10T12:00:01Z", set()),
        ("until=2026-03-10T12:00:00Z", set()),
    ],
)
async def test_facts_are_filtered(viewer: Caller, people: Cast, query: str, kinds: set[str]) -> None:
    answer = await viewer.get("/api/audit?" + query.format(acme=people.acme.id, draft=people.draft))
    assert answer.status == 200
    found = answer.json()["items"]
    assert {fact["kind"] for fact in found} == kinds


async def test_a_span_is_half_open(db: Database, cast: Cast) -> None:
    page = await db.read(list_audit, cast.admin.actor, since=NOON, limit=1)
    assert len(page.items) == 1
    assert (await db.read(list_audit, cast.admin.actor, since=NOON, until=NOON)).items == []


async def test_who_may_read_it(everybody: dict[str, Caller]) -> None:
    expected = {"admin": 200, "viewer": 200, "seller": 403, "acme": 403, "bolt": 403, "ended": 403, "pending": 403}
    for name, status in (expected | {"revoked": 401, "nobody": 401}).items():
        assert (await everybody[name].get("/api/audit")).status == status, name


async def test_a_service_needs_the_scope(db: Database, cast: Cast) -> None:
    reader = Actor(Role.SERVICE, "siem", scopes=frozenset({"audit:read"}))
    assert (await db.read(list_audit, reader, limit=1)).items
    for actor in (cast.seller.actor, cast.acme.actor, Actor(Role.SERVICE, "x", scopes=frozenset({"clients:write"}))):
        with pytest.raises(Forbidden):
            await db.read(list_audit, actor)


async def test_instants_without_a_zone_are_refused(admin: Caller) -> None:
    answer = await admin.get("/api/audit?since=2026-03-10T12:00:00")
    assert (answer.status, set(answer.json()["fields"])) == (422, {"since"})


async def test_no_secret_is_in_it(admin: Caller) -> None:
    made = await admin.post("/api/tokens", {"name": "crm", "scopes": ["audit:read"]})
    assert made.json()["token"] not in (await admin.get("/api/audit?limit=200")).body.decode()


# words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "kinds"),
    [
        ("left company", {"client.revoked"}),
        ("LEFT", {"client.revoked"}),
        ("client of revoked", {"client.created", "client.revoked", "grant.given"}),
        ("demo added élan", {"demo.added"}),
        ("revoked left", {"client.revoked"}),
        ("100%", set()),
        ("nothing-of-the-kind", set()),
        ("   ", None),
    ],
)
async def test_facts_are_found_by_words(viewer: Caller, q: str, kinds: set[str] | None) -> None:
    answer = await viewer.get(f"/api/audit?limit=200&q={quote(q)}")

    assert answer.status == 200
    found = {fact["kind"] for fact in answer.json()["items"]}
    if kinds is None:
        assert len(found) > 5
    else:
        assert found & WITHOUT_SESSIONS == kinds


async def test_facts_are_found_by_who_did_them(admin: Caller, people: Cast) -> None:
    await admin.patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})

    found = (await admin.get("/api/audit?q=admin%20renewed")).json()["items"]

    assert [fact["kind"] for fact in found] == ["client.renewed"]


async def test_words_are_looked_for_part_by_part(db: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.ops.audit.LOOKED_BACK", 10)
    seen: list[str] = []
    cursor, pages = None, 0
    while True:
        page = await db.read(list_audit, cast.admin.actor, q="demo added", cursor=cursor)
        seen += [fact.kind for fact in page.items]
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["demo.added"] * 5
    assert pages > 2


async def test_days_are_found_by_their_place_in_the_log(db: Database, cast: Cast, clock: SettableClock) -> None:
    clock.pass_(days=3)
    await db.write(lambda tx: tx.record("thing.happened", cast.admin.actor))
    clock.pass_(days=3)
    await db.write(lambda tx: tx.record("thing.happened", cast.admin.actor))

    day = NOON + timedelta(days=2)
    found = await db.read(list_audit, cast.admin.actor, since=day, until=day + timedelta(days=2))
    worded = await db.read(list_audit, cast.admin.actor, q="thing", since=day)

    assert [fact.kind for fact in found.items] == ["thing.happened"]
    assert len(worded.items) == 2


async def test_the_page_keeps_what_was_asked(gateway: Gateway, people: Cast) -> None:
    page = await browser(gateway, people.admin).get("/console/audit?q=left&from=2026-03-01&to=2026-03-31")

    assert "1 fact on this page" in page.text
    assert 'value="left"' in page.text
    assert 'name="to" value="2026-03-31"' in page.text


@pytest.mark.parametrize(
    "days", ["from=0001-01-01&to=9999-12-31", "from=9999-12-31&to=0001-01-01", "from=x&to=2026-02-30"]
)
async def test_any_days_can_be_asked_for(gateway: Gateway, people: Cast, days: str) -> None:
    assert (await browser(gateway, people.admin).get(f"/console/audit?{days}")).status == 200
