"""Receipts: what the other side has taken, noted in a file the moment its answer is read.

A `write` outlives a kill of the process, and takes microseconds where a commit takes milliseconds. So between an answer
and the commit that says `sent` lies no crash of ours after which the message would be sent again. A power cut may still
lose the last receipts: what it loses is sent again under the same message id.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

_MOST_BYTES = 1 << 16

_log = structlog.get_logger("ecatalog.notices")


class Receipts:
    """An append-only file of message ids, emptied when all of them are in the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._size = 0
        self._unwritten: set[str] = set()

    def read(self) -> list[str]:
        """What an earlier process noted. A line that was cut off names no message."""
        try:
            return self._path.read_text("ascii", errors="replace").split()
        except FileNotFoundError:
            return []

    def open(self) -> None:
        """Begins anew: what was in the file is in the database now."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
        self._size = 0

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def note(self, message_id: str) -> None:
        """Notes that the other side took this message. Never raises: without a receipt a crash may repeat it."""
        self._unwritten.add(message_id)
        if self._file is None:
            return
        try:
            self._size += os.write(self._file, f"{message_id}\n".encode())
        except OSError as error:
            _log.warning("receipt_not_kept", message=message_id, reason=str(error))

    def forget(self, message_ids: Iterable[str]) -> None:
        """These are in the database. The file is emptied once it has grown and names nothing else."""
        self._unwritten.difference_update(message_ids)
        if self._file is not None and not self._unwritten and self._size > _MOST_BYTES:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
                self._size = 0
