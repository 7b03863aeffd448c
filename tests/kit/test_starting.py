"""Starting a database: what it makes, and where it refuses, each time with a sentence that says what to do."""

import asyncio
import itertools
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from ecatalog.kit.connections import open_reader
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.guards import WriterLock, check_engine, check_place, filesystem_of
from tests.kit.rows import keys, put

READ_FOR_EVER = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
  SELECT count(*) FROM n LEFT JOIN settings ON key = i"""


async def refusal_of(path: Path) -> str:
    """What start says."""
    with pytest.raises(RefusedToStart) as caught:
        await Database(path).start()
    return str(caught.value)


async def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    db = Database(tmp_path / "a" / "b" / "c.db")
    await db.start()
    await db.write(put, "x")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    for name in ("c.db", "c.db-wal", "c.db-shm"):
        assert (db.path.parent / name).stat().st_mode & 0o777 == 0o600
    await db.stop()


async def test_the_writer_is_as_durable_as_promised(db: Database) -> None:
    connection = db._writer._connection
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2, "FULL"
    assert connection.pragma("foreign_keys") == 1
    assert connection.pragma("busy_timeout") == 5000
    assert connection.pragma("trusted_schema") == 0
    assert connection.pragma("journal_size_limit") > 0


async def test_nobody_but_the_writer_checkpoints(db: Database) -> None:
    await db.read_long(keys)
    readers = [db._reading.connection, *(session.connection for session in db._long._sessions)]
    for reader in readers:
        assert reader.pragma("wal_autocheckpoint") == 0
        assert reader.pragma("query_only") == 1
    await db.write(put, "a")
    wal = db.path.with_name(db.path.name + "-wal")
    with closing(apsw.Connection(str(db.path))):
        pass
    assert wal.stat().st_size > 0


async def test_the_wal_is_checkpointed_between_groups(db: Database) -> None:
    wal = db.path.with_name(db.path.name + "-wal")
    for i in range(60):
        await db.write(put, f"k{i}", "x" * 200_000)
    assert db.stats.checkpoints >= 2
    assert wal.stat().st_size < 16 * 1024 * 1024


async def test_a_wal_that_grew_behind_a_reader_is_cut_back(db: Database) -> None:
    wal = db.path.with_name(db.path.name + "-wal")
    with closing(apsw.Connection(str(db.path))) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT count(*) FROM settings").fetchall()
        for i in range(36):
            await db.write(put, f"k{i}", "x" * 1_000_000)
        assert wal.stat().st_size > 32 * 1024 * 1024
    for i in range(5):
        await db.write(put, f"l{i}", "x" * 1_000_000)
    await db.write(put, "last")
    assert wal.stat().st_size <= 16 * 1024 * 1024


def read_in_turns(path: Path, is_over: threading.Event) -> None:
    """Two readers of whom one always holds a snapshot: the next begins before the last has ended."""
    with closing(open_reader(path, 5000)) as one, closing(open_reader(path, 5000)) as other:
        for now, before in itertools.cycle([(one, other), (other, one)]):
            now.execute("BEGIN")
            now.execute("SELECT count(*), sum(length(value)) FROM settings").fetchall()
            if before.in_transaction:
                before.execute("COMMIT")
            if is_over.is_set():
                return


async def test_the_wal_stays_small_beside_readers_who_never_all_rest(db: Database) -> None:
    wal = db.path.with_name(db.path.name + "-wal")
    is_over, sizes = threading.Event(), list[int]()
    reading = asyncio.ensure_future(asyncio.to_thread(read_in_turns, db.path, is_over))
    for i in range(100):
        await db.write(put, f"k{i}", "x" * 1_000_000)
        await db.write(lambda tx: tx.run("DELETE FROM settings"))
        sizes.append(wal.stat().st_size)
    is_over.set()
    await reading
    assert max(sizes) < 64 * 1024 * 1024


async def test_long_reads_give_way_before_the_wal_is_large(db: Database) -> None:
    """Two threads read without an end, each again as soon as it was ended, while twice the bound is written."""
    wal, ended = db.path.with_name(db.path.name + "-wal"), list[str]()

    async def read_for_ever() -> None:
        while True:
            try:
                await db.read_long(lambda tx: tx.value(READ_FOR_EVER))
            except Unavailable as refusal:
                ended.append(refusal.message)

    reading = [asyncio.create_task(read_for_ever()) for _ in range(2)]
    sizes = list[int]()
    for i in range(130):
        await db.write(put, f"k{i}", "x" * 1_000_000)
        await db.write(lambda tx: tx.run("DELETE FROM settings"))
        sizes.append(wal.stat().st_size)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)

    assert max(sizes) < 64 * 1024 * 1024
    assert set(ended) == {"Much is being written just now. Ask again."}


@pytest.mark.parametrize("version", ["3.51.3", "3.51.10", "3.52.0", "3.50.7", "3.44.6", "4.0.0", "3.53"])
def test_a_safe_engine_is_accepted(version: str) -> None:
    check_engine(version)


@pytest.mark.parametrize("version", ["3.51.2", "3.50.6", "3.50.4", "3.49.9", "3.45.1", "3.44.5", "3.40.1", "3.7.0"])
def test_an_engine_that_can_lose_commits_is_refused(version: str) -> None:
    with pytest.raises(RefusedToStart, match=rf"SQLite {version} .*Install"):
        check_engine(version)


def test_the_engine_at_hand_is_safe() -> None:
    check_engine()


def mounts(tmp_path: Path, *lines: tuple[str, str]) -> Path:
    """A /proc/self/mountinfo with these mount points and types."""
    file = tmp_path / "mountinfo"
    file.write_text("".join(f"36 35 98:0 / {point} rw,noatime shared:1 - {kind} /dev/x rw\n" for point, kind in lines))
    return file


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse", "fuseblk"])
def test_a_network_filesystem_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RefusedToStart, match=r"Put it on a local disk"):
        check_place(tmp_path, mounts(tmp_path, ("/", "ext4"), (str(tmp_path), kind)))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "apfs"])
def test_a_local_filesystem_is_accepted(tmp_path: Path, kind: str) -> None:
    with capture_logs() as logs:
        check_place(tmp_path, mounts(tmp_path, ("/", "nfs4"), (str(tmp_path), kind)))
    assert logs == []


def test_a_filesystem_that_a_container_throws_away_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        check_place(tmp_path, mounts(tmp_path, ("/", "overlay")))
    assert [line["event"] for line in logs] == ["data_not_persistent"]


def test_the_mount_that_counts_is_the_innermost_and_last(tmp_path: Path) -> None:
    place = tmp_path / "a dir"
    place.mkdir()
    escaped = str(place).replace(" ", r"\040")
    found = mounts(tmp_path, ("/", "ext4"), (escaped, "xfs"), (escaped, "nfs"), (str(tmp_path) + "/a", "cifs"))
    assert filesystem_of(place, found) == "nfs"
    assert filesystem_of(tmp_path, found) == "ext4"


def test_a_link_to_a_network_filesystem_is_refused(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    with pytest.raises(RefusedToStart):
        check_place(tmp_path / "near", mounts(tmp_path, ("/", "ext4"), (str(tmp_path / "far"), "nfs4")))


def test_where_the_system_does_not_tell_it_is_accepted(tmp_path: Path) -> None:
    check_place(tmp_path, tmp_path / "nothing")


async def test_start_looks_at_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.kit.guards._MOUNTS", mounts(tmp_path, ("/", "nfs4")))
    assert "network" in await refusal_of(tmp_path / "data" / "c.db")


async def test_start_looks_at_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.40.1")
    assert "3.40.1" in await refusal_of(tmp_path / "c.db")


async def test_a_second_process_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ecatalog.kit.guards import WriterLock;"
        "lock = WriterLock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for _ in range(2):
            refusal = await refusal_of(tmp_path / "c.db")
            assert f"pid {holder.pid}" in refusal
            assert "Stop it first" in refusal
        holder.kill()
        holder.wait()
        db = Database(tmp_path / "c.db")
        await db.start()
        await db.stop()


async def test_a_refused_start_frees_the_lock(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"x" * 5000)
    await refusal_of(tmp_path / "c.db")
    lock = WriterLock(tmp_path)
    lock.acquire()
    lock.release()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(b"Dear diary, " * 1000)
    assert "is not a SQLite database" in await refusal_of(path)
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_a_directory_in_the_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.db").mkdir()
    assert "cannot be opened" in await refusal_of(tmp_path / "c.db")


async def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "cannot be made" in await refusal_of(tmp_path / "data" / "c.db")


async def test_a_directory_that_is_not_writable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by its mode: root, who runs the tests in a container, may write everywhere.
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "not writable" in await refusal_of(tmp_path / "c.db")


async def test_a_damaged_database_is_refused(db: Database) -> None:
    await db.stop()
    whole = db.path.read_bytes()
    db.path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    assert "backup" in await refusal_of(db.path)


async def test_what_a_killed_process_left_in_the_wal_is_there_again(db: Database, tmp_path: Path) -> None:
    await db.write(put, "a")
    for name in ("ltplabs.db", "ltplabs.db-wal"):
        (tmp_path / name).write_bytes((db.path.parent / name).read_bytes())
    again = Database(tmp_path / "ltplabs.db")
    await again.start()
    assert await again.read(keys) == {"a"}
    await again.stop()
