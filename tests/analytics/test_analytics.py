"""Analytics: sums by day, by demo and by client that agree with the events; who reads whose; CSV."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecatalog.access.removal import remove_demo
from ecatalog.analytics.actions import client_usage, demo_usage, usage_summary
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.usage.actions import record_use
from tests.cast import NOON, Caller, Cast

Use = tuple[str, str, str, int, datetime]


def use_all(tx: Tx, uses: Iterable[Use]) -> None:
    for event, client_id, demo_id, seconds, at in uses:
        record_use(tx, event, client_id=client_id, demo_id=demo_id, seconds=seconds, at=at)


def history(cast: Cast) -> list[Use]:
    """Two clients, two demos, three days."""
    day = timedelta(days=1)
    return [
        ("demo_opened", cast.acme.id, cast.portal, 0, NOON - 2 * day),
        ("active", cast.acme.id, cast.portal, 60, NOON - 2 * day),
        ("active", cast.acme.id, cast.portal, 30, NOON - day),
        ("demo_opened", cast.acme.id, cast.remote, 0, NOON - day),
        ("demo_failed", cast.acme.id, cast.remote, 0, NOON - day),
        ("demo_opened", cast.bolt.id, cast.portal, 0, NOON),
        ("active", cast.bolt.id, cast.portal, 600, NOON),
    ]


async def test_what_a_client_used(viewer: Caller, people: Cast, gateway: Any) -> None:
    await gateway.db.write(use_all, history(people))
    answer = await viewer.get(f"/api/analytics/clients/{people.acme.id}")
    assert answer.status == 200
    told = answer.json()
    sums = {name: told[name] for name in ("opens", "active_seconds", "failures", "distinct_demos", "logins")}
    assert sums == {"opens": 2, "active_seconds": 90, "failures": 1, "distinct_demos": 2, "logins": 1}
    assert (told["first_use"], told["last_use"]) == ("2026-03-08T12:00:00.000Z", "2026-03-10T12:00:00.000Z")
    assert told["by_day"] == [
        {"day": "2026-03-08", "opens": 1, "active_seconds": 60},
        {"day": "2026-03-09", "opens": 1, "active_seconds": 30},
    ]
    assert [(demo["demo_name"], demo["opens"], demo["active_seconds"]) for demo in told["by_demo"]] == [
        ("Customer portal", 1, 90),
        ("Remote", 1, 0),
    ]


async def test_a_span_includes_both_days(db: Database, cast: Cast) -> None:
    await db.write(use_all, history(cast))
    told = await db.read(client_usage, SYSTEM, cast.acme.id, since="2026-03-09", until="2026-03-09")
    assert (told.opens, told.active_seconds, told.since, told.until) == (1, 30, "2026-03-09", "2026-03-09")
    assert [day.day for day in told.by_day] == ["2026-03-09"]


async def test_how_a_demo_was_used_also_when_it_was_removed(db: Database, cast: Cast) -> None:
    await db.write(use_all, history(cast))
    before = await db.read(demo_usage, SYSTEM, cast.portal)
    await db.write(remove_demo, SYSTEM, cast.portal, "stop")
    after = await db.read(demo_usage, cast.viewer.actor, cast.portal)
    assert after == before
    assert (after.opens, after.active_seconds, after.distinct_clients) == (2, 690, 2)
    assert [(client.company, client.active_seconds) for client in after.by_client] == [("Bolt", 600), ("Acme", 90)]


async def test_the_sum_of_all(db: Database, cast: Cast) -> None:
    await db.write(use_all, history(cast))
    told = await db.read(usage_summary, cast.viewer.actor, since="2026-03-01", until="2026-03-31")
    assert (told.opens, told.active_seconds, told.failures, told.distinct_demos) == (3, 690, 1, 2)
    assert [demo.demo_name for demo in told.top_demos] == ["Customer portal", "Remote"]
    assert [client.company for client in told.top_clients][:2] == ["Bolt", "Acme"]
    assert [day.active_seconds for day in told.by_day] == [60, 30, 600]


async def test_nothing_used_is_zeros(db: Database, cast: Cast) -> None:
    told = await db.read(client_usage, SYSTEM, cast.acme.id, until="2020-01-01")
    assert (told.opens, told.first_use, told.by_day, told.by_demo) == (0, None, [], [])


async def test_as_csv(viewer: Caller, people: Cast, gateway: Any) -> None:
    await gateway.db.write(use_all, history(people))
    answer = await viewer.get(f"/api/analytics/clients/{people.acme.id}", accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert rows[0][:4] == ["demo_id", "demo_name", "opens", "active_seconds"]
    assert [row[1:4] for row in rows[1:]] == [["Customer portal", "1", "90"], ["Remote", "1", "0"]]
    again = await viewer.get(
        f"/api/analytics/clients/{people.acme.id}", accept="text/csv", if_none_match=answer.headers["etag"]
    )
    assert (again.status, again.body) == (304, b"")
    for path in (f"demos/{people.portal}", "summary"):
        told = await viewer.get(f"/api/analytics/{path}", accept="text/csv")
        assert told.headers["content-type"].startswith("text/csv"), path


# Who may ------------------------------------------------------------------------------------------------------


async def test_a_client_reads_its_own_use_and_no_other(acme: Caller, bolt: Caller, people: Cast) -> None:
    path = f"/api/analytics/clients/{people.acme.id}"
    assert ((await acme.get(path)).status, (await bolt.get(path)).status) == (200, 404)
    assert (await acme.get(f"/api/analytics/demos/{people.portal}")).status == 403
    assert (await acme.get("/api/analytics/summary")).status == 403


async def test_the_action_itself_refuses(db: Database, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await db.read(client_usage, cast.bolt.actor, cast.acme.id)
    with pytest.raises(Forbidden):
        await db.read(usage_summary, cast.acme.actor)


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-30", "since"),
        ("until=x", "until"),
        ("since=2026-03-02&until=2026-03-01", "until"),
        ("days=3", "days"),
    ],
)
async def test_a_span_that_is_none_is_refused(viewer: Caller, people: Cast, query: str, field: str) -> None:
    answer = await viewer.get(f"/api/analytics/summary?{query}")
    assert (answer.status, list(answer.json()["fields"])) == (422, [field])


async def test_what_does_not_exist_is_not_found(viewer: Caller) -> None:
    assert (await viewer.get("/api/analytics/clients/nobody")).status == 404
    assert (await viewer.get("/api/analytics/demos/nothing")).status == 404


# Any history --------------------------------------------------------------------------------------------------

EVENTS = st.tuples(
    st.sampled_from(["demo_opened", "active", "demo_failed", "demo_closed"]),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 5000),
    st.integers(-40 * 24 * 60, 0),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENTS, max_size=40))
async def test_all_sums_are_those_of_the_events(
    db: Database, cast: Cast, events: list[tuple[str, int, int, int, int]]
) -> None:
    clients, demos = (cast.acme.id, cast.bolt.id), (cast.portal, cast.desk)
    uses: list[Use] = [
        (event, clients[client], demos[demo], seconds, NOON + timedelta(minutes=minutes))
        for event, client, demo, seconds, minutes in events
    ]
    await db.write(use_all, uses)
    told = await db.read(_counted)
    summary = await db.read(usage_summary, SYSTEM)
    of_clients = [await db.read(client_usage, SYSTEM, client) for client in clients]
    of_demos = [await db.read(demo_usage, SYSTEM, demo) for demo in demos]
    for parts in ([summary], of_clients, of_demos):
        assert sum(part.opens for part in parts) == told["opens"]
        assert sum(part.active_seconds for part in parts) == told["seconds"]
        assert sum(day.opens for part in parts for day in part.by_day) == told["opens"]
        assert sum(day.active_seconds for part in parts for day in part.by_day) == told["seconds"]
    assert sum(row.active_seconds for part in of_clients for row in part.by_demo) == told["seconds"]
    assert sum(row.active_seconds for part in of_demos for row in part.by_client) == told["seconds"]


def _counted(tx: Tx) -> dict[str, int]:
    """Straight from the events, of this and all histories before it."""
    (row,) = tx.rows(
        """SELECT coalesce(sum(event_type = 'demo_opened'), 0) AS opens,
             coalesce(sum(CASE WHEN event_type = 'active' THEN seconds ELSE 0 END), 0) AS seconds
           FROM usage_analytics"""
    )
    return row
