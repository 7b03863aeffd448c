"""What keeps the database small by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ecatalog.kit.idempotency import remove_old_keys
from ecatalog.web.door import Door

_SECONDS_BETWEEN_ROUNDS = 600.0

_log = structlog.get_logger("ecatalog.ops")


async def forget_old_keys(door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Runs until it is cancelled: removes the idempotency keys that are older than a day, batch by batch."""
    while True:
        await sleep(_SECONDS_BETWEEN_ROUNDS)
        try:
            while await door.db.write(remove_old_keys):
                pass
        except Exception:
            _log.exception("old_keys_not_removed")
