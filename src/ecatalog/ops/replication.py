"""Whether Litestream keeps up, by what it leaves on the disk: nothing is asked of it, and it need not run."""

from math import inf
from pathlib import Path

from ecatalog.kit.inspect import wal_bytes


def seconds_behind(database: Path, where: str) -> float:
    """By how much the last change is newer than what Litestream wrote last, beside the database or in a folder `where`.

    0 while nothing is missing or nobody replicates, infinite when it never wrote. A bucket it is not looked for in.
    """
    changed_at = _changed_at(database.with_name(f"{database.name}-wal"))
    # Whoever opens the database makes an empty log.
    if not where or changed_at is None or not wal_bytes(database):
        return 0.0
    here = _changed_at(database.with_name(f".{database.name}-litestream") / "ltx" / "0")
    there = _changed_at(Path(where.removeprefix("file://")) / "ltx" / "0")
    # The folder of the replica may be on another machine than the one who asks.
    return inf if here is None else max(0.0, changed_at - min(here, here if there is None else there))


def _changed_at(path: Path) -> float | None:
    """Of a folder: when a file came or went."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None
