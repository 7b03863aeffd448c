"""An fsync by path, for files and directories that somebody else has written."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Returns once the file's bytes, or the directory's entries, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
