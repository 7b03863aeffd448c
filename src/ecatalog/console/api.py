"""What pages follow while somebody looks at them. It is for our own pages, and no part of the described API."""

from collections.abc import AsyncIterator

from ecatalog.console.client_queries import Pulse, find_pulse
from ecatalog.kit.actor import USERS, Actor
from ecatalog.web.door import Door
from ecatalog.web.operation import stream


async def follow_live(door: Door, actor: Actor) -> AsyncIterator[tuple[str, Pulse]]:
    """A word at once, and whenever what is open changes: who hears it asks for the part of the page anew."""
    shown: Pulse | None = None
    while True:
        position = door.db.position
        pulse = await door.db.read(find_pulse)
        if pulse != shown:
            shown = pulse
            yield "live", pulse
        await door.db.moved(position)


STREAMS = (
    stream("GET", "/console/live", follow_live, gives=Pulse, may=USERS, summary="Hear when what is open changes"),
)
