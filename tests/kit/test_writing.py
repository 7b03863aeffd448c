"""`Database.write`: actions in groups, each for itself, durable when it returns."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from structlog.testing import capture_logs

from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Unavailable
from ecatalog.kit.facts import facts_after
from tests.cast import SettableClock
from tests.kit.rows import keys, put


def refuse(tx: Tx, key: str) -> None:
    put(tx, key)
    raise Conflict("no")


async def test_a_write_returns_what_the_action_returned(db: Database) -> None:
    assert await db.write(put, "a", value="1") == "a"
    assert await db.read(keys) == {"a"}


async def test_a_write_is_in_the_file_when_it_returns(db: Database) -> None:
    await db.write(put, "a")
    with closing(apsw.Connection(str(db.path))) as beside:
        assert beside.execute("SELECT key FROM settings").fetchall() == [("a",)]


async def test_writers_who_write_at_once_share_one_commit(db: Database) -> None:
    before = db.stats.commits
    await asyncio.gather(*(db.write(put, f"k{i}") for i in range(64)))
    assert db.stats.commits - before == 1
    assert len(await db.read(keys)) == 64


async def test_writers_who_come_during_a_commit_share_the_next_one(db: Database) -> None:
    def start_others(_tx: Tx) -> None:
        # The commit of this action's group is still to come: what is asked for now must wait for the next.
        asyncio.run_coroutine_threadsafe(ask(), loop).result()

    async def ask() -> None:
        others.extend(asyncio.ensure_future(db.write(put, f"k{i}")) for i in range(20))

    loop, others = asyncio.get_running_loop(), list[asyncio.Future[str]]()
    before = db.stats.commits
    await db.write(start_others)
    await asyncio.gather(*others)
    assert db.stats.commits - before == 2


async def test_more_than_a_group_holds_is_written_all_the_same(db: Database) -> None:
    await asyncio.gather(*(db.write(put, f"k{i}") for i in range(1500)))
    assert len(await db.read(keys)) == 1500
    assert db.stats.commits == 3


async def test_actions_run_in_the_order_they_were_asked_for(db: Database) -> None:
    def append(tx: Tx, i: int) -> None:
        tx.record("note.added", SYSTEM, i=i)

    await asyncio.gather(*(db.write(append, i) for i in range(50)))
    assert [fact.details["i"] for fact in await db.read(facts_after, 0, 100)] == list(range(50))


async def test_a_change_is_visible_to_its_writer_before_write_returns(db: Database) -> None:
    def change(tx: Tx) -> int:
        tx.touch("clients", "sessions")
        return tx.record("client.changed", SYSTEM)

    before = db.counter("clients"), db.counter("sessions"), db.counter("demos")
    position = await db.write(change)
    assert db.position == position
    assert db.counter("clients") > before[0]
    assert db.counter("sessions") > before[1]
    assert db.counter("demos") == before[2]


async def test_a_commit_is_in_the_file_before_its_counter_moves(db: Database) -> None:
    def change(tx: Tx) -> None:
        put(tx, "a")
        tx.touch("settings")

    task = asyncio.ensure_future(db.write(change))
    before = db.counter("settings")
    while db.counter("settings") == before:
        await asyncio.sleep(0)
    assert await db.read(keys) == {"a"}
    await task


async def test_positions_have_no_gaps_where_an_action_failed(db: Database) -> None:
    def record(tx: Tx, *, fails: bool) -> int:
        position = tx.record("note.added", SYSTEM)
        if fails:
            raise Conflict("no")
        return position

    told = await asyncio.gather(*(db.write(record, fails=i % 2 == 0) for i in range(6)), return_exceptions=True)
    assert [one for one in told if isinstance(one, int)] == [1, 2, 3]
    assert db.position == 3


async def test_what_a_failed_action_touched_is_not_stale(db: Database) -> None:
    def touch(tx: Tx, *, fails: bool) -> None:
        tx.touch("clients" if fails else "demos")
        if fails:
            raise Conflict("no")

    before = db.counter("clients")
    await asyncio.gather(db.write(touch, fails=True), db.write(touch, fails=False), return_exceptions=True)
    assert db.counter("clients") == before
    assert db.counter("demos") == before + 1


async def test_a_group_that_only_looks_is_fine(db: Database) -> None:
    await db.write(put, "a")
    first, second = await asyncio.gather(db.write(keys), db.write(keys))
    assert first == second == {"a"}


async def test_each_action_has_the_present_of_its_own(db: Database, clock: SettableClock) -> None:
    def look(tx: Tx) -> datetime:
        clock.pass_(seconds=1)
        return tx.now

    first, second = await asyncio.gather(db.write(look), db.write(look))
    assert second - first == timedelta(seconds=1)


async def test_the_present_never_goes_back(db: Database, clock: SettableClock) -> None:
    def look(tx: Tx) -> datetime:
        return tx.now

    first = await db.write(look)
    clock.pass_(hours=-1)
    assert await db.write(look) == first
    assert await db.read(look) == first
    clock.pass_(hours=2)
    assert await db.write(look) == first + timedelta(hours=1)


async def test_the_present_is_cut_to_the_millisecond(tmp_path: Path) -> None:
    db = Database(tmp_path / "c.db", clock=lambda: datetime(2026, 3, 1, microsecond=123_999, tzinfo=UTC))
    await db.start()
    assert (await db.read(lambda tx: tx.now)).microsecond == 123_000
    await db.stop()


async def test_run_tells_how_many_rows_changed(db: Database) -> None:
    def change(tx: Tx) -> list[int]:
        put(tx, "a"), put(tx, "b")
        return [
            tx.run("UPDATE settings SET value = 'x'"),
            tx.run("CREATE TABLE later (id TEXT)"),
            tx.run("UPDATE settings SET value = 'y' WHERE key = 'nobody'"),
            tx.run("DELETE FROM settings RETURNING key"),
        ]

    assert await db.write(change) == [2, 0, 0, 2]


async def test_the_actor_and_details_of_a_fact_are_kept(db: Database, clock: SettableClock) -> None:
    def record(tx: Tx) -> int:
        return tx.record("grant.given", Actor(Role.SALES, "u1"), client="c1", demo="d1", launches=["l1"], count=2)

    position = await db.write(record)
    (fact,) = await db.read(facts_after, position - 1, 10)
    assert fact.position == position
    assert (fact.actor, fact.kind, fact.client_id, fact.demo_id) == ("sales:u1", "grant.given", "c1", "d1")
    assert fact.details == {"launches": ["l1"], "count": 2}
    assert fact.at == clock()


async def test_an_action_that_raises_leaves_nothing_and_its_caller_hears_why(db: Database) -> None:
    told = await asyncio.gather(db.write(put, "a"), db.write(refuse, "b"), db.write(put, "c"), return_exceptions=True)
    assert [type(one) for one in told] == [str, Conflict, str]
    assert await db.read(keys) == {"a", "c"}
    assert db.stats.replays == 0


async def test_an_action_that_raises_alone_leaves_nothing(db: Database) -> None:
    with pytest.raises(Conflict):
        await db.write(refuse, "a")
    assert await db.read(keys) == set()


async def later(_tx: Tx) -> None: ...


def one_by_one(tx: Tx) -> Iterator[int]:
    put(tx, "never")
    yield 1


async def slowly(tx: Tx) -> Any:
    yield tx


@pytest.mark.parametrize("action", [later, one_by_one, slowly, lambda tx: map(str, "ab")])
async def test_an_action_that_would_only_run_later_is_refused(db: Database, action: Any) -> None:
    told = await asyncio.gather(db.write(put, "a"), db.write(action), return_exceptions=True)
    assert told[0] == "a"
    assert isinstance(told[1], TypeError)
    with pytest.raises(TypeError, match="finished"):
        await db.read(action)


async def test_a_transaction_kept_beyond_its_action_is_dead(db: Database) -> None:
    kept = await db.write(lambda tx: tx)
    read = await db.read(lambda tx: tx)
    for tx in (kept, read):
        with pytest.raises(RuntimeError, match="over"):
            tx.rows("SELECT 1")
    with pytest.raises(RuntimeError, match="over"):
        kept.run("DELETE FROM settings")
    with pytest.raises(RuntimeError, match="over"):
        kept.record("note.added", SYSTEM)


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "rollback;",
        "-- why\n END",
        "/* x */ SAVEPOINT a",
        "PRAGMA foreign_keys = 0",
        "VACUUM",
        "ATTACH 'a' AS b",
    ],
)
async def test_an_action_cannot_end_its_transaction(db: Database, sql: str) -> None:
    with pytest.raises(ValueError, match="not for actions"):
        await db.write(lambda tx: tx.run(sql))
    with pytest.raises(ValueError, match="not for actions"):
        await db.read(lambda tx: tx.rows(sql))


async def test_an_action_may_raise_anything(db: Database) -> None:
    def stop(_tx: Tx, error: BaseException) -> None:
        raise error

    with pytest.raises(RuntimeError, match="StopIteration"):
        await db.write(stop, StopIteration())
    with pytest.raises(KeyError):
        await db.write(stop, KeyError("a"))
    assert await db.write(put, "a") == "a"


async def test_a_caller_who_is_cancelled_harms_nobody(db: Database) -> None:
    tasks = [asyncio.ensure_future(db.write(put, f"k{i}")) for i in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [str, asyncio.CancelledError, str, str]
    assert {"k0", "k2", "k3"} <= await db.read(keys)


async def test_a_write_whose_caller_left_before_it_began_is_not_made(db: Database) -> None:
    task = asyncio.ensure_future(db.write(put, "a"))
    other = asyncio.ensure_future(db.write(put, "b"))
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task, other])
    assert task.cancelled()
    assert await db.read(keys) == {"b"}


async def test_a_caller_who_is_cancelled_while_his_action_runs_harms_nobody(db: Database) -> None:
    def cancel_caller(tx: Tx) -> None:
        put(tx, "a")
        asyncio.run_coroutine_threadsafe(cancel(), loop).result()

    async def cancel() -> None:
        task.cancel()

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(db.write(cancel_caller))
    other = asyncio.ensure_future(db.write(put, "b"))
    await asyncio.wait([task, other])
    assert task.cancelled()
    assert await db.read(keys) == {"a", "b"}


async def test_a_slow_action_is_named_in_the_log(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.kit.writer.SLOW_SECONDS", 0.0)
    with capture_logs() as logs:
        await db.write(put, "a")
    assert [(line["event"], line["action"]) for line in logs] == [("slow_action", "put")]
    assert db.stats.slow == 1


async def test_a_write_before_start_or_after_stop_is_refused(tmp_path: Path) -> None:
    db = Database(tmp_path / "c.db")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await db.write(put, "a")
        with pytest.raises(Unavailable):
            await db.read(keys)
        with pytest.raises(Unavailable):
            await db.read_long(keys)
        await db.start()
        await db.stop()


async def test_stop_waits_for_the_writes_that_were_asked_for(db: Database) -> None:
    tasks = [asyncio.ensure_future(db.write(put, f"k{i}")) for i in range(600)]
    await asyncio.sleep(0)
    await db.stop()
    await db.stop()
    assert all(task.done() for task in tasks)
    assert [str(path.name) for path in sorted(db.path.parent.iterdir())] == [".writer.lock", "ltplabs.db"]
    with closing(apsw.Connection(str(db.path))) as beside:
        assert beside.execute("SELECT count(*) FROM settings").fetchall() == [(600,)]


async def test_a_stopped_database_starts_again(db: Database) -> None:
    await db.write(put, "a")
    before = db.counter("settings")
    await db.stop()
    await db.start()
    assert await db.read(keys) == {"a"}
    assert await db.write(put, "b") == "b"
    assert db.counter("settings") > before, "the file may be another one: a backup that was restored"
