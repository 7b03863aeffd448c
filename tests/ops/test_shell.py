"""The `sqlite3` of the images: what operators type works, and beside a running catalog nothing is changed."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecatalog.cli.main import main as ecatalog
from ecatalog.kit.guards import WriterLock
from ecatalog.ops.shell import main as sqlite3


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LOAD_SEED_DATA", "true")
    assert ecatalog(["db", "prepare", "--data", str(tmp_path / "data")]) == 0
    return str(tmp_path / "data" / "ltplabs.db")


@pytest.fixture
def running_catalog(database: str) -> Iterator[None]:
    """Somebody else holds the lock, as a gateway does."""
    lock = WriterLock(Path(database).parent)
    lock.acquire()
    yield
    lock.release()


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert sqlite3(words) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT COUNT(*) FROM users;", "3\n"),
        ("PRAGMA integrity_check;", "ok\n"),
        ("PRAGMA journal_mode;", "wal\n"),
        ("PRAGMA busy_timeout = 10000;", "10000\n"),
        ("PRAGMA page_size; SELECT 1;", "4096\n1\n"),
    ],
)
@pytest.mark.usefixtures("running_catalog")
def test_what_operators_ask_is_answered_beside_a_catalog(
    database: str, sql: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, database, sql) == answer


def test_it_reads_statements_from_a_file(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*)\nFROM demos;\n.tables docker%\n"))

    assert told(capsys, database).split() == ["6", "docker_images"]


def test_it_makes_a_database_that_is_not_there_for_statements_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("CREATE TABLE t (a); INSERT INTO t VALUES (7); SELECT a FROM t;"))

    assert told(capsys, str(tmp_path / "new.db")) == "7\n"


def test_a_question_to_a_database_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sqlite3([str(tmp_path / "none.db"), "SELECT 1"]) == 1

    assert "There is no database at" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_a_change_takes_the_lock_for_as_long_as_the_shell_lives(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, database, "UPDATE users SET full_name = 'Ada' WHERE role = 'admin'; SELECT changes();") == "1\n"

    # That shell is gone: the next one may write too.
    assert told(capsys, database, "SELECT full_name FROM users WHERE role = 'admin'") == "Ada\n"
    assert sqlite3([database, "DELETE FROM users"]) == 1, "references are enforced"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET full_name = 'x'",
        "/* as a comment says */ DELETE FROM sessions",
        "SELECT 1; DELETE FROM sessions",
        "PRAGMA query_only = off",
        "PRAGMA user_version = 1",
        "PRAGMA journal_mode = delete",
        "PRAGMA wal_checkpoint",
        "VACUUM",
        "BEGIN IMMEDIATE",
        "ATTACH '{database}' AS again",
        ".restore {database}",
        ".dbconfig defensive 0",
        ".open --wipe {database}",
    ],
)
@pytest.mark.usefixtures("running_catalog")
def test_beside_a_catalog_nothing_is_changed(database: str, statement: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = told(capsys, database, "SELECT id, full_name, updated_at FROM users")

    assert sqlite3([database, statement.format(database=database)]) == 1

    assert capsys.readouterr().err
    assert told(capsys, database, "SELECT id, full_name, updated_at FROM users") == before


@pytest.mark.usefixtures("running_catalog")
def test_there_is_no_way_round_by_another_database(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sqlite3([":memory:", f"ATTACH '{database}' AS catalog"]) == 1
    assert sqlite3([":memory:", f"ATTACH 'file:{database}' AS catalog; DELETE FROM catalog.users"]) == 1
    assert sqlite3([f"file:{database}", "DELETE FROM users"]) == 1
    assert sqlite3([":memory:", f".open {database}", "DELETE FROM sessions"]) == 1

    assert told(capsys, database, "SELECT count(*) FROM users") == "3\n"


def test_other_databases_are_opened_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.db"
    path.touch()

    assert told(capsys, str(path), "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "SELECT a FROM t") == "1\n"
