"""What the settings of backups may say: how many are kept, and when in the day one is made."""

import re
from contextlib import suppress
from datetime import time
from typing import NamedTuple

from ecatalog.settings_text import BadSetting, variable

_KEEP = re.compile(r"(\d{1,4})d +(\d{1,4})w +(\d{1,4})m", re.ASCII)


class Keep(NamedTuple):
    """Of how many of the last days, weeks and months that have a backup the newest is kept."""

    days: int
    weeks: int
    months: int


def keep_of(text: str) -> Keep:
    """What `7d 4w 3m` says. Raises BadSetting; also for no day at all, as the last good backup always stays."""
    found = _KEEP.fullmatch(text.strip())
    keep = Keep(*map(int, found.groups())) if found else None
    if keep is None or keep.days < 1:
        raise BadSetting(
            f"{variable('backup_keep')} is {text!r}: write how many days, weeks and months, as 7d 4w 3m or 30d 0w 0m."
        )
    return keep


def time_of(text: str) -> time | None:
    """When in the UTC day, None for `off`. Raises BadSetting, also for a time with a zone."""
    if text.lower() == "off":
        return None
    at = None
    with suppress(ValueError):
        at = time.fromisoformat(text)
    if at is None or at.tzinfo is not None:
        raise BadSetting(f"{variable('backup_at')} is {text!r}: write a time in UTC, as 02:00, or off.")
    return at
