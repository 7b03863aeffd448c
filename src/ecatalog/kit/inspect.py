"""What `ecatalog db` commands tell of a database file, beside a running catalog or without one."""

from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec

from ecatalog.kit.connections import open_reader, open_untrusted, read_int
from ecatalog.kit.migrations import shipped_migrations


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes are in bytes. `known_version` is the schema version that this program works with."""

    path: str
    bytes: int
    wal_bytes: int
    schema_version: int
    known_version: int
    page_size: int
    pages: int
    free_pages: int
    position: int


def check(path: Path) -> list[str]:
    """What is wrong with the file, one sentence each; empty when it is whole and has the schema of this program."""
    return _looked_at(path, _broken_pages, _broken_references, _wrong_version)


def check_pages(path: Path) -> list[str]:
    """The same for a file that may have the schema of another version."""
    return _looked_at(path, _broken_pages, _broken_references)


def _looked_at(path: Path, *looks: Callable[[apsw.Connection], list[str]]) -> list[str]:
    if not path.exists():
        return [f"{path} does not exist."]
    try:
        connection = open_untrusted(path, 5000)
    except apsw.Error as error:
        return [f"{path} cannot be opened: {error}."]
    try:
        return [problem for look in looks for problem in look(connection)]
    except apsw.Error as error:
        return [f"{path} cannot be read: {error}."]
    finally:
        connection.close()


def _broken_pages(connection: apsw.Connection) -> list[str]:
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else [f"Integrity check: {line}." for line in found]


def _broken_references(connection: apsw.Connection) -> list[str]:
    found = connection.execute("PRAGMA foreign_key_check").fetchall()
    return [f"Row {row} of {table} refers to a row of {parent} that does not exist." for table, row, parent, _ in found]


def _wrong_version(connection: apsw.Connection) -> list[str]:
    version, known = read_int(connection, "PRAGMA user_version"), len(shipped_migrations())
    if version == known:
        return []
    return [f"The schema has version {version}; this program works with {known}."]


def wal_bytes(path: Path) -> int:
    """The size of the write-ahead log of this database, 0 when there is none."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def status(path: Path) -> Status:
    """Sizes and versions. FileNotFoundError when there is no such file, apsw.Error when it is no database."""
    size = path.stat().st_size
    connection = open_reader(path, 5000)
    try:
        return Status(
            path=str(path),
            bytes=size,
            wal_bytes=wal_bytes(path),
            schema_version=read_int(connection, "PRAGMA user_version"),
            known_version=len(shipped_migrations()),
            page_size=read_int(connection, "PRAGMA page_size"),
            pages=read_int(connection, "PRAGMA page_count"),
            free_pages=read_int(connection, "PRAGMA freelist_count"),
            position=read_int(connection, "SELECT coalesce(max(position), 0) FROM audit_log"),
        )
    finally:
        connection.close()
