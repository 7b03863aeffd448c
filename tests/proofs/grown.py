"""A catalog that is as large as one of years, and `ecatalog` run on it as operators do."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import apsw

from ecatalog.kit.db import Database
from tests.cast import SettableClock, load_cast
from tests.ops.backing_up import KEYS


async def make_catalog(folder: Path) -> Path:
    """The file of a catalog with the cast; nobody has it open."""
    db = Database(folder / "ltplabs.db", clock=SettableClock())
    await db.start()
    await db.write(load_cast)
    await db.stop()
    return db.path


def grow(database: Path, megabytes: int) -> None:
    """Adds use and facts, by hand: no catalog would take years of it in a test."""
    with closing(apsw.Connection(str(database))) as connection:
        connection.pragma("synchronous", "off")
        ((client,),) = connection.execute("SELECT min(id) FROM clients").fetchall()
        number = 0
        while database.stat().st_size < megabytes * 1_000_000:
            with connection:
                connection.executemany(
                    "INSERT INTO usage_analytics (client_id, event_type, timestamp, launch_id, seconds, details)"
                    " VALUES (?, 'active', ?, ?, 30, ?)",
                    (
                        (client, f"2025-{1 + n % 12:02}-{1 + n % 28:02}T00:00:00.000Z", os.urandom(16).hex(),
                         f'{{"note":"{os.urandom(20).hex()}"}}')
                        for n in range(number, number + 50_000)
                    ),
                )  # fmt: skip
            number += 50_000
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def environment(database: Path) -> dict[str, str]:
    keys = {f"ECATALOG_{name.upper()}": value for name, value in KEYS.items()}
    return os.environ | keys | {"ECATALOG_DATA": str(database.parent)}


def run(words: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ecatalog", *words], env=dict(env), capture_output=True, text=True, check=False
    )
