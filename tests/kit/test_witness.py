"""The count of commits that tells a foreign write at once: certain after our own, in doubt after anybody else's."""

import asyncio
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict

NAMES = ("settings",)


def put(tx: Tx, key: str) -> None:
    tx.run("INSERT INTO settings (key, value, updated_at) VALUES (:key, '', :now)", key=key, now=tx.now)
    tx.touch("settings")


def by_hand(path: Path, key: str) -> None:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.execute("INSERT INTO settings VALUES (:key, '', '2026-03-10T12:00:00.000Z')", {"key": key})
    connection.close()


def nothing(tx: Tx) -> None:
    tx.run("UPDATE settings SET value = '' WHERE key = 'nobody'")


def refuse(tx: Tx) -> None:
    put(tx, "refused")
    raise Conflict("no")


async def test_equal_stamps_while_only_we_write(db: Database) -> None:
    first = db.stamp(NAMES)
    await db.write(nothing)
    assert db.stamp(NAMES) == db.stamp(NAMES) == first
    await db.write(put, "a")
    second = db.stamp(NAMES)
    assert db.stamp(NAMES) == second != first
    with pytest.raises(Conflict):
        await db.write(refuse)
    assert db.stamp(NAMES) == second
    await asyncio.gather(*(db.write(put, f"k{n}") for n in range(50)), db.write(nothing))
    assert db.stamp(NAMES) == db.stamp(NAMES) != second


async def test_every_stamp_differs_after_a_foreign_write_until_the_writer_has_looked(db: Database) -> None:
    first = db.stamp(NAMES)
    by_hand(db.path, "a")
    doubts = [db.stamp(NAMES) for _ in range(3)]
    assert len({first, *doubts}) == 4
    await db.write(nothing)
    third = db.stamp(NAMES)
    assert third not in {first, *doubts}
    assert db.stamp(NAMES) == third


async def test_a_foreign_write_beside_our_own_is_not_taken_for_ours(db: Database) -> None:
    async def write_on() -> None:
        for n in range(100):
            await db.write(put, f"ours {n}")

    writing = asyncio.ensure_future(write_on())
    for n in range(50):
        before = db.stamp(NAMES)
        await asyncio.to_thread(by_hand, db.path, f"theirs {n}")
        assert db.stamp(NAMES) != before
    await writing
    await db.write(nothing)
    assert db.stamp(NAMES) == db.stamp(NAMES)


async def test_nothing_is_certain_while_a_foreign_write_is_on_its_way_to_the_caches(db: Database) -> None:
    by_hand(db.path, "a")
    seen: list[tuple[int, ...]] = []

    def look(tx: Tx) -> None:
        seen.extend((db.stamp(NAMES), db.stamp(NAMES)))

    await db.write(look)
    assert len(set(seen)) == 2


async def test_an_idle_writer_makes_certain_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.kit.writer._IDLE_SECONDS", 0.001)
    db = Database(tmp_path / "c.db")
    await db.start()
    by_hand(db.path, "a")
    while db.stamp(NAMES) != db.stamp(NAMES):
        await asyncio.sleep(0)
    assert db.foreign_writes == 1
    await db.stop()


async def test_a_checkpoint_changes_nothing(db: Database) -> None:
    await db.write(put, "a")
    first = db.stamp(NAMES)
    connection = apsw.Connection(str(db.path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    assert db.stamp(NAMES) == first


# In another process, as locks are between processes: tries to lock what SQLite holds shared while it has a file open.
TRY_TO_LOCK = """
import fcntl, sys
for name, first, length in ((sys.argv[1] + "-shm", 128, 1), (sys.argv[1], 0x40000002, 510)):
    with open(name, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, first)
        except BlockingIOError:
            print("held")
        else:
            print("free")
"""


def tried_by_another(path: Path) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", TRY_TO_LOCK, str(path)], capture_output=True, text=True, check=True
    ).stdout.split()


async def test_sqlite_keeps_its_locks_beside_the_witness(db: Database) -> None:
    await db.write(put, "a")
    assert tried_by_another(db.path) == ["held", "held"]
    path = str(db.path)
    Path(f"{path}-shm").open("rb").close()  # What must not happen: the proof that the trial would see it.
    assert tried_by_another(db.path) == ["free", "held"]


async def test_other_processes_may_come_and_go_while_we_write(db: Database) -> None:
    query = "SELECT count(*) FROM settings"
    look = f"import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute({query!r}).fetchall(); c.close()"
    for n in range(8):
        await asyncio.gather(*(db.write(put, f"{n} {k}") for k in range(20)))
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", look, str(db.path)], check=True)
    assert await db.read(lambda tx: tx.value(query)) >= 160
