"""How the last try to make a backup, and the last restore test, went: a small file beside the database, so that
whoever tries and whoever asks may be different processes.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from ecatalog.ops.work_folder import find_noted, note

_FILE = "last.json"


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """When the last try began, and the backup that it made or why it made none; `good_at` is when the last good one
    was begun. `tested_at` is when one was last opened and compared, `test_error` what was wrong with it.
    """

    at: datetime
    name: str = ""
    bytes: int = 0
    error: str = ""
    good_at: datetime | None = None
    previous_bytes: int = 0
    tested_at: datetime | None = None
    test_error: str = ""


def find_last_backup(data: Path) -> LastBackup | None:
    """None before the first try, or when the file cannot be read: nobody relies on it to restore."""
    return find_noted(data, _FILE, LastBackup)


def note_backup(data: Path, last: LastBackup) -> None:
    """Keeps what is told, with the time and the size of the good one before. Raises OSError."""
    was = find_last_backup(data)
    good_at = last.at if last.name else (was.good_at if was else None)
    kept = was.bytes if was else 0
    noted = msgspec.structs.replace(last, good_at=good_at, previous_bytes=kept, bytes=last.bytes or kept)
    if last.tested_at is None and was is not None:
        noted = msgspec.structs.replace(noted, tested_at=was.tested_at, test_error=was.test_error)
    note(data, _FILE, noted)


def note_test(data: Path, at: datetime, error: str) -> None:
    """Keeps how a restore test of a stored backup went, beside how the last one was made. Raises OSError."""
    was = find_last_backup(data)
    if was is not None:
        note(data, _FILE, msgspec.structs.replace(was, tested_at=at, test_error=error))
