"""What an installation has besides its database and could not make again: pictures of demos, the archive of use.

They are files that never change under their name. Keys, tokens and copies are no part of it.
"""

import os
import re
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from ecatalog.kit.sync import sync
from ecatalog.ops.backup_file import BadBackup

FOLDERS = ("archive", "pictures")
# A name that begins with a dot, or ends so, is being written just now.
_UNFINISHED = ".part"
_NAME = re.compile(rf"(?:{'|'.join(FOLDERS)})/[A-Za-z0-9][A-Za-z0-9._-]*")
_KEPT = ".before-restore-"
_PIECE = 1 << 20


def find_belongings(data: Path) -> Iterator[tuple[str, Path]]:
    """Their names, such as `pictures/….webp`, and where they are."""
    for folder in FOLDERS:
        for path in sorted((data / folder).glob("*")):
            name = f"{folder}/{path.name}"
            if path.is_file() and _NAME.fullmatch(name) and not name.endswith(_UNFINISHED) and _KEPT not in name:
                yield name, path


def bytes_of_belongings(data: Path) -> int:
    return sum(path.stat().st_size for _, path in find_belongings(data))


def pack(data: Path, target: Path) -> int:
    """Writes all of them into a tar (mode 600); how many. Without any there is no file."""
    found = list(find_belongings(data))
    if not found:
        return 0
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as packed:
        for name, path in found:
            with path.open("rb") as content:
                info = tarfile.TarInfo(name)
                info.size, info.mode = os.fstat(content.fileno()).st_size, 0o600
                packed.addfile(info, content)
    return len(found)


def unpack(source: Path, data: Path, now: datetime) -> int:
    """Puts what was packed back; how many files there are now that were not there, or were others.

    One that is there with another content is kept beside it. Raises BadBackup for names that we never pack.
    """
    with tarfile.open(source, mode="r:") as packed:
        return sum(_put(packed, member, data, now) for member in packed)


def _put(packed: tarfile.TarFile, member: tarfile.TarInfo, data: Path, now: datetime) -> bool:
    content = packed.extractfile(member) if member.isreg() else None
    if content is None or not _NAME.fullmatch(member.name):
        raise BadBackup(f"The backup has a file {member.name!r}, which is none of ours.")
    path = data / member.name
    with content:
        if path.exists():
            if _is_same(content, path):
                return False
            path.rename(path.with_name(f"{path.name}{_KEPT}{now:%Y%m%dT%H%M%SZ}"))
            content.seek(0)
        _write(content, path)
    return True


def _is_same(content: IO[bytes], path: Path) -> bool:
    with path.open("rb") as there:
        while piece := there.read(_PIECE):
            if content.read(len(piece)) != piece:
                return False
    return not content.read(1)


def _write(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        while piece := content.read(_PIECE):
            file.write(piece)
    sync(partial)
    partial.replace(path)
    sync(path.parent)
