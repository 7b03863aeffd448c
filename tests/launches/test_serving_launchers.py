"""What a launcher is told and tells: wanted launches, one active launcher per engine, reports."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Invalid, NotFound, Stale
from ecatalog.launches.actions import log_for, stop_launch
from ecatalog.launches.launchers import LEASE, LauncherHub
from ecatalog.launches.opening import open_demo
from ecatalog_client.services import LauncherGateway
from ecatalog_client.types.launches import LaunchReport, LaunchState
from ecatalog_client.types.serving import Begin, EngineStatus, Heartbeat, Lost, Synced, WantedChange
from tests.cast import Cast, SettableClock
from tests.rpc.stand import LAUNCHER_TOKEN, Stand, standing, until


@pytest.fixture
async def stand(db: Database, cast: Cast, clock: SettableClock) -> AsyncIterator[Stand]:
    async with standing(db, clock) as started:
        yield started


@pytest.fixture
async def launcher(stand: Stand) -> AsyncIterator[LauncherGateway]:
    gateway = LauncherGateway(stand.target, LAUNCHER_TOKEN)
    yield gateway
    await gateway.aclose()


def told(launch_id: str, attempt: int, was: LaunchState, state: LaunchState, **more: Any) -> LaunchReport:
    return LaunchReport(launch_id=launch_id, attempt=attempt, was=was, state=state, **more)


def is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda update: isinstance(update, kinds)


def is_active(update: Any) -> bool:
    return isinstance(update, Heartbeat) and update.is_active


def is_idle(update: Any) -> bool:
    return isinstance(update, Heartbeat) and not update.is_active


async def test_a_launcher_is_told_all_that_it_needs_to_run_a_launch(
    launcher: LauncherGateway, db: Database, cast: Cast, clock: SettableClock
) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    async with aclosing(launcher.watch("launcher-1", "docker")) as updates:
        came = await until(updates, is_a(Synced))
    begin, change = came[0], came[1]
    assert isinstance(begin, Begin)
    assert begin.installation
    assert isinstance(change, WantedChange)
    (wanted,) = change.launches
    assert (wanted.id, wanted.state, wanted.wanted, wanted.attempt) == (launch.id, "queued", "running", 0)
    (container,) = wanted.containers
    assert container.image == "ecatalog-samples/customers:latest"
    assert container.environment == {"SECRET": "s3cret"}
    assert (wanted.port, container.cpu, container.memory_mb, container.user) == (8000, 1.0, 256, "65534:65534")
    assert wanted.state_since == clock()


async def test_a_reported_move_comes_back_on_the_watch(
    launcher: LauncherGateway, db: Database, cast: Cast, clock: SettableClock
) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    async with aclosing(launcher.watch("launcher-1", "docker")) as updates:
        await until(updates, is_a(Synced))
        clock.pass_(seconds=2)
        attempt = await launcher.report(told(launch.id, 0, "queued", "starting"))
        change = (await until(updates, is_a(WantedChange)))[-1]
        await launcher.report(told(launch.id, attempt, "starting", "running", upstream="127.0.0.1:4711"))
        await until(updates, is_a(WantedChange))
        await db.write(stop_launch, cast.acme.actor, launch.id)
        stopping = (await until(updates, is_a(WantedChange)))[-1]
        await launcher.report(told(launch.id, attempt, "running", "stopped"))
        gone = (await until(updates, is_a(WantedChange)))[-1]
    assert attempt == 1
    assert isinstance(change, WantedChange)
    assert [(row.state, row.attempt, row.state_since) for row in change.launches] == [("starting", 1, clock())]
    assert isinstance(stopping, WantedChange)
    assert [row.wanted for row in stopping.launches] == ["stopped"]
    assert isinstance(gone, WantedChange)
    assert gone.gone == [launch.id]


async def test_a_report_that_is_late_is_refused(launcher: LauncherGateway, db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await launcher.report(told(launch.id, 0, "queued", "starting"))
    with pytest.raises(Stale):
        await launcher.report(told(launch.id, 0, "queued", "starting"))


@pytest.mark.parametrize("state", ["warp", "running"])
async def test_a_report_of_a_move_that_does_not_exist_is_refused(
    launcher: LauncherGateway, db: Database, cast: Cast, state: Any
) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    with pytest.raises(Invalid):
        await launcher.report(told(launch.id, 0, "queued", state))


async def test_a_report_on_a_launch_that_does_not_exist_is_refused(launcher: LauncherGateway) -> None:
    with pytest.raises(NotFound):
        await launcher.report(told("nothing", 0, "queued", "starting"))


async def test_a_long_log_keeps_its_end(launcher: LauncherGateway, db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await launcher.report(told(launch.id, 0, "queued", "failed", reason="r" * 1000, log_tail="x" * 90_000 + "the end"))
    log = await db.read(log_for, cast.admin.actor, launch.id)
    assert log.lines.endswith("the end")
    assert len(log.lines) == 32_768
    assert len(log.reason) == 500


async def test_of_two_launchers_of_an_engine_one_is_active_until_it_leaves(
    stand: Stand, db: Database, clock: SettableClock
) -> None:
    first, second = (LauncherGateway(stand.target, LAUNCHER_TOKEN) for _ in range(2))
    first.send_status(EngineStatus(capacity=8))
    async with aclosing(first.watch("one", "docker")) as ones, aclosing(second.watch("two", "docker")) as twos:
        active = (await until(ones, is_active))[-1]
        await until(twos, is_idle)
        assert isinstance(active, Heartbeat)
        assert active.lease_until == clock() + LEASE
        assert await db.read(held) == [("one", 8)]
        await first.leave()
        await until(twos, is_active)
        assert [holder for holder, _ in await db.read(held)] == ["two"]
    await first.aclose()
    await second.aclose()


async def test_a_launcher_that_fell_silent_is_followed_by_the_next_once_its_lease_is_over(
    stand: Stand, clock: SettableClock
) -> None:
    first, second = (LauncherGateway(stand.target, LAUNCHER_TOKEN) for _ in range(2))
    async with aclosing(first.watch("one", "docker")) as ones:
        await until(ones, is_active)
    async with aclosing(second.watch("two", "docker")) as twos:
        await until(twos, is_idle)
        clock.pass_(seconds=15)
        await until(twos, is_active)
    await first.aclose()
    await second.aclose()


async def test_a_launcher_keeps_its_engine_by_answering_heartbeats(
    launcher: LauncherGateway, stand: Stand, clock: SettableClock
) -> None:
    async with aclosing(launcher.watch("one", "docker")) as updates:
        await until(updates, is_active)
        clock.pass_(seconds=10)
        until_when = clock() + LEASE
        await until(updates, lambda update: isinstance(update, Heartbeat) and update.lease_until == until_when)


async def test_launchers_of_different_engines_are_both_active(stand: Stand) -> None:
    first, second = (LauncherGateway(stand.target, LAUNCHER_TOKEN) for _ in range(2))
    async with aclosing(first.watch("one", "here")) as ones, aclosing(second.watch("two", "there")) as twos:
        await until(ones, is_active)
        await until(twos, is_active)
    await first.aclose()
    await second.aclose()


async def test_a_launcher_is_active_again_at_once_after_a_restart_of_the_gateway(
    stand: Stand, launcher: LauncherGateway
) -> None:
    async with aclosing(launcher.watch("one", "docker")) as updates:
        await until(updates, is_active)
        await stand.stop()
        await until(updates, is_a(Lost))
        await stand.start()
        await until(updates, is_active)


async def test_a_changed_capacity_is_stored_with_the_next_heartbeat(
    stand: Stand, launcher: LauncherGateway, db: Database
) -> None:
    launcher.send_status(EngineStatus(capacity=4, running=1))
    async with aclosing(launcher.watch("one", "docker")) as updates:
        await until(updates, is_active)
        launcher.send_status(EngineStatus(capacity=6, running=2))
        while await db.read(held) != [("one", 6)]:
            await until(updates, is_a(Heartbeat))
        assert stand.launchers.running() == {"docker": 2}


def held(tx: Tx) -> list[tuple[str, int]]:
    return [(row["id"], row["capacity"]) for row in tx.rows("SELECT id, capacity FROM launchers ORDER BY id")]


# The leases themselves ----------------------------------------------------------------------------------------


@pytest.fixture
async def hub(db: Database, clock: SettableClock) -> LauncherHub:
    return LauncherHub(db, clock=clock)


async def test_a_lease_is_written_once_in_a_quarter_of_its_length(
    hub: LauncherHub, db: Database, clock: SettableClock
) -> None:
    post = hub.take_post("one", "docker")
    for _ in range(60):
        hub.take_status(post, EngineStatus())
        hub.beat(post)
        await hub.stop()
        assert hub.beat(post)[1]
        clock.pass_(seconds=1)
    assert db.stats.actions <= 16


async def test_a_launcher_that_is_told_and_does_not_answer_loses_the_engine(
    hub: LauncherHub, db: Database, clock: SettableClock
) -> None:
    """One that hangs keeps its connection."""
    one, two = hub.take_post("one", "docker"), hub.take_post("two", "docker")
    for _ in range(20):
        hub.beat(one)
        hub.take_status(two, EngineStatus())
        await hub.stop()
        clock.pass_(seconds=1)
    assert not hub.beat(one)[1]
    assert hub.beat(two)[1]
    assert ("two", 0) in await db.read(held)


async def test_who_stands_by_writes_nothing(hub: LauncherHub, db: Database) -> None:
    one, two = hub.take_post("one", "docker"), hub.take_post("two", "docker")
    hub.beat(one)
    await hub.stop()
    writes = db.stats.actions
    for _ in range(10):
        assert not hub.beat(two)[1]
        await hub.stop()
    assert db.stats.actions == writes


async def test_a_second_stream_of_a_launcher_relieves_the_first(hub: LauncherHub, db: Database) -> None:
    first = hub.take_post("one", "docker")
    second = hub.take_post("one", "docker")
    assert first.is_relieved
    assert first.nudge.is_set()
    hub.beat(first)
    await hub.stop()
    assert await db.read(held) == []
    hub.beat(second)
    await hub.stop()
    assert await db.read(held) == [("one", 0)]


async def test_a_claim_that_has_not_begun_when_the_launcher_leaves_is_dropped(hub: LauncherHub, db: Database) -> None:
    post = hub.take_post("one", "docker")
    hub.beat(post)
    await hub.leave("one")
    await hub.stop()
    assert await db.read(held) == []
    assert post.nudge.is_set()
