"""`ecatalog db …`: looking at the database file, checking, migrating and copying it, also beside a running catalog."""

import json
import stat
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.inspect import check


def note(tx: Tx) -> int:
    return tx.record("samples.noted", SYSTEM)


@pytest.fixture(autouse=True)
def data(db: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a catalog that runs, named to the commands as operators do."""
    monkeypatch.setenv("ECATALOG_DATA", str(db.path.parent))
    return db.path.parent


async def test_the_status_is_told_beside_a_running_catalog(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    position = await db.write(note)

    assert main(["db", "status", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(db.path)
    assert told["position"] == position
    assert told["schema_version"] == told["known_version"]


async def test_the_status_is_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "status"]) == 0

    assert "schema version" in capsys.readouterr().out


async def test_a_whole_database_is_said_to_be_whole(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "check"]) == 0

    assert capsys.readouterr().out == f"{db.path} is whole.\n"


async def test_a_broken_database_has_its_own_exit_status(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await db.stop()
    with closing(apsw.Connection(str(db.path))) as connection:
        connection.execute("PRAGMA foreign_keys = off")
        connection.execute(
            "INSERT INTO usage_daily (client_id, day, first_at, last_at) VALUES ('x', '2026-03-10', :at, :at)",
            {"at": "2026-03-10T12:00:00.000Z"},
        )
        connection.execute(
            "INSERT INTO sessions (id, client_id, token_hash, expires_at, last_seen_at, created_at)"
            " VALUES ('s', 'nobody', 'h', :at, :at, :at)",
            {"at": "2026-03-10T12:00:00.000Z"},
        )

    assert main(["db", "check"]) == 1

    assert "sessions refers to a row of clients that does not exist" in capsys.readouterr().err


async def test_a_copy_is_whole_and_holds_what_was_there(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    position = await db.write(note)

    assert main(["db", "copy", str(tmp_path / "copies")]) == 0

    (copy,) = (tmp_path / "copies").iterdir()
    assert str(copy) in capsys.readouterr().out
    assert check(copy) == []
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(apsw.Connection(str(copy))) as connection:
        assert connection.execute("SELECT max(position) FROM audit_log").fetchall() == [(position,)]
    assert sorted(each.name for each in (tmp_path / "copies").iterdir()) == [copy.name]


async def test_a_copy_opens_as_a_database_of_its_own(db: Database, tmp_path: Path) -> None:
    position = await db.write(note)
    assert main(["db", "copy", str(tmp_path / "copies")]) == 0
    (copy,) = (tmp_path / "copies").iterdir()

    other = Database(copy)
    await other.start()
    assert other.position == position
    assert await other.write(note) == position + 1
    await other.stop()


async def test_a_copy_that_has_no_place_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")

    assert main(["db", "copy", str(tmp_path / "file")]) == 78

    assert "cannot take the copy" in capsys.readouterr().err


def test_a_database_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["check"], ["copy", str(tmp_path)]):
        assert main(["db", *command, "--data", str(tmp_path / "elsewhere")]) == 78
        assert "Name its directory with --data, or set DB_PATH." in capsys.readouterr().err


def test_migrating_makes_a_database_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "migrate", "--data", str(tmp_path / "new")]) == 0

    assert check(tmp_path / "new" / "ltplabs.db") == []


def test_migrating_beside_a_running_catalog_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "migrate"]) == 78

    assert "already writes to" in capsys.readouterr().err
