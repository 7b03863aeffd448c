"""Events for neighbours: the facts about launches and access, and the rows of use, each log in its own order.

There is one writer, so rows become visible in the order of their numbers: what is after a place is never before it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid
from ecatalog.kit.facts import Fact, facts_after, last_position
from ecatalog.kit.paging import decode_cursor, encode_cursor
from ecatalog.ops import event_queries as queries
from ecatalog_client.types.events import AccessEvent, CatalogEvent, LaunchEvent, UsageEvent

# Who reads this room hears of the topic.
ROOMS: Final[Mapping[str, str]] = {"launches": "launches", "access": "clients", "usage": "usage"}
# What a kind of fact begins with, and its topic. Other facts are for the audit log alone.
TOPICS: Final[Mapping[str, str]] = {
    "launch": "launches",
    "client": "access",
    "grant": "access",
    "access": "access",
    "request": "access",
}
# Of a topic, what only those hear who read this room as well.
_NEEDS: Final[Mapping[str, str]] = {"request": "requests"}
_MOST_AT_ONCE = 200


class Place(msgspec.Struct, frozen=True):
    """How far somebody has read: the position of a fact, and the id of a row of use."""

    position: int
    use: int

    @property
    def cursor(self) -> str:
        return encode_cursor(self.position, self.use)


class Batch(msgspec.Struct, frozen=True):
    """What comes next, the place after it, and whether there may be more."""

    events: list[CatalogEvent]
    place: Place
    is_full: bool


def topics_for(actor: Actor, wanted: str) -> frozenset[str]:
    """The topics that are wanted, all that the actor may read when none is named. Raises Invalid, Forbidden."""
    readable = frozenset(topic for topic, room in ROOMS.items() if actor.reads(room))
    named = frozenset(filter(None, (word.strip() for word in wanted.split(","))))
    if unknown := named - ROOMS.keys():
        problem = f"{', '.join(sorted(unknown))[:100]} is no topic: choose {', '.join(ROOMS)}"
        raise Invalid(f"The field topics cannot be used: {problem}.", fields={"topics": problem})
    if not (named or readable) or named - readable:
        needed = " and ".join(repr(f"{ROOMS[topic]}:read") for topic in sorted((named or ROOMS.keys()) - readable))
        raise Forbidden(f"This needs a token with the scope {needed}.")
    return named or readable


def place_after(tx: Tx, cursor: str) -> Place:
    """Where the cursor points, the end of both logs without one. Raises Invalid; Conflict past the end."""
    end = Place(last_position(tx), queries.last_use(tx))
    if not cursor:
        return end
    place = Place(*decode_cursor(cursor, (0, 0)))
    if place.position > end.position or place.use > end.use:
        raise Conflict("The catalog holds less than you have read: it was restored from a backup. Follow from now on.")
    return place


def kinds_for(actor: Actor, topics: frozenset[str]) -> frozenset[str]:
    """What the kinds of facts of these topics begin with, as far as the actor may hear of them."""
    return frozenset(
        kind for kind, topic in TOPICS.items() if topic in topics and (kind not in _NEEDS or actor.reads(_NEEDS[kind]))
    )


def events_after(tx: Tx, place: Place, topics: frozenset[str], kinds: frozenset[str]) -> Batch:
    """The next events of these topics, the facts among them of these kinds. A log of which nothing is wanted is not
    read, so its place stands still.
    """
    facts = [] if topics <= {"usage"} else facts_after(tx, place.position, _MOST_AT_ONCE)
    events: list[CatalogEvent] = []
    for fact in facts:
        place = Place(fact.position, place.use)
        kind = fact.kind.split(".")[0]
        if kind in kinds:
            events.append(_launch_event(fact, place) if TOPICS[kind] == "launches" else _access_event(fact, place))
    uses = queries.uses_after(tx, place.use, _MOST_AT_ONCE) if "usage" in topics else []
    for use in uses:
        place = Place(place.position, use.id)
        events.append(_usage_event(use, place))
    return Batch(events, place, _MOST_AT_ONCE in (len(facts), len(uses)))


def _launch_event(fact: Fact, place: Place) -> LaunchEvent:
    return LaunchEvent(**_of_fact(fact, place), launch_id=fact.details.get("launch"))


def _access_event(fact: Fact, place: Place) -> AccessEvent:
    return AccessEvent(**_of_fact(fact, place))


def _of_fact(fact: Fact, place: Place) -> dict[str, Any]:
    return msgspec.structs.asdict(fact) | {"cursor": place.cursor}


def _usage_event(use: queries.Use, place: Place) -> UsageEvent:
    return UsageEvent(
        cursor=place.cursor,
        id=use.id,
        at=use.timestamp,
        event_type=use.event_type,
        client_id=use.client_id,
        demo_id=use.demo_id,
        launch_id=use.launch_id,
        seconds=use.seconds,
        details=use.details,
    )
