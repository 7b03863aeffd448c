"""Opening SQLite. There is one writer connection, which alone checkpoints, and readers that cannot write."""

from pathlib import Path
from typing import Any

import apsw

from ecatalog.kit.guards import RefusedToStart

# A WAL that grew behind a long read is cut back to this once it is reset.
_WAL_BYTES_KEPT = 16 * 1024 * 1024
_CACHE_KIB = 16 * 1024
_MS_FOR_OTHERS = 1000


def open_writer(path: Path, busy_timeout_ms: int) -> apsw.Connection:
    """The connection that writes: in WAL mode, with every commit on the disk before it returns."""
    connection = _open(path, busy_timeout_ms)
    if connection.pragma("journal_mode", "wal") != "wal":
        connection.close()
        raise RefusedToStart(f"{path} is on a disk without shared memory for SQLite's WAL. Use a local disk.")
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", True)
    connection.pragma("journal_size_limit", _WAL_BYTES_KEPT)
    return connection


def open_reader(path: Path, busy_timeout_ms: int) -> apsw.Connection:
    """A connection that only reads: `query_only`, for a read-only file could not share the WAL's memory."""
    connection = _open(path, busy_timeout_ms)
    connection.pragma("query_only", True)
    keep_wal(connection)
    return connection


def open_untrusted(path: Path, busy_timeout_ms: int) -> apsw.Connection:
    """A reader for a file that another may have written: triggers and views are off, and pages are looked at first."""
    connection = open_reader(path, busy_timeout_ms)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    connection.pragma("cell_size_check", True)
    return connection


def keep_wal(connection: apsw.Connection) -> None:
    """Closing this connection, even as the last one, leaves the WAL as it is."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)


def is_open_elsewhere(path: Path) -> bool:
    """Whether another connection has the database open, of whatever program on this host. Changes nothing.

    Who asks for exclusive locking before the first look at a WAL must be alone (sqlite.org/wal.html#noshm); the pragmas
    of our other connections would be such a look.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        keep_wal(connection)
        connection.set_busy_timeout(_MS_FOR_OTHERS)
        connection.pragma("locking_mode", "exclusive")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.BusyError:
        return True
    finally:
        connection.close()
    return False


def _open(path: Path, busy_timeout_ms: int) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=512)
    # Two connections that checkpoint are how SQLite up to 3.51.2 loses commits, and a checkpoint inside a
    # COMMIT makes its callers wait: the writer checkpoints by itself, between two groups.
    connection.wal_autocheckpoint(0)
    connection.set_busy_timeout(busy_timeout_ms)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    # Without it a statement whose plan might depend on the values bound to it is planned anew at each call: measured
    # 8.4 against 2.9 µs for the query that decides whether a demo may be opened.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    connection.pragma("trusted_schema", False)
    connection.pragma("cache_size", -_CACHE_KIB)
    return connection


def read_int(connection: apsw.Connection, sql: str) -> int:
    """The one number that this statement answers with."""
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return int(rows[0][0])
