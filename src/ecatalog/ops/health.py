"""Whether this gateway can do its work: a write that reaches the disk, the schema it knows, room for a copy."""

import os
from collections.abc import Callable
from pathlib import Path

from ecatalog.kit.db import Database, RefusedToStart, Tx
from ecatalog.kit.guards import check_engine
from ecatalog.kit.inspect import status
from ecatalog.ops import queries

ROOM_FACTOR = 2.2
"""Free disk wanted, as a multiple of the database: a copy of it, its WAL, and a margin."""
_LEAST_ROOM = 64 << 20


def free_bytes_of(folder: Path) -> int:
    """What this account may still write there."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def wanted_bytes(database: int) -> int:
    """What should be free beside a database of this size."""
    return max(int(database * ROOM_FACTOR), _LEAST_ROOM)


async def check_readiness(db: Database, *, free_bytes: Callable[[Path], int] = free_bytes_of) -> list[str]:
    """Probes the disk, and the database with a write: the problems, a sentence each. Never raises.

    The schema needs no look: a database whose version is not this program's is never opened.
    """
    problems = disk_problems(db.path, free_bytes)
    try:
        await db.write(_probe)
    except Exception as error:
        problems.append(f"The database does not take a write: {error}")
    return problems


def file_problems(path: Path, free_bytes: Callable[[Path], int] = free_bytes_of) -> list[str]:
    """What is wrong with a database that somebody else writes: only read, and quick whatever its size. Never raises."""
    try:
        if not path.exists():
            return [f"There is no database at {path}. Prepare one with `ecatalog db prepare`."]
        check_engine()
        found = status(path)
    except (RefusedToStart, OSError) as error:
        return [str(error)]
    except Exception as error:
        return [f"{path} cannot be read ({error}). Restore it from a backup."]
    if found.schema_version != found.known_version:
        return [f"The schema has version {found.schema_version}; this program works with {found.known_version}."]
    return disk_problems(path, free_bytes)


def _probe(tx: Tx) -> None:
    queries.note_probe(tx)


def disk_problems(path: Path, free_bytes: Callable[[Path], int] = free_bytes_of) -> list[str]:
    """What is wrong with the room beside the database file, in sentences."""
    try:
        size, free = path.stat().st_size, free_bytes(path.parent)
    except OSError as error:
        return [f"The database file cannot be looked at: {error.strerror}."]
    wanted = wanted_bytes(size)
    if free >= wanted:
        return []
    return [f"The disk of {path.parent} has {free >> 20} MiB free; {wanted >> 20} MiB are wanted. Make room."]
