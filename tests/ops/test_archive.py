"""Archiving use: what leaves the database is in a file, is told as before, and is never told twice or lost."""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict
from ecatalog.ops import archive as module
from ecatalog.ops.archive import Archive, archive_use, first_kept_month
from ecatalog.ops.archive_queries import ask, both
from ecatalog.usage.actions import record_use
from tests.cast import NOON, Caller, Cast, facts

MONTHS = 24


def use_of_years(tx: Tx, client_id: str, demo_id: str) -> None:
    """Some use in each of the last 24 months, the newest first: numbers do not follow the time."""
    for month in range(MONTHS):
        at = first_kept_month(NOON, month) + timedelta(days=2)
        for number in range(5):
            record_use(tx, "demo_opened", client_id=client_id, demo_id=demo_id, at=at + timedelta(hours=number))


@pytest.fixture
async def archive(db: Database, cast: Cast) -> Archive:
    await db.write(use_of_years, cast.acme.id, cast.portal)
    return Archive(db.path.parent / "archive")


def told(db: Database, archive: Archive) -> list[tuple[object, ...]]:
    """Every event that an operator sees, archived or not."""
    with both(db.path, archive.all_events) as connection:
        return ask(connection, "SELECT * FROM usage_analytics ORDER BY id, timestamp")[1]


def in_database(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        return len(connection.execute("SELECT id FROM usage_analytics").fetchall())


def sums(path: Path) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute("SELECT * FROM usage_daily ORDER BY 1, 2, 3").fetchall()


# works ------------------------------------------------------------------------------------------------------


async def test_old_months_leave_the_database_and_are_told_as_before(db: Database, archive: Archive) -> None:
    was, daily, before = told(db, archive), sums(db.path), in_database(db.path)

    made = await archive_use(db, archive, SYSTEM, NOON, 12)

    assert [part.month for part in made] == [f"{first_kept_month(NOON, n):%Y-%m}" for n in range(23, 12, -1)]
    assert {part.rows for part in made} == {5}
    assert in_database(db.path) == before - 55
    assert told(db, archive) == was
    assert sums(db.path) == daily
    assert [fact["details"]["month"] for fact in await db.read(facts, "usage.archived")] == [p.month for p in made]


async def test_archiving_again_does_nothing_until_another_month_is_old(db: Database, archive: Archive) -> None:
    await archive_use(db, archive, SYSTEM, NOON, 12)

    assert await archive_use(db, archive, SYSTEM, NOON, 12) == []
    later = await archive_use(db, archive, SYSTEM, NOON + timedelta(days=31), 12)
    assert [part.month for part in later] == ["2025-03"]


async def test_what_comes_late_for_an_archived_month_is_its_next_part(
    db: Database, cast: Cast, archive: Archive
) -> None:
    await archive_use(db, archive, SYSTEM, NOON, 12)
    late = datetime(2024, 10, 9, tzinfo=UTC)
    await db.write(lambda tx: record_use(tx, "login", client_id=cast.acme.id, at=late))
    was = told(db, archive)

    (part,) = await archive_use(db, archive, SYSTEM, NOON, 12)

    assert (part.file, part.rows) == ("usage-2024-10.2.jsonl.zst", 1)
    assert told(db, archive) == was


async def test_numbers_that_are_given_again_are_other_events(db: Database, cast: Cast, archive: Archive) -> None:
    """SQLite gives numbers again once the table is empty; what is in the archive must not take them along."""
    await archive_use(db, archive, SYSTEM, NOON + timedelta(days=62), 1)
    assert in_database(db.path) == 0
    await db.write(use_of_years, cast.bolt.id, cast.desk)
    was = told(db, archive)

    await archive_use(db, archive, SYSTEM, NOON + timedelta(days=62), 1)

    assert told(db, archive) == was
    assert in_database(db.path) == 0


@pytest.mark.parametrize("failing", range(1, 40, 3))
async def test_a_crash_at_any_step_loses_nothing_and_tells_nothing_twice(
    failing: int, db: Database, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    was, calls = told(db, archive), 0
    monkeypatch.setattr(module, "_REMOVED_AT_A_TIME", 2)

    def crash(original: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return step

    for name in ("sync", "_remove", "_note", "sha256_of"):
        monkeypatch.setattr(module, name, crash(getattr(module, name)))
    with suppress(KeyboardInterrupt):
        await archive_use(db, archive, SYSTEM, NOON, 18)
    assert told(db, archive) == was

    calls = 10_000
    await archive_use(db, archive, SYSTEM, NOON, 18)

    assert told(db, archive) == was
    assert list(archive.folder.glob(".partial-*")) == []


async def test_the_gateway_archives_while_it_runs(admin: Caller, people: Cast, gateway) -> None:  # type: ignore[no-untyped-def]
    await gateway.db.write(use_of_years, people.acme.id, people.portal)

    answer = await admin.post("/api/archive", {"months": 22})

    assert answer.status == 200, answer.json()
    assert [each["rows"] for each in answer.json()] == [5]


# refused ----------------------------------------------------------------------------------------------------


async def test_a_damaged_file_is_told_and_nothing_is_removed(db: Database, archive: Archive) -> None:
    part = (await archive_use(db, archive, SYSTEM, NOON, 22))[0]
    (archive.folder / part.file).write_bytes(b"damaged")

    with pytest.raises(Conflict, match="damaged or gone"):
        await archive_use(db, archive, SYSTEM, NOON, 12)


async def test_a_question_changes_nothing(db: Database, archive: Archive) -> None:
    with both(db.path, list) as connection:
        for sql in ("DELETE FROM clients", "DROP TABLE demos", "CREATE TABLE t (x)"):
            with pytest.raises(apsw.Error):
                ask(connection, sql)


# the commands -----------------------------------------------------------------------------------------------


async def test_the_commands_archive_and_ask(
    db: Database, archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECATALOG_DATA", str(db.path.parent))
    assert await asyncio.to_thread(main, ["archive", "--older-than", "12m"]) == 78
    assert "already writes to" in capsys.readouterr().err
    await db.stop()

    assert await asyncio.to_thread(main, ["archive", "--older-than", "12m"]) == 0
    assert "months were archived." in capsys.readouterr().out
    count = "SELECT event_type, count(*) AS n FROM usage_analytics WHERE event_type = 'demo_opened'"
    assert main(["archive", "query", count]) == 0
    assert f"{MONTHS * 5}" in capsys.readouterr().out
    assert main(["archive", "query", "SELECT nothing"]) == 78
    assert main(["archive", "--older-than", "12"]) == 2


def test_no_database_is_made_to_archive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECATALOG_DATA", str(tmp_path / "var"))

    assert main(["archive", "--older-than", "12m"]) == 78
    assert "There is no database at" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


# when something is old --------------------------------------------------------------------------------------


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 600))  # noqa: DTZ001
def test_whole_months_are_kept(now: datetime, months: int) -> None:
    now = now.replace(tzinfo=UTC)
    first = first_kept_month(now, months)

    assert (first.day, first.hour) == (1, 0)
    assert (now.year - first.year) * 12 + now.month - first.month == months
