"""Replicas that somebody else wrote: what could run in the gateway is refused by name, what they claim is on hold."""

import asyncio
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from ecatalog.access.actions import revoke_client
from ecatalog.accounts.actions import create_api_token
from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.inspect import check
from ecatalog.kit.migrations import made_by, shipped_migrations
from ecatalog.kit.schema import foreign_objects
from ecatalog.ops.backup_file import BadBackup
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import Place, make_backup, quietly
from ecatalog.ops.journal import NAME
from ecatalog.ops.replica import Replica, restore_replica
from ecatalog.ops.restoring import Restored
from tests.cast import Cast, SettableClock
from tests.ops.backing_up import KEYS, LATER, backed_up, hold_in, in_thread, lose_the_database, running

WHEN = "2026-03-10T12:00:00.000Z"
LITESTREAM = str(Path(sys.executable).parent / "litestream")


@dataclass
class Scene:
    """A catalog with a backup, and a folder that Litestream replicates to."""

    place: Place
    cast: Cast
    folder: Path

    def replicate(self, *statements: str, source: Path | None = None) -> None:
        """The replica, after the statements were run in a copy of the database."""
        copy = self.folder.parent / "forged.db"
        copy.write_bytes((source or self.place.database).read_bytes())
        with closing(apsw.Connection(str(copy))) as connection:
            connection.pragma("journal_mode", "wal")
            connection.execute("CREATE TABLE of_another (id)")  # Litestream begins with a change.
            connection.execute("DROP TABLE of_another")
            for statement in statements:
                connection.execute(statement)
        words = [LITESTREAM, "replicate", "-once", "-force-snapshot", str(copy), self.url]
        subprocess.run(words, check=True, capture_output=True)

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    async def restore(self) -> Restored:
        trusted = signing_key(self.place.data).public_key()
        replica = Replica(self.url, LITESTREAM)
        return await asyncio.to_thread(restore_replica, self.place, replica, None, trusted, LATER, quietly)


@pytest.fixture
async def scene(data: Path, place: Place, clock: SettableClock, tmp_path: Path) -> Scene:
    cast, _ = await backed_up(data, place, clock)
    return Scene(place, cast, tmp_path / "replica")


def in_schema(sql: str) -> tuple[str, ...]:
    """Written past SQLite's own checks, as in a file that was made by hand."""
    return ("PRAGMA writable_schema = on", sql)


# works ------------------------------------------------------------------------------------------------------


async def test_an_honest_replica_comes_back_without_the_tables_of_others(scene: Scene) -> None:
    scene.replicate("ANALYZE")

    restored = await scene.restore()

    assert check(scene.place.database) == []
    with closing(apsw.Connection(str(scene.place.database))) as connection:
        names = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert "clients" in names
    assert not {"_litestream_seq", "_litestream_lock", "sqlite_stat1"} & names
    assert restored.foreign == []


async def test_a_replica_of_an_older_schema_is_compared_with_that_and_migrated(scene: Scene) -> None:
    with closing(made_by(shipped_migrations()[:-1])) as older:
        older.execute("INSERT INTO settings VALUES ('installation', 'abc', :now), ('epoch', 'e', :now)", {"now": WHEN})
        older.execute(f"INSERT INTO audit_log (at, actor, kind) VALUES ('{WHEN}', 'system', 'x.y')")
        path = scene.folder.parent / "older.db"
        older.execute("VACUUM INTO ?", (str(path),))
    scene.replicate(source=path)

    await scene.restore()

    assert check(scene.place.database) == []


# refused ----------------------------------------------------------------------------------------------------

_VIEW = (
    "PRAGMA foreign_keys = off",
    "PRAGMA legacy_alter_table = on",
    "ALTER TABLE audit_log RENAME TO behind",
    "CREATE VIEW audit_log AS SELECT * FROM behind",
)
HOSTILE = {
    "a trigger": (
        ("CREATE TRIGGER planted AFTER INSERT ON sessions BEGIN UPDATE users SET role = 'admin'; END",),
        "The trigger planted is not of the catalog.",
    ),
    "a trigger under a name of SQLite's": (
        in_schema(
            "INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_stat1', 'sessions', 0, "
            "'CREATE TRIGGER sqlite_stat1 AFTER INSERT ON sessions BEGIN DELETE FROM grants; END')"
        ),
        "The trigger sqlite_stat1 is not of the catalog.",
    ),
    "a trigger of ours with other words": (
        (
            "DROP TRIGGER users_edited_by_hand",
            "CREATE TRIGGER users_edited_by_hand AFTER UPDATE ON users BEGIN UPDATE users SET role = 'admin'; END",
        ),
        "The trigger users_edited_by_hand is not as the catalog makes it.",
    ),
    "a trigger of ours left out": (("DROP TRIGGER audit_log_keeps_rows",), "The trigger audit_log_keeps_rows is miss"),
    "a view": (("CREATE VIEW theirs AS SELECT load_extension('x')",), "The view theirs is not of the catalog."),
    "a view instead of a table": (_VIEW, "The view audit_log is not of the catalog."),
    "an index with an expression": (
        ("CREATE INDEX theirs ON clients (length(name))",),
        "The index theirs is not of the catalog.",
    ),
    "another check": (
        in_schema("UPDATE sqlite_schema SET sql = replace(sql, '''viewer'')', '''viewer'', ''root'')')"),
        "The table users is not as the catalog makes it.",
    ),
    "another table": (("CREATE TABLE theirs (a)",), "The table theirs is not of the catalog."),
    "a virtual table": (("CREATE VIRTUAL TABLE theirs USING fts5 (a)",), "The table theirs is not of the catalog."),
    "a table under the name of Litestream's": (
        ("CREATE TABLE _litestream_more (a)",),
        "The table _litestream_more is not of the catalog.",
    ),
    "a newer schema": (("PRAGMA user_version = 4711",), "It has the schema version 4711"),
    "a version before all": (("PRAGMA user_version = -1",), "It has the schema version -1"),
    "another version than its tables": (("PRAGMA user_version = 1",), "is not of the catalog."),
    "a name for terminals": (('CREATE TABLE "\x1b[2J" (a)',), "The table '\\\\x1b[2J' is not of the catalog."),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_not_made_by_our_migrations_is_refused_by_name(scene: Scene, what: str) -> None:
    statements, sentence = HOSTILE[what]
    scene.replicate(*statements)
    was = scene.place.database.read_bytes()

    with pytest.raises(BadBackup) as refused:
        await scene.restore()

    assert sentence.replace("\\\\", "\\") in str(refused.value)
    assert scene.place.database.read_bytes() == was
    assert not list(scene.place.data.glob("*.before-restore-*"))
    assert not (scene.place.data / ".restore").exists()


async def test_nothing_in_it_runs_before_it_is_compared(scene: Scene) -> None:
    """A view without an end in place of the table that is read first: whoever asked it would never come back."""
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS position, 'x' AS at FROM n"
    scene.replicate(*_VIEW[:-1], f"CREATE VIEW audit_log AS {endless}")

    with pytest.raises(BadBackup, match="The view audit_log"):
        await scene.restore()


async def test_a_file_that_is_no_database_is_refused(scene: Scene, tmp_path: Path) -> None:
    program = tmp_path / "litestream"
    program.write_text('#!/bin/sh\nfor last; do case "$was" in -o) echo Dear diary > "$last";; esac; was=$last; done\n')
    program.chmod(0o700)
    trusted = signing_key(scene.place.data).public_key()

    with pytest.raises(BadBackup, match="no database"):
        await asyncio.to_thread(
            restore_replica, scene.place, Replica(scene.url, str(program)), None, trusted, LATER, quietly
        )


# what it claims ---------------------------------------------------------------------------------------------

_MALLORY = """INSERT INTO users (id, email, password_hash, full_name, role, created_at, updated_at)
  VALUES ('m', 'mallory@evil.test', 'x', 'M', 'admin', '2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z')"""


async def test_access_is_on_hold_and_an_administrator_who_was_added_is_told(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.replicate(_MALLORY, f"UPDATE users SET password_hash = 'y' WHERE id = '{scene.cast.admin.id}'")
    settings = KEYS | {"litestream": str(scene.folder), "data": str(scene.place.data)}
    for name, value in settings.items():
        monkeypatch.setenv(f"ECATALOG_{name.upper()}", value)

    assert await asyncio.to_thread(main, ["backup", "restore", "--at", "latest"]) == 0

    said = capsys.readouterr().out
    assert "  administrator mallory@evil.test, since 2020-01-01T00:00:00.000Z: the database that was there does" in said
    assert f"administrator {scene.cast.admin.email}, since {WHEN}: with another secret" in said
    assert "Clients' access is on hold. Nobody signed the replica" in said
    assert hold_in(scene.place.database)
    assert await asyncio.to_thread(main, ["backup", "confirm"]) == 0
    assert not hold_in(scene.place.database)


async def told_by_restore(scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    settings = KEYS | {"litestream": str(scene.folder), "data": str(scene.place.data)}
    for name, value in settings.items():
        monkeypatch.setenv(f"ECATALOG_{name.upper()}", value)
    assert await asyncio.to_thread(main, ["backup", "restore", "--at", "latest"]) == 0
    return capsys.readouterr().out


async def test_whoever_else_could_act_or_listen_is_told(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.replicate(
        f"UPDATE users SET email = 'elsewhere@evil.test' WHERE id = '{scene.cast.admin.id}'",
        _MALLORY.replace("'admin'", "'sales'"),
        f"""INSERT INTO webhooks (id, url, kinds, form, secret_encrypted, told_after, created_at, updated_at)
          VALUES ('w', 'https://evil.test/', '"all"', 'slack', 'x', 0, '{WHEN}', '{WHEN}')""",
    )

    said = await told_by_restore(scene, capsys, monkeypatch)

    unknown = "the database that was there does not know it"
    assert f"administrator elsewhere@evil.test, since {WHEN}: {unknown}" in said
    assert f"sales mallory@evil.test, since 2020-01-01T00:00:00.000Z: {unknown}" in said
    assert f"webhook https://evil.test/, since {WHEN}: {unknown}" in said


async def test_nothing_that_it_says_moves_the_cursor(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instant is bounded by its form alone, which has room for a sequence that clears the screen."""
    scene.replicate(_MALLORY.replace("'2020-01-01T00", "char(27) || '[2J-01-01T00").replace("mallory", "m\nallory"))

    said = await told_by_restore(scene, capsys, monkeypatch)

    assert "\x1b" not in said
    assert "administrator m\\nallory@evil.test, since \\x1b[2J-01-01T00:00:00.000Z" in said


@pytest.mark.parametrize(
    ("position", "at"), [("NULL", "2026-13-99T99:99:99.999Z"), (str((1 << 63) - 4), WHEN), (str(1 << 53), WHEN)]
)
async def test_a_log_that_no_catalog_writes_is_refused(scene: Scene, position: str, at: str) -> None:
    scene.replicate(f"INSERT INTO audit_log (position, at, actor, kind) VALUES ({position}, '{at}', 'x', 'y')")

    with pytest.raises(BadBackup, match="no database of the catalog"):
        await scene.restore()


@pytest.mark.parametrize("claimed", [1, 1_000_000])
async def test_who_was_shut_out_stays_so_however_far_the_replica_claims_to_go(
    scene: Scene, data: Path, clock: SettableClock, claimed: int
) -> None:
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, scene.cast.acme.id, "gone")
    scene.replicate(
        "UPDATE clients SET revoked_at = NULL",
        f"INSERT INTO audit_log (position, at, actor, kind) VALUES ({claimed + 100}, '{WHEN}', 'x', 'y')",
    )
    lose_the_database(data, (data / "backups" / NAME).read_bytes())

    restored = await scene.restore()

    assert scene.cast.acme.id in {each.id for each in restored.applied}
    assert restored.hold.startswith("Nobody signed the replica")


# backups ----------------------------------------------------------------------------------------------------


async def test_a_signed_backup_with_an_index_of_the_operator_comes_back_and_says_so(
    scene: Scene, data: Path, clock: SettableClock
) -> None:
    with closing(apsw.Connection(str(scene.place.database))) as connection:
        connection.execute("CREATE INDEX ours ON clients (company)")
    async with running(data, clock) as gateway:
        await gateway.db.write(create_api_token, SYSTEM, "portal", ["usage:read"], "t" * 43)
    await asyncio.to_thread(make_backup, scene.place, LATER)

    restored = await in_thread(scene.place)

    assert restored.foreign == ["The index ours is not of the catalog."]
    assert restored.hold == ""


def test_what_our_migrations_make_is_ours_at_each_version(tmp_path: Path) -> None:
    for version in range(1, len(shipped_migrations()) + 1):
        path = tmp_path / f"{version}.db"
        with closing(made_by(shipped_migrations()[:version])) as made:
            made.execute("VACUUM INTO ?", (str(path),))
        assert foreign_objects(path) == [], version
