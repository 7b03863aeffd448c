"""What edges tell of use: seconds add up once, and a copy that nobody uses is stopped, with the reason in words."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Forbidden
from ecatalog.launches.actions import end_overdue, launch_for
from ecatalog.launches.idle import idle_of, in_words
from ecatalog.launches.opening import open_demo
from ecatalog.launches.time_queries import next_end
from ecatalog.launches.use import GRACE, forgive_silence, take_use
from ecatalog.usage.actions import MINUTES_ARE_KEPT_FOR, remove_old_minutes
from ecatalog_client.types.launches import Launch
from ecatalog_client.types.serving import ActiveMinute, LaunchUse
from tests.cast import Cast, SettableClock, run_launch

IDLE = timedelta(seconds=900)


@pytest.fixture
async def launch(db: Database, cast: Cast) -> Launch:
    """Acme's running copy, opened at noon."""
    queued = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, queued.id)
    return await db.read(launch_for, cast.admin.actor, queued.id)


def use_of(launch: Launch, clock: SettableClock, seconds: int = 0, **at: datetime) -> LaunchUse:
    minute = int(clock().timestamp()) // 60
    minutes = [ActiveMinute(minute=minute, seconds=seconds)] if seconds else []
    return LaunchUse(launch_id=launch.id, minutes=minutes, **at)


def active_seconds(tx: Tx) -> tuple[int, int]:
    """By the daily sums, and by the events: they must agree."""
    return (
        tx.value("SELECT coalesce(sum(active_seconds), 0) FROM usage_daily"),
        tx.value("SELECT coalesce(sum(seconds), 0) FROM usage_analytics WHERE event_type = 'active'"),
    )


async def test_a_second_counts_once_whoever_tells_it(db: Database, launch: Launch, clock: SettableClock) -> None:
    clock.pass_(seconds=59)
    for seconds, total in ((0b0111, 3), (0b0111, 3), (0b1110, 4), (0b0001, 4)):
        await db.write(take_use, SYSTEM, [use_of(launch, clock, seconds)])
        assert await db.read(active_seconds) == (total, total)


async def test_seconds_that_have_not_been_do_not_count(db: Database, launch: Launch, clock: SettableClock) -> None:
    clock.pass_(seconds=10)
    before = LaunchUse(launch_id=launch.id, minutes=[ActiveMinute(minute=0, seconds=1)])
    ahead = LaunchUse(
        launch_id=launch.id, minutes=[ActiveMinute(minute=int(clock().timestamp()) // 60 + 1, seconds=2**60 - 1)]
    )
    unknown = LaunchUse(launch_id="nobody's", minutes=[ActiveMinute(minute=1, seconds=1)])
    await db.write(take_use, SYSTEM, [before, ahead, unknown])
    assert await db.read(active_seconds) == (0, 0)
    await db.write(take_use, SYSTEM, [use_of(launch, clock, 2**60 - 1)])
    assert await db.read(active_seconds) == (11, 11)


async def test_only_edges_tell_use(db: Database, cast: Cast, launch: Launch, clock: SettableClock) -> None:
    with pytest.raises(Forbidden):
        await db.write(take_use, cast.admin.actor, [use_of(launch, clock, 1)])


async def test_a_copy_that_nobody_opens_is_stopped(
    db: Database, cast: Cast, launch: Launch, clock: SettableClock
) -> None:
    assert (launch.idle_at, launch.idle_reason) == (clock() + IDLE, "Nobody opened it for 15 minutes.")
    assert await db.read(next_end) == IDLE.total_seconds()
    clock.pass_(seconds=899)
    assert await db.write(end_overdue, SYSTEM) == 0
    clock.pass_(seconds=1)
    assert await db.write(end_overdue, SYSTEM) == 1
    stopped = await db.read(launch_for, cast.acme.actor, launch.id)
    assert stopped.wanted == "stopped"
    assert stopped.reason == "Nobody opened it for 15 minutes. Open the demo again to go on."


async def test_use_keeps_it_and_the_last_of_several_edges_decides(
    db: Database, cast: Cast, launch: Launch, clock: SettableClock
) -> None:
    now = clock.pass_(minutes=10)
    await db.write(take_use, SYSTEM, [use_of(launch, clock, asked_at=now)])
    await db.write(take_use, SYSTEM, [use_of(launch, clock, asked_at=now - timedelta(minutes=5))])
    kept = await db.read(launch_for, cast.acme.actor, launch.id)
    assert (kept.idle_at, kept.idle_reason) == (now + IDLE, "Nobody asked anything of it for 15 minutes.")


async def test_an_edge_that_is_ahead_does_not_keep_it_longer(
    db: Database, cast: Cast, launch: Launch, clock: SettableClock
) -> None:
    now = clock.pass_(minutes=1)
    await db.write(take_use, SYSTEM, [use_of(launch, clock, asked_at=now + timedelta(hours=1))])
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).idle_at == now + IDLE


async def test_nothing_is_idle_before_edges_could_tell(
    db: Database, cast: Cast, launch: Launch, clock: SettableClock
) -> None:
    now = clock.pass_(hours=1)
    assert await db.write(forgive_silence) == 1
    assert await db.write(end_overdue, SYSTEM) == 0
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).idle_at == now + GRACE


async def test_minutes_are_forgotten_when_nobody_tells_of_them_any_more(
    db: Database, launch: Launch, clock: SettableClock
) -> None:
    clock.pass_(seconds=30)
    await db.write(take_use, SYSTEM, [use_of(launch, clock, 1)])
    assert await db.write(remove_old_minutes) == 0
    clock.pass_(seconds=MINUTES_ARE_KEPT_FOR.total_seconds() + 60)
    assert await db.write(remove_old_minutes) == 1
    assert await db.read(active_seconds) == (1, 1)


STARTED = datetime(2026, 3, 10, 12, tzinfo=UTC)


def later(minutes: int) -> datetime:
    return STARTED + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("seen", "at", "reason"),
    [
        ({"asked_at": later(5)}, later(20), "Nobody asked anything of it for 15 minutes."),
        ({"open_at": later(5), "used_at": later(5)}, later(20), "No page of it was open for 15 minutes."),
        ({"open_at": later(60), "used_at": later(5)}, later(50), "Nobody used its open page for 45 minutes."),
        ({"open_at": later(60)}, later(45), "Nobody used its open page for 45 minutes."),
        ({"open_at": later(5), "used_at": later(4), "asked_at": later(300)}, later(20), "No page of it was open"),
    ],
)
def test_pages_that_tell_decide_and_requests_where_none_does(
    seen: dict[str, datetime], at: datetime, reason: str
) -> None:
    idle = idle_of(msgspec.convert({"launch_id": "x"} | seen, LaunchUse), STARTED, 900)
    assert idle is not None
    assert idle.at == at
    assert idle.reason.startswith(reason)


def test_who_saw_nothing_says_nothing() -> None:
    assert idle_of(LaunchUse(launch_id="x"), STARTED, 900) is None


@pytest.mark.parametrize(("seconds", "words"), [(60, "1 minute"), (90, "90 seconds"), (5400, "90 minutes")])
def test_spans_are_told_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words
