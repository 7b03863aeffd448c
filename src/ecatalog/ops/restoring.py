"""Restoring: the database of a backup in place of what is there, made safe before anybody can use it.

What was there is kept. Sessions and one-time codes are void, watchers begin anew, and what was revoked since the
backup is revoked again; where that cannot be known for sure, clients' access is on hold until somebody confirms.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ecatalog.accounts.actions import void_sessions_and_codes
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import to_text
from ecatalog.kit.connections import is_open_elsewhere, open_reader, open_writer
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError
from ecatalog.kit.guards import WriterLock, make_directory
from ecatalog.kit.ids import new_secret
from ecatalog.kit.inspect import check_pages, wal_bytes
from ecatalog.kit.readers import run_query
from ecatalog.kit.schema import foreign_objects
from ecatalog.kit.sync import sync
from ecatalog.kit.tx import Session
from ecatalog.launches.actions import stop_everything
from ecatalog.launches.serving import begin_epoch, ensure_identity, identity_of
from ecatalog.notices.after_restore import forget_what_waited
from ecatalog.ops import standing_queries
from ecatalog.ops.backups import FILES, BackupFailed, Place, Progress, only_one, opened_backup
from ecatalog.ops.belongings import unpack
from ecatalog.ops.holding import hold_access
from ecatalog.ops.journal import NAME, Journal, read_journal, standings_in
from ecatalog.ops.journal_mark import Mark, find_mark
from ecatalog.ops.standings import Holder, Standing, Subject, apply_standing, is_stale

T = TypeVar("T")

RESTORED = "The catalog was restored from a backup. Open the demo again."
_UNSIGNED = "Nobody signed the replica: whoever could write there could change what it says of people and of demos."
_SUFFIXES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Since:
    """What is known of who was shut out since the backup; `gap` says why that may not be all, empty when it is.

    `holders` had power in the database that was there, None where that cannot be relied on.
    """

    standings: dict[Subject, Standing]
    source: str
    gap: str
    holders: list[Holder] | None = None


@dataclass(frozen=True)
class Origin:
    """What is put in place: by whom and when it was made, how far its log of facts goes, how many files come along.

    Without a signature all of that, and every row, is only what whoever could write there says.
    """

    name: str
    made_at: datetime
    installation: str
    epoch: str
    position: int
    files: int = 0
    is_signed: bool = True


@dataclass
class Restored:
    """What a restore did, for telling: where what was there is kept, what was applied again, what could not be.

    `foreign` is what of the schema is not ours. `holders` have power by it now; those before are None when unknown.
    """

    origin: Origin
    kept: Path | None = None
    files: int = 0
    source: str = ""
    hold: str = ""
    applied: list[Standing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)
    holders_before: list[Holder] | None = None


def restore_backup(place: Place, name: str, trusted: Ed25519PublicKey, now: datetime, tell: Progress) -> Restored:
    """Puts the database of this backup in place, and its files. Raises what `restore` does."""

    def bring(new: Path) -> Origin:
        manifest = opened_backup(place, name, new, trusted, tell)
        known, files = manifest.content, manifest.files.count if manifest.files else 0
        return Origin(manifest.id, manifest.made_at, known.installation, known.epoch, known.position, files)

    return restore(place, bring, trusted, now, tell)


def restore(
    place: Place, bring: Callable[[Path], Origin], trusted: Ed25519PublicKey, now: datetime, tell: Progress
) -> Restored:
    """Puts the database in place that `bring` writes to the path it is given, tested. Until the last step what was
    there is untouched.

    Raises RefusedToStart while a gateway has the database, BadBackup, StoreFailed, BackupFailed.
    """
    make_directory(place.database.parent)
    lock = WriterLock(place.database.parent)
    lock.acquire()
    folder = place.database.parent / ".restore"
    try:
        with only_one(place):
            _refuse_others(place.database)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            new = folder / place.database.name
            origin = bring(new)
            tell("replaying", 0, 0)
            since = what_was_revoked_since(place, origin, trusted, now)
            restored = Restored(origin, source=since.source, hold=since.gap, holders_before=since.holders)
            restored.foreign = foreign_objects(new)
            asyncio.run(_make_safe(new, since, restored, now))
            if origin.files:  # Before the database, which names them.
                restored.files = unpack(place.work / FILES, place.data, now)
            restored.kept = _swap(new, place.database, now)
    except (apsw.Error, CatalogError, OSError) as error:
        raise BackupFailed(f"The backup was not restored ({error}). What was there is untouched.") from error
    finally:
        # What was refused may be as large as whoever wrote it liked.
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
    return restored


# what came after the backup ---------------------------------------------------------------------------------


def what_was_revoked_since(place: Place, origin: Origin, trusted: Ed25519PublicKey, now: datetime) -> Since:
    """By the database that is there, if it can be relied on; else by the journal beside the backups."""
    known = _known_since(place, origin, trusted, now)
    return known if origin.is_signed else replace(known, gap=f"{_UNSIGNED} {known.gap}".rstrip())


def _known_since(place: Place, origin: Origin, trusted: Ed25519PublicKey, now: datetime) -> Since:
    why_not = _why_not_there(place.database, origin.installation, now)
    if not why_not:
        standings = _read_there(place.database, now, standing_queries.list_standings)
        holders = _read_there(place.database, now, standing_queries.list_holders)
        return Since(standings, "the database that was there", "", holders)
    journal, source = read_journal(place.store.find(NAME), trusted), "the journal of revocations"
    lines = journal.since(origin.epoch, origin.position)
    standings = standings_in(lines or ())
    if not origin.is_signed:  # How far it goes is what its forger wrote, so who was shut out before that is too.
        standings = {who: last for who, last in standings_in(journal.lines).items() if last.is_out} | standings
    told = f"{why_not} And the journal of revocations beside the backups"
    if lines is None:
        return Since(standings, source if standings else "nothing", f"{told} does not begin where this backup ends.")
    why_not_all = _why_not_all(journal, origin, find_mark(place.data))
    return Since(standings, source, f"{told} {why_not_all}" if why_not_all else "")


def _why_not_all(journal: Journal, origin: Origin, mark: Mark | None) -> str:
    """Why something may have been revoked after the last line of the journal; empty when nothing can have been."""
    until = to_text(journal.lines[-1].at)
    if not journal.is_closed:
        how = "stops" if journal.is_whole else "is damaged"
        return f"{how} at {until}, without the mark of an orderly end."
    if not journal.reaches(origin.epoch, origin.position):
        # Somebody put an older one back, or the database was changed without the gateway.
        return f"ends at {until}, before this backup does."
    if mark is None:
        return f"ends at {until}; whether it once went on cannot be known on this machine."
    return "" if mark.last in journal.hashes else f"ends at {until}, and once went on: somebody put an older one back."


def _why_not_there(database: Path, installation: str, now: datetime) -> str:
    """Why what is there cannot tell what was revoked since; empty when it can."""
    if not database.exists():
        return "There was no database."
    if check_pages(database):
        return "The database that was there is damaged."
    try:
        is_same = _read_there(database, now, lambda tx: identity_of(tx).installation == installation)
        is_held = _read_there(database, now, standing_queries.find_hold) is not None
        _read_there(database, now, standing_queries.list_standings)
        _read_there(database, now, standing_queries.list_holders)
    except (apsw.Error, RuntimeError):
        return "The database that was there has another schema."
    if not is_same:
        return "The database that was there is of another installation."
    return "The database that was there was itself restored, and nobody confirmed it." if is_held else ""


def _read_there(database: Path, now: datetime, query: Callable[[Tx], T]) -> T:
    with closing(open_reader(database, 5000)) as connection:
        return run_query(Session(connection), now, query)


# making it safe ---------------------------------------------------------------------------------------------


async def _make_safe(new: Path, since: Since, restored: Restored, at: datetime) -> None:
    """Everything that must hold before the database is used; it is one file on the disk afterwards."""
    db = Database(new, clock=lambda: at)
    await db.start()
    try:
        was = await ensure_identity(db)
        await db.write(_begin_anew, was.epoch, new_secret(), restored.origin)
        known = await db.read(standing_queries.list_standings)
        for wanted in since.standings.values():
            now = known.get(wanted.subject)
            if now is not None and is_stale(now, wanted):
                await _apply(db, now, wanted, restored)
        if restored.hold or restored.problems:
            restored.hold = restored.hold or "Some revocations could not be made again."
            await db.write(hold_access, SYSTEM, restored.hold)
        await db.write(forget_what_waited)
        hold = await db.read(standing_queries.find_hold)
        restored.hold = hold or ""
        restored.holders = await db.read(standing_queries.list_holders)
    finally:
        await db.stop()
    if wal_bytes(new):
        raise BackupFailed("The restored database could not be brought into one file. Make room, then try again.")
    sync(new)


async def _apply(db: Database, now: Standing, wanted: Standing, restored: Restored) -> None:
    try:
        await db.write(apply_standing, now, wanted)
    except CatalogError as error:
        restored.problems.append(f"{wanted.kind} {wanted.id}: {error}")
    else:
        restored.applied.append(wanted)


def _begin_anew(tx: Tx, was: str, epoch: str, origin: Origin) -> None:
    void_sessions_and_codes(tx, SYSTEM)
    stop_everything(tx, SYSTEM, RESTORED)
    begin_epoch(tx, was, epoch)
    tx.record("database.restored", SYSTEM, backup=origin.name, made_at=to_text(origin.made_at))


# putting it in place ----------------------------------------------------------------------------------------


def _swap(new: Path, database: Path, now: datetime) -> Path | None:
    """Keeps what is there under another name, then replaces it in one step; at no moment is there no database."""
    kept = None
    if database.exists():
        _refuse_others(database)
        _empty_wal(database)
        kept = database.with_name(f"{database.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
        os.link(database, kept)
        # A log of the old database beside the new one would be taken for its own.
        for suffix in _SUFFIXES:
            beside = database.with_name(database.name + suffix)
            if suffix == "-shm":
                beside.unlink(missing_ok=True)
            elif beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
        sync(database.parent)
    for suffix in _SUFFIXES:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    new.replace(database)
    sync(database.parent)
    return kept


def _refuse_others(database: Path) -> None:
    """Litestream, left running while the file is replaced, was measured to go on with the pages of both: nothing could
    be restored from its replica any more. Raises BackupFailed.
    """
    try:
        is_open = database.exists() and is_open_elsewhere(database)
    except apsw.Error:
        return  # What cannot be opened is nobody's.
    if is_open:
        raise BackupFailed(
            f"Another program has {database} open, such as Litestream. Stop it first; fuser tells which it is."
        )


def _empty_wal(database: Path) -> None:
    """Brings what its log holds into the file, if it can still be opened."""
    with suppress(apsw.Error), closing(open_writer(database, 5000)) as connection:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
