"""The folder `.backup` in the data directory: copies that are not sealed, and small files for more than one process."""

from pathlib import Path
from typing import TypeVar

import msgspec

from ecatalog.kit.sync import sync

T = TypeVar("T")


def work_folder(data: Path) -> Path:
    return data / ".backup"


def find_noted(data: Path, name: str, kind: type[T]) -> T | None:
    """What is in this file; None where there is none yet, or when it cannot be read."""
    try:
        return msgspec.json.decode((work_folder(data) / name).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def note(data: Path, name: str, what: msgspec.Struct) -> None:
    """Whole or not at all, and on the disk when it returns. Raises OSError."""
    folder = work_folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder / f".{name}"
    partial.write_bytes(msgspec.json.encode(what))
    sync(partial)
    partial.replace(folder / name)
    sync(folder)
