"""Whether this gateway can do its work: a write that reaches the disk, the schema it knows, room for a backup."""

import os
from pathlib import Path

from ecatalog.kit.db import Database, Tx
from ecatalog.ops import queries

ROOM_FACTOR = 2.2
"""Free disk wanted, as a multiple of the database: a copy of it, its WAL, and a margin (PocketBase advises 2)."""
_LEAST_ROOM = 64 * 1024 * 1024


async def check_readiness(db: Database) -> list[str]:
    """Probes the database with a write, and the disk: the problems, a sentence each. Never raises."""
    problems = _disk_problems(db.path)
    try:
        await db.write(_probe)
    except Exception as error:
        problems.append(f"The database does not take a write: {error}")
    return problems


def _probe(tx: Tx) -> None:
    queries.note_probe(tx)


def _disk_problems(path: Path) -> list[str]:
    try:
        size, disk = path.stat().st_size, os.statvfs(path.parent)
    except OSError as error:
        return [f"The database file cannot be looked at: {error.strerror}."]
    free, wanted = disk.f_bavail * disk.f_frsize, max(int(size * ROOM_FACTOR), _LEAST_ROOM)
    if free >= wanted:
        return []
    return [f"The disk of {path.parent} has {free >> 20} MiB free; {wanted >> 20} MiB are wanted. Make room."]
