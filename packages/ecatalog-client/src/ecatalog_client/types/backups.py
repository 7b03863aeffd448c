"""Backups as they are listed. What is in the file itself is told by the manifest that it carries."""

from datetime import datetime

import msgspec


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup; sizes are in bytes. With a `problem`, a sentence, nothing of it is to be relied on."""

    name: str
    bytes: int
    made_at: datetime | None = None
    position: int = 0
    schema_version: int = 0
    database_bytes: int = 0
    installation: str = ""
    problem: str = ""


class BackupList(msgspec.Struct, frozen=True, kw_only=True):
    """All backups, newest first, and where they are."""

    place: str
    items: list[Backup]
