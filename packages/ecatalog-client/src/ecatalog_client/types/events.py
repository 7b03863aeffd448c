"""What the catalog tells of as it happens: launches, access and usage, each event with the cursor to go on from."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.paging import Cursor

Topic = Literal["launches", "access", "usage"]
Topics = Annotated[str, Meta(max_length=100, examples=["launches,access"])]


class FollowEvents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events: of these topics, with commas between (`launches`, `access`, `usage`; without it all that one may
    read), from after this cursor on; without one, from now on. A cursor is good for the topics it came with.
    """

    topics: Topics | UnsetType = UNSET
    after: Cursor | UnsetType = UNSET


class LaunchEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="topic", tag="launches"):
    """A launch was queued, moved, stopped, entered: `kind` is that of the fact, `position` its place in the log."""

    cursor: str
    position: int
    at: datetime
    kind: str
    actor: str
    launch_id: str | None
    client_id: str | None
    demo_id: str | None
    details: dict[str, Any]


class AccessEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="topic", tag="access"):
    """A client was created, edited, revoked, renewed or restored, was cut, was given or lost a demo, or asked for
    something.
    """

    cursor: str
    position: int
    at: datetime
    kind: str
    actor: str
    client_id: str | None
    demo_id: str | None
    details: dict[str, Any]


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="topic", tag="usage"):
    """A client did something. `seconds` are those of active use; `at` is when that was, `id` the order of telling."""

    cursor: str
    id: int
    at: datetime
    event_type: str
    client_id: str
    demo_id: str | None
    launch_id: str | None
    seconds: int
    details: dict[str, Any]


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag_field="topic", tag="heartbeat"):
    """The stream lives, and is told up to this cursor. The first event is one, then one about every 5 s."""

    cursor: str
    at: datetime


CatalogEvent = LaunchEvent | AccessEvent | UsageEvent
StreamedEvent = LaunchEvent | AccessEvent | UsageEvent | Heartbeat
