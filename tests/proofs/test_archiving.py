"""A kill at any moment of archiving: each event is in the database or in a file, and is told once."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecatalog.ops.archive import Archive
from ecatalog.ops.archive_queries import ask, both
from tests.proofs.grown import environment, grow, make_catalog, run

pytestmark = pytest.mark.proof
COMMAND = ["archive", "--older-than", "1m"]


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    return await make_catalog(tmp_path / "catalog")


def told(database: Path) -> tuple[int, str]:
    """How many events an operator sees, and the hash of all of them."""
    with both(database, Archive(database.parent / "archive").all_events) as connection:
        _, rows = ask(connection, "SELECT * FROM usage_analytics ORDER BY id, timestamp")
    return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()


def test_a_kill_at_any_moment_loses_no_event_and_tells_none_twice(database: Path, scale: str) -> None:
    grow(database, {"ci": 12, "full": 60}[scale])
    was, chance, kills = told(database), random.Random(20260310), {"ci": 8, "full": 100}[scale]
    life, ended = 1.0, 0
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-m", "ecatalog", *COMMAND],
            env=environment(database),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ended += child.wait(chance.uniform(0.5, 1.5) * life) == 0
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert told(database) == was

    started = time.monotonic()
    assert run(COMMAND, environment(database)).returncode == 0

    assert told(database) == was
    parts = Archive(database.parent / "archive").parts()
    print(
        f"\n{kills} kills ({ended} times it had ended before): {was[0]} events, each told once; "
        f"{sum(part.rows for part in parts)} archived, the rest in {time.monotonic() - started:.1f} s"
    )
