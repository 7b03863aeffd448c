"""A drill: the database of a backup restored where it does no harm, looked at, and removed again."""

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic

from ecatalog.kit.inspect import check
from ecatalog.ops.backup_keys import trusted_key
from ecatalog.ops.backups import BackupFailed, Progress, named, place_of
from ecatalog.ops.restoring import Restored, restore_backup
from ecatalog.settings import Settings


@dataclass(frozen=True)
class Drill:
    """Which backup was restored, in how many seconds, and what is wrong with the database then."""

    name: str
    restored: Restored
    seconds: float
    problems: list[str]


def drill(settings: Settings, name: str, folder: Path, now: datetime, tell: Progress) -> Drill:
    """Does all that a restore does, in a new directory inside `folder`.

    DB_PATH names the catalog's own database, so the one that is made is named here. Raises what `restore_backup` does.
    """
    trusted = trusted_key(settings)
    try:
        data = Path(mkdtemp(prefix="drill-", dir=folder))
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be written ({error.strerror}). Name another with --into.") from error
    try:
        beside = replace(settings, data=data, db_path=data / settings.database.name, backups=settings.backup_place)
        place = place_of(beside)
        chosen = named(place.store, name)
        began = monotonic()
        restored = restore_backup(place, chosen, trusted, now, tell)
        return Drill(chosen, restored, monotonic() - began, check(place.database))
    finally:
        shutil.rmtree(data, ignore_errors=True)
