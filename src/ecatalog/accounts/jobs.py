"""What happens to sessions, tokens and codes by itself: last uses are written, and what is over is removed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from ecatalog.accounts import actions
from ecatalog.accounts.api_tokens import note_last_used
from ecatalog.accounts.codes import remove_old_codes
from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.accounts.sessions import Sessions
from ecatalog.web.door import Door

_SECONDS_BETWEEN_ROUNDS = 60.0
_BATCH = 1000
# A use that is noted only in memory must not lose its session: rows are removed a round later than they are idle.
_MARGIN = timedelta(seconds=_SECONDS_BETWEEN_ROUNDS)
_CODES_ARE_KEPT_FOR = timedelta(days=1)

_log = structlog.get_logger("ecatalog.accounts")


async def keep_sessions(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled: one round a minute.

    What goes wrong is logged, and done in the next round.
    """
    while True:
        await sleep(_SECONDS_BETWEEN_ROUNDS)
        try:
            await end_overdue_sessions(door)
            await write_last_used(door)
            while await door.db.write(remove_old_codes, _CODES_ARE_KEPT_FOR):
                pass  # One batch after the other, so that nobody else's write waits for long.
        except Exception:
            _log.exception("sessions_not_kept")


async def end_overdue_sessions(door: Door) -> int:
    """Writes when sessions were last used, then ends those that are over or idle; how many ended.

    Edges know when a session is over and wait for nobody; this removes the rows and tells of those that were
    idle.
    """
    await write_last_seen(door)
    ended = 0
    while batch := await door.db.write(actions.end_overdue_sessions, door.settings.session_idle + _MARGIN):
        ended += batch
    return ended


async def write_last_seen(door: Door) -> None:
    """Writes when sessions were last used, in batches; what could not be written is kept for next time."""
    sessions = door.part(Sessions)
    left = list(sessions.take_unwritten().items())
    try:
        while left:
            await door.db.write(actions.note_last_seen, dict(left[:_BATCH]))
            del left[:_BATCH]
    finally:
        sessions.give_back(dict(left))


async def write_last_used(door: Door) -> None:
    """Writes when tokens of services were last used: once a round for each that was. Kept if it cannot be written."""
    tokens = door.part(ServiceTokens)
    left = list(tokens.take_unwritten().items())
    try:
        while left:
            await door.db.write(note_last_used, dict(left[:_BATCH]))
            del left[:_BATCH]
    finally:
        tokens.give_back(dict(left))
