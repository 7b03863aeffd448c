"""Migrations: the schema made or brought up to date at start, by all steps or none, after a copy was made."""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.migrations import Migration, migrate, read_migrations, shipped_migrations
from tests.kit.rows import keys, put

NOON = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
FIRST = Migration(1, "0001_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); ")
SECOND = Migration(2, "0002_authors.sql", "ALTER TABLE notes ADD COLUMN author TEXT; UPDATE notes SET author = 'x'; ")
THIRD = Migration(3, "0003_index.sql", "CREATE INDEX notes_by_author ON notes (author);")


def look(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return list(connection.execute(sql))


def version_of(path: Path) -> object:
    return look(path, "PRAGMA user_version")[0][0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database at version 1 with one note, in WAL mode as every database is left."""
    path = tmp_path / "c.db"
    migrate(path, NOON, (FIRST,))
    look(path, "PRAGMA journal_mode = wal")
    look(path, "INSERT INTO notes (text) VALUES ('kept')")
    return path


def test_a_new_database_gets_every_step_and_needs_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    assert migrate(path, NOON, (FIRST, SECOND)) is None
    assert version_of(path) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["c.db"]


def test_an_older_database_is_copied_and_gets_the_steps_it_lacks(path: Path) -> None:
    copy = migrate(path, NOON, (FIRST, SECOND, THIRD))
    assert copy == path.with_name("c.db.before-3-20260301T123005Z")
    assert look(path, "SELECT text, author FROM notes") == [("kept", "x")]
    assert version_of(path) == 3
    assert look(copy, "SELECT * FROM notes") == [(1, "kept")]
    assert version_of(copy) == 1
    assert look(copy, "PRAGMA integrity_check") == [("ok",)]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_the_copy_holds_what_is_still_in_the_wal(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as crashed:
        crashed.execute("INSERT INTO notes (text) VALUES ('in the WAL')")
        copy = migrate(path, NOON, (FIRST, SECOND))
        assert copy is not None
        assert look(copy, "SELECT text FROM notes") == [("kept",), ("in the WAL",)]


def test_a_database_that_is_up_to_date_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    assert migrate(path, NOON, (FIRST,)) is None
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["c.db"]


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    migrate(path, NOON, (FIRST, SECOND))
    before = path.read_bytes()
    with pytest.raises(RefusedToStart, match=r"version 2; this program knows 1.*Install the newer version"):
        migrate(path, NOON, (FIRST,))
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    look(path, "CREATE TABLE accounts (id TEXT)")
    before = path.read_bytes()
    with pytest.raises(RefusedToStart, match="another program"):
        migrate(path, NOON, (FIRST,))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE more (id TEXT); INSERT INTO nowhere VALUES (1);",
        "CREATE TABLE more (id TEXT); this is no SQL;",
        "CREATE TABLE more (id TEXT); COMMIT; BEGIN;",
        "CREATE TABLE more (id TEXT); ROLLBACK;",
        "CREATE TABLE more (id INTEGER REFERENCES notes (id)); INSERT INTO more VALUES (77);",
    ],
    ids=["error", "no SQL", "commits by itself", "rolls back by itself", "breaks a reference"],
)
def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path, sql: str) -> None:
    before = path.read_bytes()
    broken = Migration(3, "0003_broken.sql", sql)
    with pytest.raises(RefusedToStart, match=r"The file is as it was.*Start the version that ran before") as caught:
        migrate(path, NOON, (FIRST, SECOND, broken))
    assert path.read_bytes() == before
    assert version_of(path) == 1
    assert look(path, "SELECT * FROM notes") == [(1, "kept")]
    assert str(path.with_name("c.db.before-3-20260301T123005Z")) in str(caught.value)


def test_a_failed_first_start_leaves_an_empty_file_that_starts_later(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with pytest.raises(RefusedToStart, match=r"0001_broken.sql failed"):
        migrate(path, NOON, (Migration(1, "0001_broken.sql", "no SQL"),))
    assert migrate(path, NOON, (FIRST,)) is None
    assert version_of(path) == 1


def test_without_a_copy_there_is_no_migration(path: Path) -> None:
    path.with_name("c.db.before-2-20260301T123005Z").write_bytes(b"in the way")
    before = path.read_bytes()
    with pytest.raises(RefusedToStart, match="could not be copied"):
        migrate(path, NOON, (FIRST, SECOND))
    assert path.read_bytes() == before
    assert version_of(path) == 1


def test_a_table_that_others_refer_to_can_be_rebuilt(path: Path) -> None:
    looks = Migration(2, "0002_x.sql", "CREATE TABLE x (n REFERENCES notes (id)); INSERT INTO x VALUES (1);")
    rebuild = Migration(
        3,
        "0003_rebuild.sql",
        """CREATE TABLE new_notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
           INSERT INTO new_notes SELECT id, text FROM notes; DROP TABLE notes;
           ALTER TABLE new_notes RENAME TO notes;""",
    )
    migrate(path, NOON, (FIRST, looks, rebuild))
    assert look(path, "SELECT text FROM x JOIN notes ON notes.id = x.n") == [("kept",)]


def test_steps_are_numbered_without_gaps(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0002_b.sql", "README.md"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [step.version for step in read_migrations(tmp_path)] == [1, 2]
    (tmp_path / "0004_d.sql").write_text("")
    with pytest.raises(ValueError, match="numbered"):
        read_migrations(tmp_path)


def test_the_shipped_steps_make_a_whole_database(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    migrate(path, NOON, shipped_migrations())
    assert look(path, "PRAGMA integrity_check") == [("ok",)]
    assert version_of(path) == len(shipped_migrations())


async def test_a_database_is_migrated_and_copied_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(tmp_path / "c.db")
    await db.start()
    await db.write(put, "kept")
    await db.stop()
    assert [file.name for file in tmp_path.glob("*before*")] == []
    version = len(shipped_migrations()) + 1
    newer = (*shipped_migrations(), Migration(version, "x.sql", "CREATE TABLE later (id TEXT) STRICT;"))
    monkeypatch.setattr("ecatalog.kit.db.shipped_migrations", lambda: newer)
    await db.start()
    assert await db.read(keys) == {"kept"}
    assert await db.read(lambda tx: tx.value("SELECT count(*) FROM later")) == 0
    await db.stop()
    (copy,) = tmp_path.glob(f"c.db.before-{version}-*")
    monkeypatch.undo()
    with pytest.raises(RefusedToStart, match="knows"):
        await db.start()
    shutil.move(copy, db.path)
    await db.start()
    assert await db.read(keys) == {"kept"}
    await db.stop()
