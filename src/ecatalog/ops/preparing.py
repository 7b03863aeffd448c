"""The database file made ready before anybody serves from it: created, filled with samples when asked, or migrated.

The gateway does the same at its start. Here it is for a pod that prepares the file and then only looks at it.
"""

import asyncio
import os
from enum import StrEnum
from pathlib import Path

import apsw

from ecatalog.accounts.passwords import Hasher
from ecatalog.kit.db import Database, InUse
from ecatalog.kit.guards import WriterLock, make_directory
from ecatalog.kit.inspect import status
from ecatalog.kit.sync import sync
from ecatalog.ops.samples import PASSWORD, load_samples

_PARTIAL = ".preparing"


class Prepared(StrEnum):
    """What was found, and so what was done."""

    CREATED = "created"
    MIGRATED = "migrated"
    CURRENT = "current"
    IN_USE = "in use"


def prepare_database(path: Path, *, with_samples: bool) -> Prepared:
    """Makes the file if there is none; one that exists is migrated after a copy, and not touched otherwise.

    Beside a process that writes (a gateway) nothing is changed: IN_USE. Raises RefusedToStart.
    """
    make_directory(path.parent)
    try:
        if not path.exists():
            return _create(path, with_samples=with_samples)
        before = _version_of(path)
        asyncio.run(_open_once(path))
    except InUse:
        return Prepared.IN_USE
    return Prepared.CURRENT if _version_of(path) == before else Prepared.MIGRATED


def _version_of(path: Path) -> int:
    try:
        return status(path).schema_version
    except apsw.Error:
        return 0  # Empty, or not ours: opening it says what is wrong.


def _create(path: Path, *, with_samples: bool) -> Prepared:
    """Under another name until it is whole: what is killed in between leaves no half-filled database."""
    partial = path.with_name(path.name + _PARTIAL)
    _clear_away(partial)
    asyncio.run(_open_once(partial, with_samples=with_samples))
    try:
        # A link, because a gateway that was quicker has made its own by now, and that one stays.
        os.link(partial, path)
    except FileExistsError:
        return Prepared.IN_USE
    finally:
        _forget(partial)
    sync(path.parent)
    return Prepared.CREATED


def _clear_away(partial: Path) -> None:
    """What an earlier attempt left, unless it is still at work: InUse."""
    lock = WriterLock(partial.parent)
    lock.acquire()
    try:
        _forget(partial)
    finally:
        lock.release()


async def _open_once(path: Path, *, with_samples: bool = False) -> None:
    db = Database(path)
    await db.start()
    try:
        if with_samples:
            hasher = Hasher(concurrency=1)
            await load_samples(db, await hasher.hash(PASSWORD))
            hasher.close()
    finally:
        await db.stop()


def _forget(partial: Path) -> None:
    for each in partial.parent.glob(partial.name + "*"):
        each.unlink(missing_ok=True)
