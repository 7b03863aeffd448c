"""What runs by itself: facts become rows, time becomes facts, rows are delivered."""

import asyncio
from contextlib import suppress

import structlog

from ecatalog.clients.model import zone_for
from ecatalog.notices import outbox, telling
from ecatalog.notices.courier import Courier
from ecatalog.notices.post import Post
from ecatalog.web.door import Door

_SECONDS_BETWEEN_LOOKS = 20.0
_SECONDS_AFTER_TROUBLE = 1.0
# Facts that come together make one transaction.
_SECONDS_TO_GATHER = 0.05

_log = structlog.get_logger("ecatalog.notices")


async def write_messages(door: Door) -> None:
    """Runs until it is cancelled: facts become rows at once, and every 20 seconds time becomes facts.

    One after the other, so that the clock never tells what a fact just before has told.
    """
    next_look = 0.0
    loop = asyncio.get_running_loop()
    while True:
        try:
            position, foreign = door.db.position, door.db.foreign_writes
            await door.part(Post).gather_all()
            if loop.time() >= next_look:
                await tell_time(door)
                next_look = loop.time() + _SECONDS_BETWEEN_LOOKS
            await _wait(door, position, foreign, next_look - loop.time())
        except Exception:
            _log.exception("messages_not_written")
            await asyncio.sleep(_SECONDS_AFTER_TROUBLE)


async def _wait(door: Door, position: int, foreign: int, seconds: float) -> None:
    if door.db.foreign_writes != foreign:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await door.db.moved(position)
            await asyncio.sleep(_SECONDS_TO_GATHER)


async def tell_time(door: Door) -> None:
    """One look: what time has brought becomes facts, batch by batch."""
    db = door.db
    if await db.read_long(telling.has_reached):
        while await db.write(telling.tell_windows):
            pass
        while await db.write(telling.tell_waiting):
            pass
    due = await db.read_long(telling.list_due_endings)
    for first in range(0, len(due), telling.BATCH):
        await db.write(telling.tell_endings, due[first : first + telling.BATCH])
    office = zone_for(door.settings.office_timezone)
    if await db.read_long(telling.is_digest_due, office):
        await db.write(telling.tell_digests, office)


async def deliver_messages(door: Door) -> None:
    """Runs until it is cancelled: a courier for each channel. One that breaks is begun anew.

    Ends with the last of them. `gather` would end with the first one that is cancelled; then the database and the
    receipts were closed while another still read an answer, and its messages went out again at the next start.
    """
    async with asyncio.TaskGroup() as couriers:
        for courier in door.part(Post).couriers:
            couriers.create_task(_deliver(courier))


async def _deliver(courier: Courier) -> None:
    while True:
        try:
            await courier.run()
        except Exception:
            _log.exception("courier_broke")
            await asyncio.sleep(_SECONDS_AFTER_TROUBLE)


async def forget_old_messages(door: Door) -> None:
    """Runs until it is cancelled: every hour, what was sent long ago is removed, batch by batch."""
    while True:
        await asyncio.sleep(3600)
        try:
            while await door.db.write(outbox.forget_old):
                pass
            while await door.db.write(telling.forget_old_marks):
                pass
        except Exception:
            _log.exception("old_messages_not_removed")
