"""Staying in a copy longer, and a fresh one in its place."""

from datetime import timedelta

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.demos.actions import change_demo
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict, Forbidden
from ecatalog.launches.actions import extend_launch, launch_for
from ecatalog.launches.opening import open_demo, reset_launch
from tests.cast import Cast, SettableClock, run_launch


async def test_a_launch_is_extended_up_to_the_demo_s_bound(db: Database, cast: Cast, clock: SettableClock) -> None:
    await db.write(change_demo, SYSTEM, cast.portal, lifetime_seconds=3600, longest_seconds=9000)
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    opened = clock()
    assert launch.ends_at == opened + timedelta(seconds=3600)
    clock.pass_(minutes=10)
    extended = await db.write(extend_launch, cast.acme.actor, launch.id)
    assert extended.ends_at == opened + timedelta(seconds=7200)
    extended = await db.write(extend_launch, cast.acme.actor, launch.id)
    assert extended.ends_at == opened + timedelta(seconds=9000)
    with pytest.raises(Conflict, match="cannot stay open any longer"):
        await db.write(extend_launch, cast.acme.actor, launch.id)


async def test_without_a_bound_nothing_is_extended(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    with pytest.raises(Conflict):
        await db.write(extend_launch, cast.acme.actor, launch.id)


async def test_no_extension_outlives_the_window_and_a_renewal_keeps_it(
    db: Database, cast: Cast, clock: SettableClock
) -> None:
    await db.write(change_demo, SYSTEM, cast.portal, lifetime_seconds=86_400, longest_seconds=604_800)
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    clock.pass_(hours=1)
    await db.write(extend_launch, cast.acme.actor, launch.id)
    extended = (await db.read(launch_for, cast.acme.actor, launch.id)).ends_at
    await db.write(renew_client, SYSTEM, cast.acme.id, days=30)
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).ends_at == extended
    with pytest.raises(Forbidden, match="Only who opened"):
        await db.write(extend_launch, cast.admin.actor, launch.id)


async def test_a_fresh_copy_takes_the_place_of_the_old_one(db: Database, cast: Cast) -> None:
    old = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, old.id)
    fresh = await db.write(reset_launch, cast.acme.actor, old.id)
    assert fresh.id != old.id
    assert (fresh.state, fresh.wanted) == ("queued", "running")
    ended = await db.read(launch_for, cast.acme.actor, old.id)
    assert (ended.wanted, ended.reason) == ("stopped", "You asked for a fresh copy.")
    with pytest.raises(Forbidden):
        await db.write(reset_launch, cast.admin.actor, fresh.id)
