"""What keeps the database in shape by itself: the planner's statistics each day, a look at every page each week."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import from_text, to_text
from ecatalog.kit.db import Tx
from ecatalog.kit.inspect import check
from ecatalog.ops import queries
from ecatalog.web.door import Door

EVERY_DAY, EVERY_WEEK = timedelta(days=1), timedelta(days=7)
_SECONDS_BETWEEN_LOOKS = 600.0

_log = structlog.get_logger("ecatalog.ops")


async def keep_database(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled. What is due is kept in the database, so that restarts do not put it off."""
    while True:
        await sleep(_SECONDS_BETWEEN_LOOKS)
        try:
            await do_what_is_due(door)
        except Exception:
            _log.exception("database_not_kept")


async def do_what_is_due(door: Door) -> None:
    """One round."""
    if await door.db.write(_claim, "optimized_at", EVERY_DAY):
        await door.db.write(_optimize)
    if await door.db.write(_claim, "checked_at", EVERY_WEEK):
        # In a thread, on a connection of its own: SQLite leaves the interpreter to others meanwhile.
        problems = await asyncio.to_thread(check, door.db.path)
        await door.db.write(_note_check, problems)


def _claim(tx: Tx, what: str, every: timedelta) -> bool:
    """Whether it is due, and not at once in a new database; from now on it is done."""
    last = queries.find_setting(tx, what)
    if last is not None and tx.now - from_text(last) < every:
        return False
    queries.set_setting(tx, what, to_text(tx.now))
    return last is not None


def _optimize(tx: Tx) -> None:
    tx.optimize()


def _note_check(tx: Tx, problems: list[str]) -> None:
    if problems:
        _log.error("database_damaged", problems=problems[:5], what_to_do="Restore it from a backup.")
    queries.set_setting(tx, "check_problems", str(len(problems)))
    tx.record("database.checked", SYSTEM, problems=problems[:20])
