"""The `sqlite3` of the images: the shell that apsw ships, with its safe SQLite, beside a gateway that may run.

It opens the database of a catalog to read, and takes the lock of the data directory at the first statement that would
change something. Where a gateway holds that lock, nothing is changed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import apsw.ext
from apsw.shell import Shell

from ecatalog.kit.connections import open_reader
from ecatalog.kit.guards import LOCK, InUse, WriterLock

_BUSY_MS = 5000
_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
_READS_ONLY = "The catalog is running, and it alone writes to this database: this shell only reads."


class CatalogShell(Shell):
    """Like `sqlite3 FILE [SQL …]`. Files that are no catalog's are opened as that shell opens them."""

    lock: WriterLock | None = None

    # What the shell sets; it has no types.
    dbfilename: Any
    _db: Any

    def _ensure_db(self) -> apsw.Connection:
        if self._db is None:
            self._db = self._open(self.dbfilename or ":memory:")
            self._db.authorizer = self._authorize
            self._apply_fts()
        found: apsw.Connection = self._db
        return found

    db = property(_ensure_db, Shell._set_db)

    def _open(self, name: str) -> apsw.Connection:
        if _is_of_catalog(name):
            return open_reader(Path(name), _BUSY_MS)
        # Without URIs: a name is a path, so that one look tells whether it is a catalog's.
        return apsw.Connection(name, flags=_FLAGS)

    def _authorize(self, operation: int, one: str | None, two: str | None, *_: str | None) -> int:
        is_way_round = (operation == apsw.SQLITE_ATTACH and (one is None or _is_of_catalog(one))) or (
            operation == apsw.SQLITE_PRAGMA and str(one).lower() == "query_only" and two is not None and not self.lock
        )
        return apsw.SQLITE_DENY if is_way_round else apsw.SQLITE_OK

    def _query_details(self, sql: str, bindings: Any) -> Any:
        """Called before each statement, with all that is left of the input."""
        found = super()._query_details(sql, bindings)
        if found.query and not found.error_text and self._changes(found.query):
            self._begin_to_write()
        return found

    def _changes(self, sql: str) -> bool:
        if self.lock is not None or not _is_of_catalog(self.dbfilename):
            return False
        # SQLite counts this one as a change, also when it only asks.
        return not apsw.ext.query_info(self.db, sql).is_readonly and sql.strip(" \n;").lower() != "pragma journal_mode"

    def _begin_to_write(self) -> None:
        if self.lock is not None or not _is_of_catalog(self.dbfilename):
            return
        lock = WriterLock(Path(str(self.dbfilename)).parent)
        try:
            lock.acquire()
        except InUse:
            raise self.Error(_READS_ONLY) from None
        self.lock = lock
        self.db.pragma("query_only", False)
        self.db.pragma("foreign_keys", True)

    def command_restore(self, cmd: list[str]) -> None:
        self._begin_to_write()
        super().command_restore(cmd)

    def command_open(self, cmd: list[str]) -> None:
        """open ?FILE?: Opens a database connection

        If FILE is omitted then a memory database is opened
        """
        if len(cmd) > 1 or any(each.startswith("-") for each in cmd):
            raise self.Error("Open takes the name of one file.")
        self.db = None, cmd[0] if cmd else ""

    def command_dbconfig(self, cmd: list[str]) -> None:
        """dbconfig: Left out, because it could undo what keeps a catalog whole"""
        raise self.Error("This shell does not change how SQLite guards a database.")


def _is_of_catalog(name: str | None) -> bool:
    """Whether it is the database of a data directory: one that a gateway has used."""
    return bool(name) and Path(str(name)).is_file() and Path(str(name)).with_name(LOCK).exists()


def main(words: Sequence[str]) -> int:
    """The exit status of one call: 1 when a statement failed."""
    shell = CatalogShell()
    try:
        if missing := _asked_without_file(words):
            raise Shell.Error(f"There is no database at {missing}.")
        _, _, statements = shell.process_args(list(words))
        shell.bail = shell.bail or not sys.stdin.isatty()
        if not statements:
            shell.cmdloop()
    except (Shell.Error, apsw.Error, OSError) as error:
        if not getattr(error, "_handle_exception_saw_this", False):
            sys.stderr.write(f"sqlite3: {error}\n")
        return 1
    return 0


def _asked_without_file(words: Sequence[str]) -> str | None:
    """The file of `sqlite3 FILE SQL` when it is not there: the shell would make an empty one and answer from that."""
    if len(words) < 2 or words[0].startswith("-") or words[0] in ("", ":memory:") or Path(words[0]).exists():
        return None
    return words[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
