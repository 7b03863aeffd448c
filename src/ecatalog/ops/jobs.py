"""What keeps the database small by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ecatalog.kit.idempotency import remove_old_keys
from ecatalog.usage.actions import remove_old_minutes
from ecatalog.web.door import Door

_SECONDS_BETWEEN_ROUNDS = 600.0

_log = structlog.get_logger("ecatalog.ops")


async def forget_old_keys(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled: removes old idempotency keys and minutes of use, batch by batch."""
    while True:
        await sleep(_SECONDS_BETWEEN_ROUNDS)
        try:
            while await door.db.write(remove_old_keys):
                pass
            while await door.db.write(remove_old_minutes):
                pass
        except Exception:
            _log.exception("old_keys_not_removed")
