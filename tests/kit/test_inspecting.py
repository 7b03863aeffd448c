"""What `ecatalog db` says of a file: whole or what is wrong with it, and how large it is."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.kit.inspect import check, status
from ecatalog.kit.migrations import shipped_migrations
from tests.kit.rows import put


async def test_a_whole_database_is_whole_while_it_is_used_and_after(db: Database) -> None:
    await db.write(put, "a")
    assert check(db.path) == []
    assert db.foreign_writes == 0
    await db.stop()
    assert check(db.path) == []


async def test_status_tells_sizes_versions_and_the_position(db: Database) -> None:
    await db.write(lambda tx: tx.record("note.added", SYSTEM))
    found = status(db.path)
    assert found.path == str(db.path)
    assert found.wal_bytes > 0
    assert found.schema_version == found.known_version == len(shipped_migrations())
    assert found.position == 1
    await db.stop()
    found = status(db.path)
    assert found.bytes == db.path.stat().st_size == found.pages * found.page_size
    assert found.free_pages == 0


async def test_looking_does_not_move_what_a_crash_left_in_the_wal(db: Database, tmp_path: Path) -> None:
    await db.write(put, "a")
    for name in ("ltplabs.db", "ltplabs.db-wal"):
        (tmp_path / name).write_bytes((db.path.parent / name).read_bytes())
    wal = (tmp_path / "ltplabs.db-wal").read_bytes()
    assert check(tmp_path / "ltplabs.db") == []
    assert status(tmp_path / "ltplabs.db").wal_bytes == len(wal)
    assert (tmp_path / "ltplabs.db-wal").read_bytes() == wal


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    assert "does not exist" in check(tmp_path / "c.db")[0]
    with pytest.raises(FileNotFoundError):
        status(tmp_path / "c.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"Dear diary, " * 1000)
    assert "cannot be" in check(tmp_path / "c.db")[0]


async def test_damage_is_told(db: Database) -> None:
    await db.write(put, "a", "x" * 50_000)
    await db.stop()
    with db.path.open("r+b") as file:
        file.seek(db.path.stat().st_size - 4096)
        file.write(b"\xff" * 4096)
    assert check(db.path) != []


async def test_a_broken_reference_and_another_version_are_told(db: Database) -> None:
    await db.stop()
    with closing(apsw.Connection(str(db.path))) as shell:
        shell.execute("PRAGMA foreign_keys = OFF")
        shell.execute("INSERT INTO client_credentials VALUES ('nobody', 'x', '2026-03-01T00:00:00.000Z')")
        shell.execute("PRAGMA user_version = 99")
    found = check(db.path)
    assert len(found) == 2
    assert "client_credentials refers to a row of clients" in found[0]
    assert "version 99" in found[1]
