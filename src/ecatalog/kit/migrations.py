"""The schema brought up to date at start: numbered SQL files, forward only, after the file was copied."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import apsw
import structlog

from ecatalog.kit.guards import RefusedToStart
from ecatalog.kit.sync import sync

log = structlog.get_logger("ecatalog.kit.migrations")

_NOT_FOR_STEPS = {apsw.SQLITE_TRANSACTION, apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH}
_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: the version it leads to, its file's name, and its SQL."""

    version: int
    name: str
    sql: str


def shipped_migrations() -> tuple[Migration, ...]:
    """The steps that come with this version of the program."""
    return read_migrations(files("ecatalog.migrations").joinpath("sqlite"))


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """The steps in a folder, in order. ValueError when their numbers are not 1, 2, 3 and so on."""
    found = sorted(
        (
            Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8"))
            for entry in folder.iterdir()
            if (match := _NAME.fullmatch(entry.name))
        ),
        key=lambda step: step.version,
    )
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are numbered 1, 2, 3: {[step.name for step in found]}")
    return tuple(found)


def migrate(path: Path, now: datetime, steps: tuple[Migration, ...]) -> Path | None:
    """Brings the file to the last step, by all steps or none. Returns the copy of what was there before.

    None when no copy was needed. Raises RefusedToStart, with the file as it was.
    """
    connection = _open(path)
    try:
        version = _version_of(connection, path, steps)
        missing = steps[version:]
        if not missing:
            return None
        copy = _copy(connection, path, steps[-1].version, now) if version else None
        _apply(connection, path, missing, copy)
    finally:
        connection.close()
    log.info("migrated", path=str(path), version=steps[-1].version, copy=str(copy) if copy else None)
    return copy


def made_by(steps: tuple[Migration, ...]) -> apsw.Connection:
    """A database in memory, empty but for what these steps make: to compare with."""
    connection = apsw.Connection(":memory:")
    _apply(connection, Path("memory"), steps, None)
    return connection


def _open(path: Path) -> apsw.Connection:
    if not path.exists():
        # SQLite gives the files beside it the rights of the database itself.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as error:
        raise RefusedToStart(f"{path} cannot be opened ({error}). Check that it is a file and its rights.") from error
    connection.set_busy_timeout(5000)
    return connection


def _version_of(connection: apsw.Connection, path: Path, steps: tuple[Migration, ...]) -> int:
    try:
        version = int(connection.pragma("user_version"))
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
    except apsw.NotADBError as error:
        raise RefusedToStart(
            f"{path} is not a SQLite database. Move it away, or restore the database from a backup."
        ) from error
    except apsw.Error as error:
        raise RefusedToStart(f"{path} cannot be read ({error}). Restore it from a backup.") from error
    if version > len(steps):
        raise RefusedToStart(
            f"{path} has schema version {version}; this program knows {len(steps)}. "
            "Install the newer version again, or restore the copy that was made before the upgrade."
        )
    if version == 0 and tables:
        raise RefusedToStart(f"{path} holds tables of another program. Choose another file for the catalog.")
    return version


def _copy(connection: apsw.Connection, path: Path, version: int, now: datetime) -> Path:
    copy = path.with_name(f"{path.name}.before-{version}-{now:%Y%m%dT%H%M%SZ}")
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection.execute("VACUUM INTO ?", (str(copy),))
        sync(copy)
        sync(copy.parent)
    except (apsw.Error, OSError) as error:
        copy.unlink(missing_ok=True)
        raise RefusedToStart(
            f"{path} could not be copied before its migration ({error}). Make room beside it, then try again."
        ) from error
    return copy


def _apply(connection: apsw.Connection, path: Path, steps: tuple[Migration, ...], copy: Path | None) -> None:
    # A table is rebuilt by dropping and renaming it, which enforced foreign keys would not allow; they are
    # checked before the commit instead (sqlite.org/lang_altertable.html, section 7).
    connection.pragma("foreign_keys", False)
    step = steps[0]
    try:
        connection.execute("BEGIN IMMEDIATE")
        for step in steps:
            _run(connection, step)
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise apsw.ConstraintError(f"{len(broken)} rows refer to rows that do not exist")
        connection.pragma("user_version", steps[-1].version)
        connection.execute("COMMIT")
    except apsw.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        kept = f" The copy {copy} is not needed." if copy else ""
        raise RefusedToStart(
            f"{path} could not be migrated: {step.name} failed ({error}). The file is as it was.{kept} "
            "Start the version that ran before, and report this."
        ) from error


def _run(connection: apsw.Connection, step: Migration) -> None:
    # A step that committed by itself would leave the file between two versions.
    connection.authorizer = _deny_transactions
    try:
        connection.execute(step.sql)
    finally:
        connection.authorizer = None


def _deny_transactions(operation: int, *_: str | None) -> int:
    return apsw.SQLITE_DENY if operation in _NOT_FOR_STEPS else apsw.SQLITE_OK
