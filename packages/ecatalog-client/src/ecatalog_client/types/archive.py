"""The archive of use: asking for it, and what it made."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ArchiveUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many months of use stay in the database."""

    months: Annotated[int, Meta(ge=1, le=1200)] = 12


class ArchivedMonth(msgspec.Struct, frozen=True, kw_only=True):
    """A month (UTC) whose events are in a file now, and how many they are."""

    month: str
    rows: int
    file: str
