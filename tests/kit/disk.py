"""A disk that fails when told to: a SQLite VFS that passes everything on but the operation it is to fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

NAME = "failing-disk"
USUAL = "unix"


class FailingDisk(apsw.VFS):
    """Counts the writes and syncs of its connections; fails the `fail_at`-th, once or from then on."""

    def __init__(self) -> None:
        super().__init__(NAME, USUAL)
        self.heal()

    def heal(self) -> None:
        self.operations = 0
        self.fail_at = 0
        self.is_lasting = False
        self.error: type[apsw.Error] = apsw.IOError
        self.only = ""

    def fail(self, error: type[apsw.Error], *, at: int = 1, is_lasting: bool = True, only: str = "") -> None:
        """Of the operations to come that start with `only` (`sync`, `write wal`), the `at`-th fails."""
        self.heal()
        self.error, self.fail_at, self.is_lasting, self.only = error, at, is_lasting, only

    def did(self, operation: str) -> None:
        if self.fail_at and operation.startswith(self.only):
            self.operations += 1
            if self.operations == self.fail_at or (self.is_lasting and self.operations > self.fail_at):
                raise self.error(f"the disk failed at {operation}")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        super().__init__(USUAL, name, flags)
        self._disk = disk
        self._kind = "main" if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else "wal"

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.did(f"write {self._kind}")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.did(f"sync {self._kind}")
        super().xSync(flags)


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """Every connection opened inside is on this disk."""
    disk = FailingDisk()
    apsw.set_default_vfs(NAME)
    try:
        yield disk
    finally:
        apsw.set_default_vfs(USUAL)
        disk.unregister()
