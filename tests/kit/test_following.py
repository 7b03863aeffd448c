"""Following the log of facts: who waits is woken by a commit, and by a change that somebody else made to the file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.facts import facts_after
from tests.kit.rows import keys, put


def record(tx: Tx, kind: str) -> int:
    return tx.record(kind, SYSTEM)


def change_by_hand(path: Path, sql: str) -> None:
    """As somebody with a shell would."""
    with closing(apsw.Connection(str(path))) as shell:
        shell.execute(sql)


A_ROW = "INSERT INTO settings VALUES ('by hand', '', '2026-03-01T00:00:00.000Z')"
A_FACT = """INSERT INTO audit_log (at, actor, kind) VALUES ('2026-03-01T00:00:00.000Z', 'shell', 'note.added')"""


async def test_who_waits_is_woken_by_the_commit_of_a_fact(db: Database) -> None:
    waiting = [asyncio.ensure_future(db.moved(0)) for _ in range(3)]
    await asyncio.sleep(0)
    position = await db.write(record, "a.b")
    assert await asyncio.gather(*waiting) == [position] * 3


async def test_who_asks_for_what_has_passed_does_not_wait(db: Database) -> None:
    await db.write(record, "a.b")
    assert await db.moved(0) == 1


async def test_who_waits_is_not_woken_by_a_write_without_a_fact(db: Database) -> None:
    waiting = asyncio.ensure_future(db.moved(0))
    await db.write(put, "a")
    assert not waiting.done()
    await db.write(record, "a.b")
    assert await waiting == 1


async def test_who_waits_for_a_later_fact_goes_on_waiting(db: Database) -> None:
    waiting = asyncio.ensure_future(db.moved(1))
    await asyncio.sleep(0)
    await db.write(record, "a.b")
    assert not waiting.done()
    await db.write(record, "a.b")
    assert await waiting == 2


async def test_one_who_stops_waiting_harms_no_other(db: Database) -> None:
    first, second = asyncio.ensure_future(db.moved(0)), asyncio.ensure_future(db.moved(0))
    await asyncio.sleep(0)
    first.cancel()
    await db.write(record, "a.b")
    assert await second == 1


async def test_a_follower_reads_every_fact_once_and_in_order(db: Database) -> None:
    async def follow() -> list[str]:
        position, seen = 0, list[str]()
        while len(seen) < 100:
            await db.moved(position)
            for fact in await db.read(facts_after, position, 7):
                position = fact.position
                seen.append(fact.kind)
        return seen

    following = asyncio.ensure_future(follow())
    await asyncio.gather(*(db.write(record, f"n.{i}") for i in range(50)))
    for i in range(50, 100):
        await db.write(record, f"n.{i}")
    assert await following == [f"n.{i}" for i in range(100)]


async def test_the_position_is_known_again_after_a_restart(db: Database) -> None:
    await db.write(record, "a.b")
    await db.stop()
    again = Database(db.path)
    await again.start()
    assert again.position == 1
    await again.stop()


async def test_rows_without_a_fact_wake_who_waits_for_their_table(db: Database) -> None:
    seen = db.counter("settings")
    waiting = asyncio.ensure_future(db.stirred(lambda: db.counter("settings") != seen))
    await db.write(record, "a.b")
    assert not waiting.done()
    await db.write(lambda tx: tx.touch("settings"))
    await waiting
    assert db.counter("settings") == seen + 1


async def test_stop_tells_who_waits(db: Database) -> None:
    waiting = asyncio.ensure_future(db.moved(0))
    await asyncio.sleep(0)
    await db.stop()
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await db.moved(0)


async def test_a_foreign_write_is_noticed_by_the_next_write(db: Database) -> None:
    await db.write(put, "a")
    before = db.counter("settings"), db.counter("never touched"), db.foreign_writes
    change_by_hand(db.path, A_ROW)
    with capture_logs() as logs:
        await db.write(put, "b")
    assert [line["event"] for line in logs] == ["foreign_write"]
    assert db.foreign_writes == before[2] + 1
    assert db.counter("settings") > before[0]
    assert db.counter("never touched") > before[1]
    assert await db.read(keys) == {"a", "b", "by hand"}
    with capture_logs() as logs:
        await db.write(put, "c")
    assert logs == [], "our own commits are not foreign"


async def test_the_position_follows_a_fact_written_by_hand(db: Database) -> None:
    await db.write(record, "a.b")
    change_by_hand(db.path, A_FACT)
    await db.write(put, "a")
    assert db.position == 2
    assert await db.write(record, "a.b") == 3


async def test_facts_that_somebody_took_away_take_the_position_back(db: Database) -> None:
    await db.write(record, "a.b")
    waiting = asyncio.ensure_future(db.moved(5))
    await asyncio.sleep(0)
    change_by_hand(db.path, "DROP TRIGGER audit_log_keeps_rows")
    change_by_hand(db.path, "DELETE FROM audit_log")
    await db.write(put, "a")
    assert await waiting == db.position == 0


async def test_rows_are_read_right_after_somebody_changed_the_columns(db: Database) -> None:
    sql = "SELECT * FROM settings"
    await db.write(put, "a", "1")
    assert set((await db.read(lambda tx: tx.rows(sql)))[0]) == {"key", "value", "updated_at"}
    await db.read_long(lambda tx: tx.rows(sql))
    await db.write(lambda tx: tx.rows(sql))
    change_by_hand(db.path, "ALTER TABLE settings DROP COLUMN value")
    await db.write(lambda tx: tx.rows(sql))
    for found in (await db.read(lambda tx: tx.rows(sql)), await db.read_long(lambda tx: tx.rows(sql))):
        assert found[0].keys() == {"key", "updated_at"}
    assert (await db.write(lambda tx: tx.rows(sql)))[0].keys() == {"key", "updated_at"}


@pytest.fixture
async def watchful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database that looks for foreign writes all the time."""
    monkeypatch.setattr("ecatalog.kit.writer._IDLE_SECONDS", 0.001)
    db = Database(tmp_path / "c.db")
    await db.start()
    yield db
    await db.stop()


async def test_a_foreign_write_is_noticed_while_nobody_writes(watchful: Database) -> None:
    before = watchful.foreign_writes
    waiting = asyncio.ensure_future(watchful.moved(0))
    change_by_hand(watchful.path, A_ROW)
    assert await waiting == 0
    assert watchful.foreign_writes > before


async def test_nobody_is_woken_while_nothing_changes(watchful: Database) -> None:
    await watchful.write(record, "a.b")
    for i in range(20):
        await watchful.write(put, f"k{i}")
    assert watchful.foreign_writes == 0
