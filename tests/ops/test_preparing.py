"""`ecatalog db prepare`: a database where there is none, and never a change to one that is there but its migration."""

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from ecatalog.cli.main import main
from ecatalog.kit.clock import utc_now
from ecatalog.kit.guards import WriterLock
from ecatalog.kit.inspect import check
from ecatalog.kit.migrations import migrate, shipped_migrations


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Named as the image names it; not there yet."""
    path = tmp_path / "data" / "ltplabs.db"
    monkeypatch.setenv("DB_PATH", str(path))
    return path


def count_users(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        count: Any = connection.execute("SELECT count(*) FROM users").get
        return int(count)


def test_a_database_is_made_where_there_is_none(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "prepare"]) == 0

    assert capsys.readouterr().out.endswith(f"{database} was created.\n")
    assert check(database) == []
    assert count_users(database) == 0


def test_the_samples_are_loaded_when_asked(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD_SEED_DATA", "true")

    assert main(["db", "prepare"]) == 0

    assert count_users(database) == 3


def test_one_that_is_there_is_left_alone_also_without_users(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["db", "prepare"])
    monkeypatch.setenv("LOAD_SEED_DATA", "true")
    capsys.readouterr()

    assert main(["db", "prepare"]) == 0

    assert "Nothing was changed." in capsys.readouterr().out
    assert count_users(database) == 0


def test_an_older_schema_is_migrated_after_a_copy(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database.parent.mkdir()
    migrate(database, utc_now(), shipped_migrations()[:1])

    assert main(["db", "prepare"]) == 0

    assert "was migrated, after a copy was made beside it." in capsys.readouterr().out
    assert len(list(database.parent.glob("ltplabs.db.before-*"))) == 1
    assert check(database) == []


def test_beside_a_catalog_that_runs_nothing_is_changed(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["db", "prepare"])
    before = database.stat().st_mtime_ns
    lock = WriterLock(database.parent)
    lock.acquire()
    capsys.readouterr()

    assert main(["db", "prepare"]) == 0

    assert "is in use by a catalog that runs. Nothing was changed." in capsys.readouterr().out
    assert database.stat().st_mtime_ns == before
    lock.release()


def test_what_an_attempt_that_was_killed_left_is_cleared_away(database: Path) -> None:
    database.parent.mkdir()
    for end in ("", "-wal", "-shm"):
        database.with_name(f"ltplabs.db.preparing{end}").write_bytes(b"half of a database")

    assert main(["db", "prepare"]) == 0

    assert check(database) == []
    assert not list(database.parent.glob("*.preparing*"))


def test_a_file_of_another_program_is_refused(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database.parent.mkdir()
    database.write_bytes(b"This is a letter, and it is longer than a header." * 20)

    assert main(["db", "prepare"]) == 78

    assert "is not a SQLite database" in capsys.readouterr().err


# Its health ---------------------------------------------------------------------------------------------------------


def test_a_database_that_can_be_read_is_healthy(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["db", "prepare"])

    assert main(["db", "health"]) == 0

    assert f"{database} is healthy: " in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"This is a letter, and it is longer than a header." * 20])
def test_one_that_cannot_be_read_is_not(
    database: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        database.parent.mkdir()
        database.write_bytes(content)

    assert main(["db", "health"]) == 1

    assert str(database) in capsys.readouterr().err


def test_a_schema_that_this_program_does_not_know_is_told(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["db", "prepare"])
    with closing(apsw.Connection(str(database))) as connection:
        connection.pragma("user_version", 999)

    assert main(["db", "health"]) == 1

    assert "The schema has version 999; this program works with" in capsys.readouterr().err
