"""Renewing: a new end, as a date, an instant or by days; what is open stays open until then."""

from typing import Any

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Invalid
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import NOON, Caller, Cast, SettableClock, another_session, facts, run_launch, uses


async def test_a_date_means_the_end_of_that_day_at_the_client(seller: Caller, acme: Caller) -> None:
    answer = await seller.patch(f"/api/clients/{acme.id}/renew", {"access_end_date": "2026-04-30"})
    assert answer.status == 200
    client = answer.json()
    assert client["access_end_date"] == "2026-04-30"
    assert client["access_ends_at"] == "2026-04-30T22:00:00.000Z"
    assert client["access_status"] == "active"


async def test_an_instant_is_taken_as_it_is(seller: Caller, acme: Caller) -> None:
    answer = await seller.patch(f"/api/clients/{acme.id}/renew", {"access_end_date": "2026-03-10T15:00:00+02:00"})
    assert answer.json()["access_ends_at"] == "2026-03-10T13:00:00.000Z"


async def test_days_count_from_the_present_end(db: Database, cast: Cast) -> None:
    renewed = await db.write(renew_client, cast.seller.actor, cast.acme.id, days=7)
    assert renewed.access_end_date == "2026-04-07"


async def test_days_count_from_today_when_the_window_is_over(db: Database, cast: Cast) -> None:
    renewed = await db.write(renew_client, cast.seller.actor, cast.ended.id, days=7)
    assert renewed.access_end_date == "2026-03-17"
    assert renewed.access_status == "active"


async def test_a_renewal_is_a_fact_and_shows_in_the_usage(db: Database, cast: Cast) -> None:
    await db.write(renew_client, cast.seller.actor, cast.acme.id, days=7)
    (fact,) = await db.read(facts, "client.renewed")
    assert fact["details"] == {"launches": [], "was": "2026-03-31", "access_end_date": "2026-04-07"}
    assert await db.read(uses, cast.acme.id) == ["access_renewed"]


async def test_what_is_open_stays_open_and_ends_with_the_new_window(
    db: Database, cast: Cast, clock: SettableClock
) -> None:
    clock.now = NOON.replace(day=11, hour=16)
    actor = await another_session(db, cast.bolt)
    launch = await db.write(open_demo, actor, cast.portal)
    await run_launch(db, launch.id)
    await db.write(renew_client, cast.admin.actor, cast.bolt.id, access_end_date="2026-03-11T18:30:00Z")
    now = await db.read(launch_for, actor, launch.id)
    assert (now.state, now.wanted) == ("running", "running")
    assert now.ends_at == NOON.replace(day=11, hour=18, minute=30)
    assert (await db.read(facts, "client.renewed"))[-1]["details"]["launches"] == [launch.id]
    await db.write(renew_client, cast.admin.actor, cast.bolt.id, days=10)
    now = await db.read(launch_for, actor, launch.id)
    assert now.ends_at == NOON.replace(day=11, hour=20), "its lifetime comes first again"


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"access_end_date", "days"}),
        ({"access_end_date": "2026-04-30", "days": 7}, {"access_end_date", "days"}),
        ({"access_end_date": "2026-03-09"}, {"access_end_date"}),
        ({"access_end_date": "2026-03-10T12:00:00Z"}, {"access_end_date"}),
        ({"access_end_date": "soon"}, {"access_end_date"}),
        ({"access_end_date": None}, {"access_end_date"}),
        ({"days": 0}, {"days"}),
        ({"days": -1}, {"days"}),
        ({"days": 1.5}, {"days"}),
        ({"days": "7"}, {"days"}),
        ({"day": 7}, {"day"}),
    ],
)
async def test_a_renewal_says_until_when(seller: Caller, acme: Caller, body: dict[str, Any], fields: set[str]) -> None:
    answer = await seller.patch(f"/api/clients/{acme.id}/renew", body)
    assert answer.status == 422
    assert set(answer.json()["fields"]) == fields


async def test_an_end_before_the_start_is_refused(db: Database, cast: Cast) -> None:
    with pytest.raises(Invalid):
        await db.write(renew_client, cast.seller.actor, cast.pending.id, access_end_date="2026-03-15")


async def test_the_end_of_today_is_an_end(db: Database, cast: Cast) -> None:
    renewed = await db.write(renew_client, cast.seller.actor, cast.ended.id, access_end_date="2026-03-10")
    assert renewed.access_status == "active"
    assert renewed.access_ends_at == NOON.replace(hour=15)
