"""Backups that the gateway makes: on demand over the API, and each day by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ecatalog.app import Gateway, build
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backup_runs import is_due, keep_backups
from ecatalog.ops.backups import make_backup, only_one, place_of
from ecatalog.ops.holding import hold_access
from ecatalog.ops.last_backup import LastBackup, find_last_backup
from ecatalog.settings import Settings
from tests.cast import NOON, Caller, Cast, SettableClock, facts, load_cast
from tests.ops.backing_up import KEYS, running

pytestmark = pytest.mark.usefixtures("admin")
AT = Settings().backup_time
NIGHT = NOON.replace(hour=2)


@pytest.fixture
async def gateway(data, clock: SettableClock) -> AsyncIterator[Gateway]:  # type: ignore[no-untyped-def]
    async with running(data, clock) as started:
        yield started


@pytest.fixture
async def people(gateway: Gateway) -> Cast:
    return await gateway.db.write(load_cast)


# works ------------------------------------------------------------------------------------------------------


async def test_an_administrator_makes_and_lists_backups(gateway: Gateway, admin: Caller) -> None:
    made = await admin.post("/api/backups")

    assert made.status == 201, made.json()
    listed = (await admin.get("/api/backups")).json()
    assert listed == {"place": gateway.settings.backup_place, "items": [made.json()]}
    (fact,) = await gateway.db.read(facts, "backup.made")
    assert fact["details"] == {"backup": made.json()["name"], "bytes": made.json()["bytes"]}


async def test_confirming_ends_the_hold(gateway: Gateway, admin: Caller, acme: Caller, people: Cast) -> None:
    await gateway.db.write(hold_access, SYSTEM, "A reason.")
    assert (await acme.post(f"/api/demos/{people.portal}/open")).status == 409

    assert (await admin.post("/api/backups/confirm")).status == 204

    assert (await acme.post(f"/api/demos/{people.portal}/open")).status == 200
    assert (await admin.post("/api/backups/confirm")).status == 204
    assert len(await gateway.db.read(facts, "access.confirmed")) == 1


async def test_on_hold_nobody_enters_what_ran_before(
    gateway: Gateway, acme: Caller, people: Cast, clock: SettableClock
) -> None:
    from tests.cast import run_launch

    launch = (await acme.post(f"/api/demos/{people.portal}/open")).json()
    await run_launch(gateway.db, launch["id"])
    await gateway.db.write(hold_access, SYSTEM, "A reason.")

    assert (await acme.post(f"/api/launches/{launch['id']}/enter")).status == 409


async def test_a_backup_is_made_each_day_and_old_ones_are_pruned(gateway: Gateway, clock: SettableClock) -> None:
    place, yesterday = place_of(gateway.settings), NOON - timedelta(days=1)
    made = [make_backup(place, yesterday + timedelta(hours=hour)).name for hour in range(2)]

    await one_look(gateway)
    await one_look(gateway)

    last = find_last_backup(gateway.settings.data)
    assert last is not None
    assert place.store.names() == [made[1], last.name]


async def one_look(gateway: Gateway) -> None:
    """The job, until it waits for the second time."""
    rounds = 0

    async def sleep(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_backups(gateway.door, sleep=sleep)


# refused ----------------------------------------------------------------------------------------------------


async def test_two_at_a_time_are_a_conflict(gateway: Gateway, admin: Caller) -> None:
    with only_one(place_of(gateway.settings)):
        answer = await admin.post("/api/backups")

    assert answer.status == 409
    assert answer.json()["detail"].startswith("Another backup is under way.")


async def test_a_failure_is_told_and_recorded(gateway: Gateway, admin: Caller) -> None:
    gateway.settings.data.joinpath("backups").rename(gateway.settings.data / "elsewhere")
    (gateway.settings.data / "backups").write_text("in the way")

    answer = await admin.post("/api/backups")

    assert answer.status == 503
    (fact,) = await gateway.db.read(facts, "backup.failed")
    assert fact["details"]["error"] == answer.json()["detail"]


async def test_without_a_key_the_gateway_says_what_to_set(tmp_path, clock: SettableClock) -> None:  # type: ignore[no-untyped-def]
    gateway = build(Settings(data=tmp_path / "other", grpc_port=0, jwt_secret="s" * 43), clock=clock)
    await gateway.start()
    try:
        cast = await gateway.db.write(load_cast)
        answer = await Caller(gateway.asgi, cast.admin).post("/api/backups")
        await keep_backups(gateway.door)  # Ends at once.
    finally:
        await gateway.stop()

    assert answer.status == 409
    assert "Set BACKUP_PASSWORD" in answer.json()["detail"]


# when it is due ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "last", "due"),
    [
        (0, None, True),
        (0, LastBackup(at=NIGHT, name="x", good_at=NIGHT), False),
        (23, LastBackup(at=NIGHT, name="x", good_at=NIGHT), True),
        (0, LastBackup(at=NIGHT - timedelta(days=1), name="x", good_at=NIGHT - timedelta(days=1)), True),
        (0, LastBackup(at=NOON, error="full", good_at=NIGHT - timedelta(days=1)), False),
        (1, LastBackup(at=NOON, error="full", good_at=NIGHT - timedelta(days=1)), True),
        (0, LastBackup(at=NOON - timedelta(minutes=5), error="full", good_at=NIGHT), False),
    ],
)
def test_when_a_backup_is_due(hours: int, last: LastBackup | None, due: bool) -> None:
    assert AT is not None
    assert is_due(NOON + timedelta(hours=hours), AT, last) is due


def test_it_may_be_turned_off() -> None:
    assert Settings(backup_at="off", **KEYS).backup_time is None  # type: ignore[arg-type]
