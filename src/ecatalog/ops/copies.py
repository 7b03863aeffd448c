"""A copy of the database as it is at one moment, made beside a running gateway or without one."""

import os
from datetime import datetime
from pathlib import Path

import apsw

from ecatalog.kit.connections import open_reader
from ecatalog.kit.inspect import check
from ecatalog.kit.sync import sync


class CopyFailed(Exception):
    """There is no copy; the message says why and what to do."""


def copy_database(path: Path, folder: Path, now: datetime, *, busy_timeout_ms: int = 5000) -> Path:
    """Copies the file into the folder as `ltplabs-<now>.db` (mode 600), checks the copy, and returns where it is.

    It appears under that name only when it is whole and on the disk. Raises CopyFailed.
    """
    target = folder / f"{path.stem}-{now:%Y%m%dT%H%M%SZ}.db"
    partial = target.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise CopyFailed(f"{folder} cannot take the copy ({error.strerror}). Name another folder.") from error
    try:
        _copy_pages(path, partial, busy_timeout_ms)
        problems = check(partial)
        if problems:
            raise CopyFailed(f"The copy is not whole, and was removed: {' '.join(problems)}")
        sync(partial)
        partial.replace(target)
        sync(folder)
    except (apsw.Error, OSError) as error:
        raise CopyFailed(f"{path} could not be copied ({error}). Make room, then try again.") from error
    finally:
        for leftover in folder.glob(f"{partial.name}*"):
            leftover.unlink(missing_ok=True)
    return target


def _copy_pages(path: Path, target: Path, busy_timeout_ms: int) -> None:
    """All pages in one step, so in one read transaction: in WAL mode no writer waits for it."""
    source = open_reader(path, busy_timeout_ms)
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)
        # As one file that may be carried about; the gateway turns the log on again.
        copy.pragma("journal_mode", "delete")
    finally:
        copy.close()
        source.close()
