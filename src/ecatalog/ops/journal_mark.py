"""How far the journal of revocations went, kept beside the database too: whoever can write to the place of the backups
could put an older journal back, signatures and all, and only another place can tell.
"""

from pathlib import Path

import msgspec

from ecatalog.ops.work_folder import find_noted, note

_FILE = "journal.json"


class Mark(msgspec.Struct, frozen=True):
    """The hash of the last line, noted before it is written, and of the line before these."""

    last: str
    before: str


def find_mark(data: Path) -> Mark | None:
    """None where no gateway has kept a journal yet, or when the file cannot be read: then nobody knows."""
    return find_noted(data, _FILE, Mark)


def note_mark(data: Path, mark: Mark) -> None:
    """On the disk when it returns. Raises OSError."""
    note(data, _FILE, mark)
