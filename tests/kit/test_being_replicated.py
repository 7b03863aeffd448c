"""A database that another program replicates: that one makes the checkpoints, and the writer only helps out."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from ecatalog.kit.db import Database
from tests.kit.rows import keys, put

MEGABYTE = 1 << 20


@pytest.fixture
async def replicated(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database(tmp_path / "ltplabs.db", is_replicated=True)
    await db.start()
    yield db
    await db.stop()


def wal_of(db: Database) -> Path:
    return db.path.with_name(db.path.name + "-wal")


async def test_the_wal_is_left_to_the_other_program(replicated: Database) -> None:
    for i in range(30):
        await replicated.write(put, f"k{i}", "x" * MEGABYTE)

    assert replicated.stats.checkpoints == 0
    assert wal_of(replicated).stat().st_size > 30 * MEGABYTE


async def test_the_wal_stays_small_also_while_the_other_program_is_away(replicated: Database) -> None:
    sizes = list[int]()
    for i in range(120):
        await replicated.write(put, f"k{i}", "x" * MEGABYTE)
        await replicated.write(lambda tx: tx.run("DELETE FROM settings"))
        sizes.append(wal_of(replicated).stat().st_size)

    assert 40 * MEGABYTE < max(sizes) < 64 * MEGABYTE


async def test_what_is_not_copied_yet_is_left_at_the_end_and_found_at_the_next_start(replicated: Database) -> None:
    await replicated.write(put, "last")

    await replicated.stop()

    assert wal_of(replicated).stat().st_size > 0
    await replicated.start()
    assert "last" in await replicated.read(keys)


async def test_its_own_rows_are_no_reason_to_warn(replicated: Database) -> None:
    with capture_logs() as logs, closing(apsw.Connection(str(replicated.path))) as other:
        other.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
        await replicated.write(put, "after")

    assert replicated.foreign_writes == 1
    assert [each["log_level"] for each in logs if each["event"] == "foreign_write"] == ["debug"]
