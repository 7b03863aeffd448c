"""The archive of use: old events leave the database for compressed files, a month each, and can still be asked.

A part counts once its manifest is there, and only then its events leave the database: over any crash each event is in
one of the two, or in both and then told once. The daily sums stay where they are.
"""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import zstandard

from ecatalog.kit.actor import Actor
from ecatalog.kit.clock import from_text
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict
from ecatalog.kit.sync import sync
from ecatalog.ops import archive_queries as queries
from ecatalog.ops.archive_queries import Event
from ecatalog.ops.backup_sealing import sha256_of
from ecatalog.usage.actions import remove_events

_READ_AT_A_TIME = 2000
_REMOVED_AT_A_TIME = 200
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of one file: the month, how many events it has, their range of ids, and the SHA-256 of the file."""

    month: str
    file: str
    rows: int
    first_id: int
    last_id: int
    sha256: str
    made_at: datetime


@dataclass(frozen=True)
class Archive:
    """The folder of the archive: `usage-2025-01.1.jsonl.zst` and its manifest `usage-2025-01.1.json`."""

    folder: Path

    def parts(self) -> list[Part]:
        """Those that count, oldest first."""
        found = sorted(self.folder.glob("usage-*.json")) if self.folder.exists() else []
        return [msgspec.json.decode(path.read_bytes(), type=Part) for path in found]

    def events(self, part: Part) -> Iterator[Event]:
        """Raises Conflict when the file is not what its manifest tells."""
        path = self.folder / part.file
        if not path.exists() or sha256_of(path) != part.sha256:
            raise Conflict(f"{path} is damaged or gone. Bring it back from your copy of {self.folder}.")
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            for line in io.BufferedReader(plain):
                yield _decode(line)

    def all_events(self) -> Iterator[Event]:
        for part in self.parts():
            yield from self.events(part)

    def next_name(self, month: str) -> str:
        number = sum(part.month == month for part in self.parts()) + 1
        return f"usage-{month}.{number}"


def first_kept_month(now: datetime, months: int) -> datetime:
    """The start (UTC) of the month so many months before this one: everything before it is old."""
    count = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 - months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


async def archive_use(db: Database, archive: Archive, actor: Actor, now: datetime, months: int) -> list[Part]:
    """Archives all events of months that are older, and removes them from the database in batches; the new parts.

    What an earlier run could not finish is finished first. Raises Conflict when a file of the archive is damaged.
    """
    archive.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in archive.folder.glob(".partial-*"):
        leftover.unlink()
    for part in archive.parts():
        await _remove_archived(db, archive, part, actor)
    made = []
    oldest, until = await db.read_long(queries.oldest_event_at), first_kept_month(now, months)
    since = first_kept_month(from_text(oldest), 0) if oldest else until
    while since < until:
        if await db.read_long(queries.events_after, 0, since, first_kept_month(since, -1), 1):
            part = await _write_part(db, archive, since, now)
            await _remove_archived(db, archive, part, actor)
            made.append(part)
        since = first_kept_month(since, -1)
    return made


async def _write_part(db: Database, archive: Archive, since: datetime, now: datetime) -> Part:
    month, until = f"{since:%Y-%m}", first_kept_month(since, -1)
    name = archive.next_name(month)
    partial, count, first, last = archive.folder / f".partial-{name}", 0, 0, 0
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        with zstandard.ZstdCompressor(level=9).stream_writer(file, closefd=False) as packing:
            while events := await db.read_long(queries.events_after, last, since, until, _READ_AT_A_TIME):
                packing.write(b"".join(_encode(event) + b"\n" for event in events))
                count, first, last = count + len(events), first or events[0].id, events[-1].id
        file.flush()
        os.fsync(file.fileno())
    path = archive.folder / f"{name}.jsonl.zst"
    part = Part(
        month=month, file=path.name, rows=count, first_id=first, last_id=last, sha256=sha256_of(partial), made_at=now
    )
    partial.replace(path)
    manifest = archive.folder / f".partial-{name}.json"
    manifest.write_bytes(msgspec.json.format(msgspec.json.encode(part)))
    sync(manifest)
    manifest.replace(archive.folder / f"{name}.json")
    sync(archive.folder)
    return part


async def _remove_archived(db: Database, archive: Archive, part: Part, actor: Actor) -> None:
    batch: list[Event] = []
    is_new = False
    for event in archive.events(part):
        batch.append(event)
        if len(batch) == _REMOVED_AT_A_TIME:
            is_new = bool(await db.write(_remove, batch)) or is_new
            batch = []
    is_new = bool(await db.write(_remove, batch)) or is_new
    if is_new:
        await db.write(_note, actor, part)


def _remove(tx: Tx, archived: Sequence[Event]) -> int:
    """Removes those that are still here, and are what was archived: numbers may have been given again since."""
    return remove_events(tx, [event.id for event in archived if queries.find_event(tx, event.id) == event])


def _note(tx: Tx, actor: Actor, part: Part) -> int:
    return tx.record("usage.archived", actor, month=part.month, rows=part.rows, file=part.file)
