"""Backups that the gateway makes: each in a process of its own, which takes neither its interpreter nor its core."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta

import msgspec
import structlog

from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, NotFound, Unavailable
from ecatalog.ops.backup_keys import trusted_key
from ecatalog.ops.backup_work import BackupWork
from ecatalog.ops.backups import BackupFailed, Place, list_backups, place_of, prune_backups
from ecatalog.ops.last_backup import LastBackup, find_last_backup
from ecatalog.settings import Settings, variable
from ecatalog.web.door import Door
from ecatalog_client.types.backups import Backup, BackupList

UNDER_WAY = 75
"""The exit status of `backup create` when another one is under way (EX_TEMPFAIL of sysexits.h)."""
_SECONDS_BETWEEN_LOOKS = 60.0
_BEFORE_TRYING_AGAIN = timedelta(hours=1)
# What the process must know; everything else of the environment it does not read.
_SETTINGS = (
    *("data", "db_path", "backups", "backup_password", "backup_recipients", "backup_test_key"),
    "backup_signed_by",
)

_log = structlog.get_logger("ecatalog.ops")


async def make_backup(door: Door, actor: Actor) -> Backup:
    """Makes a backup, and answers when it is stored and tested. Raises Conflict without keys or while another one is
    under way, Unavailable when it failed.
    """
    if not door.settings.makes_backups:
        raise Conflict(f"Nobody could open a backup. Set {variable('backup_password')}, and start the gateway again.")
    try:
        with door.part(BackupWork).noted("making"):
            made = msgspec.json.decode(await _run(door.settings, "create", "--json", "--gently"), type=Backup)
    except Unavailable as failure:
        await door.write(_note_failed, actor, str(failure))
        raise
    await door.write(_note_made, actor, made.name, made.bytes)
    return made


def _note_made(tx: Tx, actor: Actor, name: str, size: int) -> int:
    return tx.record("backup.made", actor, backup=name, bytes=size)


def _note_failed(tx: Tx, actor: Actor, error: str) -> int:
    return tx.record("backup.failed", actor, error=error)


async def check_backup(door: Door, actor: Actor, name: str) -> Backup:
    """Opens a backup, compares all that is in it, and answers with what is wrong with it. Raises NotFound, Conflict
    while another one is under way.
    """
    listed = await stored_backups(door, actor)
    found = next((each for each in listed.items if each.name == name), None)
    if found is None:
        raise NotFound("There is no backup of this name.")
    problem = ""
    try:
        with door.part(BackupWork).noted("checking", name):
            await _run(door.settings, "verify", name)
    except Unavailable as failure:
        problem = failure.message.removeprefix(f"{name} is not to be relied on. ")
    await door.write(_note_checked, actor, name, problem)
    return msgspec.structs.replace(found, problem=problem)


def _note_checked(tx: Tx, actor: Actor, name: str, problem: str) -> int:
    return tx.record("backup.checked", actor, backup=name, is_good=not problem, problem=problem)


async def _run(settings: Settings, *words: str) -> bytes:
    """What `ecatalog backup …` prints. Raises Conflict while another one is under way, Unavailable with its words."""
    command = (sys.executable, "-m", "ecatalog", "backup", *words)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, env=child_environment(settings), stdout=pipe, stderr=pipe)
    try:
        told, why = await child.communicate()
    finally:
        if child.returncode is None:  # Whoever waited has gone: nobody would hear of it.
            child.kill()
            await child.wait()
    if child.returncode == 0:
        return told
    sentence = why.decode(errors="replace").strip().splitlines()[-1:] or ["The process that makes it died."]
    said = sentence[0].removeprefix("ecatalog backup: ")
    raise Conflict(said) if child.returncode == UNDER_WAY else Unavailable(said)


def child_environment(settings: Settings) -> dict[str, str]:
    """Our environment, with these settings as they are for us: the command line may have said otherwise."""
    env = dict(os.environ)
    for name in _SETTINGS:
        value = getattr(settings, name)
        env.pop(f"{variable(name)}_FILE", None)
        env[variable(name)] = str(value) if value else ""
    return env


async def stored_backups(door: Door, _actor: Actor) -> BackupList:
    """All backups, newest first. Raises Unavailable when their place does not answer."""
    place, found = await asyncio.to_thread(_stored, door.settings)
    return BackupList(place=place.store.place, items=found)


def _stored(settings: Settings) -> tuple[Place, list[Backup]]:
    try:
        place = place_of(settings)
        return place, list_backups(place, trusted_key(settings)) if place.store.names() else []
    except Exception as error:
        raise Unavailable(str(error)) from error


# the daily job ----------------------------------------------------------------------------------------------


async def keep_backups(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled: makes a backup each day at the time that is set, and prunes after it."""
    at = door.settings.backup_time
    if at is None:
        return
    if not door.settings.makes_backups:
        _log.warning("backups_off", what_to_do=f"Set {variable('backup_password')} or {variable('backup_recipients')}.")
        return
    while True:
        await sleep(_SECONDS_BETWEEN_LOOKS)
        if is_due(door.clock(), at, find_last_backup(door.settings.data)):
            await _make_and_prune(door)


def is_due(now: datetime, at: time, last: LastBackup | None) -> bool:
    """Whether there is no good backup since it was last time for one. What failed is tried again after an hour."""
    due = datetime.combine(now.astimezone(UTC).date(), at, UTC)
    due = due if due <= now else due - timedelta(days=1)
    if last is None:
        return True
    if last.good_at is not None and last.good_at >= due:
        return False
    return not last.error or now - last.at >= _BEFORE_TRYING_AGAIN


async def _make_and_prune(door: Door) -> None:
    try:
        made = await make_backup(door, SYSTEM)
        removed = await asyncio.to_thread(_prune, door.settings)
    except (Conflict, Unavailable, BackupFailed) as failure:
        _log.error("backup_failed", why=str(failure))
    except Exception:
        _log.exception("backup_failed")
    else:
        _log.info("backup_made", name=made.name, bytes=made.bytes, removed=removed)


def _prune(settings: Settings) -> list[str]:
    return prune_backups(place_of(settings), trusted_key(settings), settings.backups_kept)
