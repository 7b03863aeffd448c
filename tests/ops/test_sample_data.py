"""The sample data: who and what is in it, that it is always the same, and that a catalog in use is left alone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.clients.actions import list_clients
from ecatalog.demos.actions import list_demos
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.launches.opening import open_demo
from ecatalog.ops.samples import load_samples
from ecatalog.ops.samples_usage import believable_use
from tests.cast import NOON, PASSWORD_HASH, Cast, facts


def use(tx: Tx) -> list[dict[str, Any]]:
    return tx.rows(
        """SELECT c.email, u.event_type, u.timestamp, u.seconds, d.slug
           FROM usage_analytics u JOIN clients c ON c.id = u.client_id LEFT JOIN demos d ON d.id = u.demo_id
           ORDER BY u.id"""
    )


def sums(tx: Tx, client_id: str) -> dict[str, Any]:
    (row,) = tx.rows("SELECT * FROM v_client_usage_stats WHERE client_id = :id", id=client_id)
    return row


def users(tx: Tx) -> list[dict[str, Any]]:
    return tx.rows("SELECT id, email, role, password_hash FROM users ORDER BY role")


async def test_there_is_one_user_of_each_role(db: Database) -> None:
    assert await load_samples(db, PASSWORD_HASH)
    found = await db.read(users)
    assert [(row["role"], row["email"]) for row in found] == [
        ("admin", "admin@ecatalog.example"),
        ("sales", "sales@ecatalog.example"),
        ("viewer", "viewer@ecatalog.example"),
    ]
    assert {row["password_hash"] for row in found} == {PASSWORD_HASH}


async def test_there_is_a_client_in_every_state(db: Database) -> None:
    await load_samples(db, PASSWORD_HASH)
    clients = {c.email.split("@")[1]: c for c in (await db.read(list_clients, SYSTEM)).items}
    assert {name: client.access_status for name, client in clients.items()} == {
        "acme.example": "active",
        "nova.example": "pending",
        "bolt.example": "active",
        "delta.example": "expired",
        "echo.example": "revoked",
        "fern.example": "active",
    }
    bolt = clients["bolt.example"]
    assert timedelta(days=2) < bolt.access_ends_at - NOON < timedelta(days=3)
    assert (await db.read(sums, clients["fern.example"].id))["logins"] == 0
    assert (await db.read(sums, clients["acme.example"].id))["opens"] > 50


async def test_the_demos_of_the_catalog_open(db: Database) -> None:
    await load_samples(db, PASSWORD_HASH)
    demos = (await db.read(list_demos, SYSTEM)).items
    assert Counter(demo.status for demo in demos) == {"active": 4, "draft": 1, "maintenance": 1}
    assert len({demo.vertical for demo in demos}) >= 4
    assert all(demo.docker_image_id for demo in demos)
    clients = {c.email: c for c in (await db.read(list_clients, SYSTEM)).items}
    operations = next(demo for demo in demos if demo.slug == "live-operations")
    for email in ("client@acme.example", "client@bolt.example"):
        launch = await db.write(open_demo, Actor(Role.CLIENT, clients[email].id), operations.id)
        assert launch.state == "queued"


async def test_requests_wait_and_are_answered(db: Database) -> None:
    def statuses(tx: Tx) -> list[str]:
        return [row["status"] for row in tx.rows("SELECT status FROM access_requests")]

    await load_samples(db, PASSWORD_HASH)
    assert Counter(await db.read(statuses)) == {"pending": 2, "approved": 1, "rejected": 1, "cancelled": 1}


async def test_the_use_is_believable(db: Database) -> None:
    await load_samples(db, PASSWORD_HASH)
    found = await db.read(use)
    assert len(found) > 1000
    times = [datetime.fromisoformat(row["timestamp"]) for row in found]
    assert min(times) < NOON - timedelta(days=55)
    assert max(times) <= NOON
    opened = [at for at, row in zip(times, found, strict=True) if row["event_type"] == "demo_opened"]
    weekdays = Counter(at.weekday() < 5 for at in opened)
    assert weekdays[True] > 8 * weekdays[False]
    kinds = Counter(row["event_type"] for row in found)
    assert kinds["demo_opened"] == kinds["demo_ready"] + kinds["demo_failed"]
    assert 0 < kinds["demo_failed"] < kinds["demo_ready"] / 5


async def test_the_daily_sums_are_those_of_the_events(db: Database) -> None:
    def compare(tx: Tx) -> tuple[Any, Any]:
        events = tx.rows(
            """SELECT sum(event_type = 'demo_opened') AS opens, sum(event_type = 'login') AS logins,
                 sum(CASE WHEN event_type = 'active' THEN seconds ELSE 0 END) AS seconds FROM usage_analytics"""
        )
        days = tx.rows(
            "SELECT sum(opens) AS opens, sum(logins) AS logins, sum(active_seconds) AS seconds FROM usage_daily"
        )
        return events, days

    await load_samples(db, PASSWORD_HASH)
    events, days = await db.read(compare)
    assert events == days


async def test_loading_again_changes_nothing(db: Database) -> None:
    assert await load_samples(db, PASSWORD_HASH)
    before = await db.read(use)
    assert not await load_samples(db, PASSWORD_HASH)
    assert await db.read(use) == before
    assert len(await db.read(facts, "samples.loaded")) == 1


async def test_a_catalog_in_use_is_left_alone(db: Database, cast: Cast) -> None:
    assert not await load_samples(db, PASSWORD_HASH)
    assert await db.read(facts, "samples.loaded") == []


@given(st.integers(), st.floats(0, 5), st.sampled_from(["UTC", "Asia/Tokyo", "America/Sao_Paulo"]))
def test_use_never_lies_in_the_future_and_is_the_same_for_a_seed(seed: int, visits: float, timezone: str) -> None:
    def some() -> list[tuple[datetime, str]]:
        found = believable_use(
            Random(seed),
            ["a", "b"],
            first=(NOON - timedelta(days=3)).date(),
            until=NOON,
            timezone=timezone,
            visits_a_day=visits,
            launch_ids=iter(lambda: "a launch", ""),
        )
        return [(use.at, use.event) for use in found]

    once = some()
    assert once == some()
    assert all(NOON - timedelta(days=4) <= at < NOON and at.tzinfo is UTC for at, _ in once)


@pytest.mark.parametrize("hour", [0, 12, 23])
async def test_it_loads_at_any_hour(db: Database, clock: Any, hour: int) -> None:
    clock.now = NOON.replace(hour=hour, minute=59)
    assert await load_samples(db, PASSWORD_HASH)
