"""Health and backups: what the doctor finds, the backups that are kept, and the hold on access after a restore."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response

from ecatalog.console.pages_frame import admin_of, show
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.inspect import wal_bytes
from ecatalog.ops import queries, standing_queries
from ecatalog.ops.backup_runs import check_backup, make_backup, stored_backups
from ecatalog.ops.backup_work import BackupWork
from ecatalog.ops.doctor import examine, machine_here
from ecatalog.ops.findings import Found
from ecatalog.ops.health import free_bytes_of
from ecatalog.ops.holding import confirm_access
from ecatalog.ops.last_backup import LastBackup, find_last_backup
from ecatalog.settings import Settings
from ecatalog.web.door import Door
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.backups import Backup

_MOST_SHOWN = 60


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody last had a backup opened and compared, and what was wrong with it."""

    at: datetime
    problem: str


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept, newest first; `problem` when its place does not answer."""

    place: str
    items: list[Backup]
    count: int
    last: LastBackup | None
    checked: dict[str, Checked]
    problem: str = ""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Of the database, in bytes, and what is free beside it."""

    database: int
    wal: int
    free: int


async def show_health(visit: Visit) -> Response:
    admin_of(visit)
    work = visit.door.part(BackupWork)
    kept = await _backups_of(visit.door)
    shown: dict[str, Any] = {"kept": kept, "work": work, "makes_backups": visit.door.settings.makes_backups}
    if visit.is_fragment:  # While a backup is made only that part is asked for, again and again.
        return await show(visit, "ops/health.html", fragment="ops/_backups.html", **shown)
    findings, sizes = await asyncio.to_thread(_looked_at, visit.door.settings, visit.door.clock())
    hold = await visit.door.db.read(standing_queries.find_hold)
    return await show(visit, "ops/health.html", **shown, hold=hold, findings=findings, sizes=sizes)


async def _backups_of(door: Door) -> Backups:
    last = await asyncio.to_thread(find_last_backup, door.settings.data)
    try:
        listed = await stored_backups(door, door.actor)
    except Unavailable as error:
        return Backups(place=door.settings.backup_place, items=[], count=0, last=last, checked={}, problem=str(error))
    items = listed.items[:_MOST_SHOWN]
    checked = await door.db.read(_checked)
    return Backups(place=listed.place, items=items, count=len(listed.items), last=last, checked=checked)


def _checked(tx: Tx) -> dict[str, Checked]:
    """By the names of backups; the last look at each counts."""
    facts = queries.list_facts(tx, {"kind": "backup.checked"}, limit=4 * _MOST_SHOWN)
    return {str(each.details["backup"]): Checked(at=each.at, problem=each.details["problem"]) for each in facts[::-1]}


def _looked_at(settings: Settings, now: datetime) -> tuple[list[Found], Sizes]:
    return examine(machine_here(settings, now)), _sizes_of(settings.database)


def _sizes_of(database: Path) -> Sizes:
    return Sizes(database=database.stat().st_size, wal=wal_bytes(database), free=free_bytes_of(database.parent))


async def submit_backup(visit: Visit) -> Response:
    """Begins a backup, which goes on when whoever asked looks away."""
    actor = admin_of(visit)
    visit.door.part(BackupWork).begin(make_backup(visit.door, actor))
    await asyncio.sleep(0)
    return see_other("/console/health?done=begun#backups")


async def submit_check(visit: Visit) -> Response:
    actor = admin_of(visit)
    visit.door.part(BackupWork).begin(check_backup(visit.door, actor, visit.form.get("name", "")))
    await asyncio.sleep(0)
    return see_other("/console/health?done=begun#backups")


async def submit_confirmation(visit: Visit) -> Response:
    await visit.door.write(confirm_access, admin_of(visit))
    return see_other("/console/health?done=confirmed")


PAGES = (
    page("GET", "/console/health", show_health),
    page("POST", "/console/health/backup", submit_backup),
    page("POST", "/console/health/check", submit_check),
    page("POST", "/console/health/confirm", submit_confirmation),
)
