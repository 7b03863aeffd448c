"""Promises S1 and S2: no crash and no power cut loses a write that was acknowledged, or leaves half of one."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.connections import open_reader
from ecatalog.kit.db import Database
from ecatalog.kit.inspect import check
from tests.blank import lay_blank
from tests.kit.rows import put

CHILD = Path(__file__).with_name("writer_child.py")
# A fresh database now and then, so that kills also meet its making, and checks stay quick.
KILLS_PER_DATABASE = 25
LONGEST_LIFE = 0.05


class Writers:
    """The program that forks writers, and what they have acknowledged."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def kill_one(self, path: Path, first: int, callers: int, life: float) -> list[int]:
        """Starts a writer and kills it after `life` seconds. The ids it had acknowledged when it died."""
        self._say(f"{path} {first} {callers}\n")
        pid, acknowledged = 0, list[int]()
        while not pid:
            number = self._next()
            if number < 0:
                pid = -number
            else:
                acknowledged.append(number)
        dies_at = time.monotonic() + life
        while (left := dies_at - time.monotonic()) > 0:
            # Reading on meanwhile: a writer that waited for room in the pipe would not be at its work.
            if self._has_more(left):
                acknowledged.append(self._next())
        os.kill(pid, signal.SIGKILL)
        while number := self._next():
            acknowledged.append(number)
        return acknowledged

    def close(self) -> None:
        with self._program as program:
            assert program.stdin is not None
            program.stdin.close()

    def _say(self, line: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(line.encode())

    def _has_more(self, seconds: float) -> bool:
        assert self._program.stdout is not None
        return bool(select.select([self._program.stdout], [], [], seconds)[0])

    def _next(self) -> int:
        assert self._program.stdout is not None
        read = b""
        while len(read) < 8:
            piece = self._program.stdout.read(8 - len(read))
            assert piece, "the program of the writers ended by itself"
            read += piece
        return int.from_bytes(read, "little", signed=True)


@pytest.fixture
def writers() -> Iterator[Writers]:
    started = Writers()
    yield started
    started.close()


def numbers_in(path: Path) -> set[int]:
    """The numbers in the file; each has its row and its fact."""
    with closing(open_reader(path, 5000)) as connection:
        rows = {int(str(key)) for (key,) in connection.execute("SELECT key FROM settings")}
        facts = [number for (number,) in connection.execute("SELECT details ->> 'number' FROM audit_log")]
    assert rows == set(facts)
    assert len(rows) == len(facts)
    return rows


def is_made(path: Path) -> bool:
    """Whether the killed writer had come as far as the schema."""
    if not path.exists():
        return False
    with closing(open_reader(path, 5000)) as connection:
        return bool(connection.pragma("user_version"))


@pytest.mark.proof
def test_kill_9_at_any_moment_loses_no_acknowledged_write(writers: Writers, tmp_path: Path, scale: str) -> None:
    kills = {"ci": 100, "full": 1000}[scale]
    chance = random.Random(20260301)
    promised, in_file, lost, damaged, total, next_id = set[int](), set[int](), 0, 0, 0, 1
    for kill in range(kills):
        path = tmp_path / str(kill // KILLS_PER_DATABASE) / "c.db"
        if kill % KILLS_PER_DATABASE == 0:
            promised, next_id = set(), 1
            if kill // KILLS_PER_DATABASE % 2:
                lay_blank(path)  # A busy machine kills each writer before it has made the schema.
        acknowledged = writers.kill_one(path, next_id, chance.choice([1, 4, 32]), chance.uniform(0, LONGEST_LIFE))
        promised |= set(acknowledged)
        total += len(acknowledged)
        in_file = numbers_in(path) if is_made(path) else set()
        lost += len(promised - in_file)
        damaged += bool(is_made(path) and check(path))
        next_id = max(promised | in_file, default=0) + 1
    print(f"{kills} kills, {total} acknowledged writes, {lost} lost, {damaged} damaged files")
    assert (lost, damaged) == (0, 0)
    assert total > kills, "the writers hardly wrote"


@pytest.mark.proof
async def test_a_power_cut_at_any_byte_leaves_whole_transactions_and_loses_none_before_it(
    tmp_path: Path, scale: str
) -> None:
    cuts = {"ci": 100, "full": 1000}[scale]
    db = Database(tmp_path / "whole" / "c.db")
    wal = db.path.with_name("c.db-wal")
    await db.start()
    ends = []
    for number in range(60):
        await db.write(put, f"{number:08}", "x" * (number * 379 % 9000))
        ends.append(wal.stat().st_size)
    main_file, whole = db.path.read_bytes(), wal.read_bytes()
    await db.stop()
    chance = random.Random(20260301)
    for cut in range(cuts):
        at = chance.randrange(len(whole))
        torn = b"" if cut % 2 else chance.randbytes(min(4096, len(whole) - at))
        survived = survivors(tmp_path / str(cut), main_file, whole[:at] + torn)
        assert survived == list(range(len(survived))), "not a prefix"
        assert len(survived) >= sum(end <= at for end in ends), "a transaction before the cut is gone"


def survivors(directory: Path, main_file: bytes, wal: bytes) -> list[int]:
    """The numbers that are there when these files are opened after the cut."""
    directory.mkdir()
    (directory / "c.db").write_bytes(main_file)
    (directory / "c.db-wal").write_bytes(wal)
    with closing(apsw.Connection(str(directory / "c.db"))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return [int(str(key)) for (key,) in connection.execute("SELECT key FROM settings ORDER BY key")]
