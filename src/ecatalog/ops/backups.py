"""Making, listing, checking and pruning backups. What a backup is made of is in `backup_file.py`; restoring is apart.

A backup counts when it has its name, and it gets that only after it was opened again from the disk, and what was in it
compared with its manifest.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, NamedTuple

import apsw
import msgspec
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from filelock import FileLock, Timeout

from ecatalog.kit.ids import new_id
from ecatalog.kit.inspect import check_pages
from ecatalog.kit.sync import sync
from ecatalog.ops import backup_file
from ecatalog.ops.backup_file import BadBackup, Manifest, Parts, backup_name, public_text, read_parts
from ecatalog.ops.backup_keys import Keys, fingerprint, signing_key, unwrap, wrap
from ecatalog.ops.backup_queries import content_of, copy_into
from ecatalog.ops.backup_sealing import check_payload, open_sealed, seal, sha256_of
from ecatalog.ops.backup_stores import Store, StoreFailed, store_at
from ecatalog.ops.belongings import bytes_of_belongings, pack
from ecatalog.ops.health import free_bytes_of
from ecatalog.ops.last_backup import LastBackup, note_backup
from ecatalog.ops.retention import to_keep
from ecatalog.ops.work_folder import work_folder
from ecatalog.settings import BadSetting, Settings
from ecatalog.settings_backups import Keep
from ecatalog_client.types.backups import Backup

# The copy, then the copy that is tested while the sealed file lies beside it.
_ROOM_FACTOR = 1.6
# In the folder for work: what is packed to be sealed, and what was opened.
_PACKED, FILES = "packed.tar", "files.tar"

# `tell(step, done, total)`: bytes, total 0 where nobody knows.
Progress = Callable[[str, int, int], None]


class BackupFailed(Exception):
    """There is no backup, or nothing was changed; the message says why and what to do."""


class UnderWay(BackupFailed):
    """Somebody else works on backups here."""


def quietly(_step: str, _done: int, _total: int) -> None:
    """For whoever does not watch."""


@dataclass(frozen=True)
class Place:
    """Where an installation works on backups, where it keeps them, and what it needs for that."""

    database: Path
    data: Path
    store: Store
    keys: Keys

    @property
    def work(self) -> Path:
        """A folder for what must not leave this machine: copies that are not sealed."""
        return work_folder(self.data)


def place_of(settings: Settings) -> Place:
    """Raises StoreFailed."""
    work = work_folder(settings.data)
    return Place(settings.database, settings.data, store_at(settings.backup_place, work), Keys.of(settings))


def make_backup(place: Place, now: datetime, tell: Progress = quietly) -> Backup:
    """Makes a backup of the database as it is, tests it and publishes it; notes how it went. Raises BackupFailed."""
    started = now
    try:
        with only_one(place):
            made = _make(place, now, tell)
    except (apsw.Error, OSError, StoreFailed, BadBackup, BadSetting) as error:
        failed = LastBackup(at=started, error=str(error))
        if isinstance(error, BadBackup):  # What was made just now is bad only when it did not open again.
            failed = msgspec.structs.replace(failed, tested_at=now, test_error=str(error))
        note_backup(place.data, failed)
        raise BackupFailed(f"No backup was made. {error}") from error
    note_backup(place.data, LastBackup(at=started, name=made.name, bytes=made.bytes, tested_at=now))
    return made


def _make(place: Place, now: datetime, tell: Progress) -> Backup:
    _refuse_without_keys_or_room(place)
    signer, own = signing_key(place.data), pyrage.x25519.Identity.generate()
    copy = place.work / "copy.db"
    tell("copying", 0, 0)
    copy_into(place.database, copy)
    tell("reading", 0, 0)
    content = content_of(copy)
    backup_id = new_id()[-8:]
    name = backup_name(now, backup_id)
    with _partial(place.store, signer.public_key(), name) as partial:
        manifest = _write(place, partial, _Draft(backup_id, now, content), copy, own, signer, tell)
        copy.unlink()
        (place.work / _PACKED).unlink(missing_ok=True)
        with partial.open("rb") as file:
            parts = _read(file, signer.public_key())
            # A key that is kept proves that the backup can be opened later; without one, its own that it is whole.
            identity = unwrap(parts.key, place.keys) if parts.key or place.keys.test_key else own
            _test(file, parts, place.work / "test.db", place.work / FILES, identity, tell)
        _keep_public_key(place.store, signer.public_key())
        stored = partial.stat().st_size
        tell("storing", 0, stored)
        place.store.publish(partial, name)
    return _described(name, stored, manifest)


class _Draft(NamedTuple):
    """What is known of a backup before it is written."""

    id: str
    made_at: datetime
    content: backup_file.Content


def _write(
    place: Place,
    partial: Path,
    draft: _Draft,
    copy: Path,
    own: pyrage.x25519.Identity,
    signer: Ed25519PrivateKey,
    tell: Progress,
) -> Manifest:
    """Writes the whole file, which is on the disk then."""
    recipients, total = [own.to_public(), *place.keys.public()], draft.content.bytes
    with _new_file(partial) as file:
        backup_file.begin(file)
        size, digest = seal(copy, file, recipients, lambda done: tell("sealing", done, total))
        backup_file.end(file, backup_file.PAYLOAD, size)
        files = _write_files(place, file, recipients, tell)
        key = wrap(own, place.keys.password)
        manifest = Manifest(
            id=draft.id,
            made_at=draft.made_at,
            content=draft.content,
            sqlite_version=apsw.sqlite_lib_version(),
            program_version=version("ecatalog"),
            payload_bytes=size,
            payload_sha256=digest,
            files=files,
            key_sha256=backup_file.sha256(key) if key else "",
            sealed_for=list(place.keys.recipients),
            signed_by=public_text(signer.public_key()),
        )
        backup_file.finish(file, manifest, key, signer)
    sync(partial)
    return manifest


def _write_files(
    place: Place, file: BinaryIO, recipients: list[pyrage.x25519.Recipient], tell: Progress
) -> backup_file.Sealed | None:
    """After the copy of the database, so that what is moved out of it meanwhile is in both, and not in none."""
    packed = place.work / _PACKED
    count = pack(place.data, packed)
    if not count:
        return None
    total = packed.stat().st_size
    backup_file.begin(file)
    size, digest = seal(packed, file, recipients, lambda done: tell("files", done, total))
    backup_file.end(file, backup_file.FILES, size)
    return backup_file.Sealed(count, total, sha256_of(packed), size, digest)


@contextmanager
def _partial(store: Store, signer: Ed25519PublicKey, name: str) -> Iterator[Path]:
    """Where the file is made. What a crash of ours left there is removed, and nothing of who shares the folder."""
    own = f".partial-{fingerprint(signer)}-"
    partial = store.workplace / f"{own}{name}"
    for leftover in store.workplace.glob(f"{own}*"):
        leftover.unlink(missing_ok=True)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _refuse_without_keys_or_room(place: Place) -> None:
    if not place.database.exists():
        raise BadSetting(f"There is no database at {place.database}.")
    if not place.keys.password and not place.keys.public():
        raise BadSetting("Nobody could open it: set BACKUP_PASSWORD, or public keys in ECATALOG_BACKUP_RECIPIENTS.")
    wanted = int((place.database.stat().st_size + bytes_of_belongings(place.data)) * _ROOM_FACTOR)
    for folder in {place.work, place.store.workplace}:
        free = free_bytes_of(folder)
        if free < wanted:
            raise BadSetting(f"{folder} has {free >> 20} MiB free; {wanted >> 20} MiB are wanted. Make room.")


@contextmanager
def only_one(place: Place) -> Iterator[None]:
    """While the block lasts nobody else works on backups here; what a crash left is gone. Raises BackupFailed."""
    place.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(place.work / "lock", thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UnderWay("Another backup is under way. Wait until it has ended.") from None
    try:
        _sweep(place)
        yield
        _sweep(place)
        # Not in the way of an error: it would hide what happened, and the next one sweeps too.
    finally:
        lock.release()


def _sweep(place: Place) -> None:
    for pattern in ("copy.db*", "test.db*", _PACKED, FILES, ".partial-*"):
        for leftover in place.work.glob(pattern):
            leftover.unlink(missing_ok=True)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as file:
        yield file


def _keep_public_key(store: Store, key: Ed25519PublicKey) -> None:
    """Beside the backups, under a name that another installation's does not have."""
    name = f"signed-by-{fingerprint(key)}.pub"
    if store.find(name) is None:
        store.keep(name, f"{public_text(key)}\n".encode())


# looking at backups -----------------------------------------------------------------------------------------


def list_backups(place: Place, trusted: Ed25519PublicKey) -> list[Backup]:
    """All that are stored, newest first, by their signed manifests alone. Raises StoreFailed."""
    return [look_at(place.store, name, trusted) for name in reversed(place.store.names())]


def positions_kept(place: Place, trusted: Ed25519PublicKey) -> list[tuple[str, int]]:
    """The epoch and the position of each backup that could be restored. Raises StoreFailed."""
    return [(each.epoch, each.position) for each in _contents(place.store, trusted)]


def _contents(store: Store, trusted: Ed25519PublicKey) -> Iterator[backup_file.Content]:
    for name in store.names():
        with suppress(BadBackup):
            yield _manifest_of(store, name, store.size(name), trusted).content


def named(store: Store, name: str) -> str:
    """The name of a backup that is stored; `latest` is the newest. Raises BadBackup."""
    names = store.names()
    if name == "latest" and names:
        return names[-1]
    if name not in names:
        raise BadBackup(f"{store.place} has no backup{'' if name == 'latest' else f' of the name {name}'}.")
    return name


def look_at(store: Store, name: str, trusted: Ed25519PublicKey) -> Backup:
    """One of them. What is wrong with it is in `problem`."""
    size = store.size(name)
    try:
        manifest = _manifest_of(store, name, size, trusted)
    except BadBackup as bad:
        return Backup(name=name, bytes=size, problem=str(bad))
    return _described(name, size, manifest)


def _manifest_of(store: Store, name: str, size: int, trusted: Ed25519PublicKey) -> Manifest:
    manifest = read_parts(lambda at, length: store.read(name, at, length), size, trusted).manifest
    if backup_name(manifest.made_at, manifest.id) != name:
        raise BadBackup(f"The file was renamed: it is {backup_name(manifest.made_at, manifest.id)}.")
    return manifest


def _described(name: str, size: int, manifest: Manifest) -> Backup:
    return Backup(
        name=name,
        bytes=size,
        made_at=manifest.made_at,
        position=manifest.content.position,
        schema_version=manifest.content.schema_version,
        database_bytes=manifest.content.bytes,
        installation=manifest.content.installation,
    )


def verify_backup(place: Place, name: str, trusted: Ed25519PublicKey, tell: Progress = quietly) -> Manifest:
    """Opens the backup and compares all that is in it, as when it was made. Raises BadBackup, StoreFailed."""
    with only_one(place):
        return opened_backup(place, name, place.work / "test.db", trusted, tell)


def opened_backup(place: Place, name: str, target: Path, trusted: Ed25519PublicKey, tell: Progress) -> Manifest:
    """Writes the database that is in the backup to `target`, tested, and its files (if any) as a tar to `FILES` in the
    folder for work. Raises BadBackup, StoreFailed.
    """
    with place.store.opened(name) as file:
        parts = _read(file, trusted)
        if backup_name(parts.manifest.made_at, parts.manifest.id) != name:
            raise BadBackup(f"{name} is another backup under a false name.")
        _test(file, parts, target, place.work / FILES, unwrap(parts.key, place.keys), tell)
    return parts.manifest


def _read(file: BinaryIO, trusted: Ed25519PublicKey) -> Parts:
    def read(at: int, length: int) -> bytes:
        file.seek(at)
        return file.read(length)

    parts = read_parts(read, file.seek(0, os.SEEK_END), trusted)
    if (backup_file.sha256(parts.key) if parts.key else "") != parts.manifest.key_sha256:
        raise BadBackup("The key in the backup is damaged.")
    return parts


def _test(
    file: BinaryIO, parts: Parts, target: Path, files: Path, identity: pyrage.x25519.Identity, tell: Progress
) -> None:
    manifest = parts.manifest
    if manifest.files is not None:
        _open_files(file, parts.files_at, manifest.files, files, identity)
    file.seek(parts.payload_at)
    check_payload(file, manifest.payload_bytes, manifest.payload_sha256)
    file.seek(parts.payload_at)
    size = manifest.content.bytes
    with _new_file(target):
        pass
    open_sealed(file, manifest.payload_bytes, target, identity, size, lambda done: tell("opening", done, size))
    tell("testing", 0, 0)
    try:
        problems = check_pages(target)
        found = content_of(target)
    except apsw.Error as error:
        raise BadBackup(f"What is in the backup is no database that can be read ({error}).") from error
    if problems:
        raise BadBackup(f"The database in the backup is not whole. {' '.join(problems[:3])}")
    _refuse_difference(manifest.content, found)


def _open_files(
    file: BinaryIO, at: int, told: backup_file.Sealed, target: Path, identity: pyrage.x25519.Identity
) -> None:
    file.seek(at)
    check_payload(file, told.sealed_bytes, told.sealed_sha256)
    file.seek(at)
    with _new_file(target):
        pass
    open_sealed(file, told.sealed_bytes, target, identity, told.bytes, lambda _: None)
    if target.stat().st_size != told.bytes or sha256_of(target) != told.sha256:
        raise BadBackup("The files in the backup are not what its manifest tells.")


def _refuse_difference(told: backup_file.Content, found: backup_file.Content) -> None:
    if told == found:
        return
    wrong = [name for name in told.__struct_fields__ if getattr(told, name) != getattr(found, name)]
    raise BadBackup(f"The database in the backup is not what its manifest tells: {', '.join(wrong)} differ.")


# pruning ----------------------------------------------------------------------------------------------------


def prune_backups(place: Place, trusted: Ed25519PublicKey, keep: Keep) -> list[str]:
    """Removes the backups that are not kept any longer; their names. Those that are damaged stay, to be looked at.

    The last good one stays whatever its age. Raises StoreFailed, BackupFailed.
    """
    with only_one(place):
        good = {each.made_at: each.name for each in list_backups(place, trusted) if each.made_at is not None}
        kept = to_keep(good, keep)
        removed = sorted(name for at, name in good.items() if at not in kept)
        for name in removed:
            place.store.remove(name)
    return removed
