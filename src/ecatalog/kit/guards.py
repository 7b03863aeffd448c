"""What refuses to start: an unsafe SQLite, a place where its locks do not hold, a second process.

Every refusal is a sentence that says what to do.
"""

import os
import re
from pathlib import Path

import apsw
import structlog
from filelock import FileLock, Timeout

from ecatalog.kit.sync import sync

log = structlog.get_logger("ecatalog.kit.guards")

# Named as in /proc/self/mountinfo. A WAL needs memory shared by all who have the file open, on one host.
_NETWORK = re.compile(r"nfs\d*|cifs|smb\d*|smbfs|9p|fuse|fuse\..*|fuseblk|afs|ceph|lustre|glusterfs|beegfs|ncpfs")
_MOUNTS = Path("/proc/self/mountinfo")
LOCK = ".writer.lock"


class RefusedToStart(Exception):
    """The catalog does not start; the message says why and what to do."""


class InUse(RefusedToStart):
    """Another process writes here."""


def check_engine(version: str | None = None) -> None:
    """Raises RefusedToStart on a SQLite that can lose commits when another connection checkpoints.

    That is the WAL-reset bug of 3.7.0 to 3.51.2, fixed in 3.51.3, 3.50.7 and 3.44.6 (sqlite.org/wal.html).
    """
    version = version or apsw.sqlite_lib_version()
    major, minor, patch = ([int(part) for part in version.split(".")] + [0, 0])[:3]
    fixed_in_branch = {50: 7, 44: 6}.get(minor)
    is_safe = (major, minor, patch) >= (3, 51, 3)
    if major == 3 and fixed_in_branch is not None:
        is_safe = patch >= fixed_in_branch
    if not is_safe:
        raise RefusedToStart(
            f"SQLite {version} can lose committed changes (the WAL-reset bug). "
            "Install the apsw wheel from requirements/run.lock, which brings SQLite 3.51.3 or later."
        )


def make_directory(directory: Path) -> None:
    """Makes the data directory if it is missing, for its owner alone. Raises RefusedToStart."""
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, mode=0o700)
            sync(directory.parent)
    except OSError as error:
        raise RefusedToStart(
            f"The data directory {directory} cannot be made ({error.strerror}). "
            "Make it, owned by the account that runs the catalog."
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise RefusedToStart(
            f"The data directory {directory} is not writable. Give it to the account that runs the catalog."
        )


def check_place(directory: Path, mounts: Path | None = None) -> None:
    """Raises RefusedToStart on a network filesystem; an overlay, which a container throws away, is logged."""
    kind = filesystem_of(directory, mounts)
    if _NETWORK.fullmatch(kind):
        raise RefusedToStart(
            f"The data directory {directory} is on a network or FUSE filesystem ({kind}), "
            "where SQLite's locks do not hold. Put it on a local disk."
        )
    if kind == "overlay":
        log.warning("data_not_persistent", directory=str(directory), filesystem=kind)


def filesystem_of(directory: Path, mounts: Path | None = None) -> str:
    """The type of the filesystem that holds this directory, empty where no proc(5) tells."""
    try:
        lines = (mounts or _MOUNTS).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place = directory.resolve()
    kind, depth = "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_unescape(before.split()[4]))
        # A later mount on the same point hides the one before it.
        if place.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = after.split()[0], len(point.parts)
    return kind


def _unescape(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)


class WriterLock:
    """`<directory>/.writer.lock`: held while this process writes, freed by the system however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._lock = FileLock(self._path, thread_local=False)

    def acquire(self) -> None:
        """Raises InUse when another process holds it, with that process's id."""
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise InUse(
                f"Another process ({self._holder()}) already writes to {self._path.parent}. "
                "Stop it first, or give this one its own data directory."
            ) from None
        self._path.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        self._lock.release()

    def _holder(self) -> str:
        pid = self._path.read_text().strip()
        return f"pid {pid}" if pid else "of unknown pid"
