"""The stream of events for neighbours: at least once, in order, from a cursor on, with a heartbeat."""

import asyncio
from collections.abc import AsyncIterator

from ecatalog.kit.actor import USERS, Actor, Role
from ecatalog.kit.db import Database
from ecatalog.ops.events import events_after, kinds_for, place_after, topics_for
from ecatalog.web.door import Door
from ecatalog.web.operation import stream
from ecatalog_client.types.events import FollowEvents, Heartbeat, StreamedEvent

HEARTBEAT_SECONDS = 5.0


async def follow_events(
    door: Door, actor: Actor, *, topics: str = "", after: str = "", every: float = HEARTBEAT_SECONDS
) -> AsyncIterator[tuple[str, StreamedEvent]]:
    """Each event as (topic, event), the first one at once: a heartbeat that tells where the stream begins.

    It ends with the session or token. A heartbeat comes when nothing else did for `every` seconds.
    """
    wanted, db, loop = topics_for(actor, topics), door.db, asyncio.get_running_loop()
    kinds = kinds_for(actor, wanted)
    place = await db.read(place_after, after)
    yield "heartbeat", Heartbeat(cursor=place.cursor, at=door.clock())
    beat_at = loop.time() + every
    while True:
        seen = _counters(db)
        batch = await db.read(events_after, place, wanted, kinds)
        place = batch.place
        for event in batch.events:
            yield str(event.__struct_config__.tag), event
        if batch.events:
            beat_at = loop.time() + every
        if batch.is_full:
            await asyncio.sleep(0)  # A long log of what nobody wants is read in steps: others have their turn.
        elif not await _stirs(db, seen, beat_at):
            yield "heartbeat", Heartbeat(cursor=place.cursor, at=door.clock())
            beat_at = loop.time() + every


def _counters(db: Database) -> tuple[int, int]:
    """Use has no position of its own, but a counter that its commits move."""
    return db.position, db.counter("usage_analytics")


async def _stirs(db: Database, seen: tuple[int, int], until: float) -> bool:
    """Waits for a commit that may bring events; False when none came until then."""
    try:
        async with asyncio.timeout_at(until):
            await db.stirred(lambda: _counters(db) != seen)
    except TimeoutError:
        return False
    return True


OPERATIONS = (
    stream(
        "GET",
        "/api/events",
        follow_events,
        takes=FollowEvents,
        gives=StreamedEvent,
        may=USERS | {Role.SERVICE},
        summary="Follow what changes about launches, access and usage",
    ),
)
