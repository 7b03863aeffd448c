"""Launches: running copies of demos."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.paging import Cursor, Id, PageSize

LaunchKind = Literal["open", "warm", "trial", "check"]
LaunchState = Literal["queued", "starting", "running", "stopping", "stopped", "failed"]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Where a launch waits: how many get a place until it has one, itself included (0: it has one), and in about how
    many seconds it will be ready.
    """

    position: int
    seconds: float


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a demo: what is `wanted` of it, what `state` it is in, and when it entered each of its `phases`.

    `progress` is that of the phase, in percent. While it is queued, `queue` tells how long it will take. Unless it is
    used before, it is stopped at `idle_at` for the `idle_reason`; at `ends_at` in any case.
    """

    id: str
    demo_id: str
    client_id: str | None
    user_id: str | None
    kind: LaunchKind
    wanted: Literal["running", "stopped"]
    state: LaunchState
    phase: str
    reason: str
    phases: dict[str, datetime]
    progress: int
    queue: Queue | None = None
    idle_at: datetime | None
    idle_reason: str
    ends_at: datetime
    created_at: datetime
    updated_at: datetime


class LaunchLog(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines that a copy wrote before it failed, and why it did; no lines for one that did not fail."""

    launch_id: str
    reason: str
    lines: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a copy of the demo answered when that was last tried, in which launch; and the trial under way."""

    demo_id: str
    launch_id: str | None
    is_fine: bool | None
    result: str
    checked_at: datetime | None
    trial_launch_id: str | None


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]


class WarmPlan(msgspec.Struct, frozen=True, kw_only=True):
    """When copies of a demo are kept warm: weekly between two times of a zone, or once between two instants.

    With a client they are kept for that client alone.
    """

    id: str
    demo_id: str
    client_id: str | None
    copies: int
    weekdays: list[str]
    from_time: str
    until_time: str
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    created_by: str | None
    created_at: datetime


class AddWarmPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either `weekdays` with `from_time`, `until_time` and `timezone`, or `starts_at` and `ends_at`, for a meeting."""

    client_id: Id | UnsetType = UNSET
    copies: Annotated[int, Meta(ge=1, le=20)] | UnsetType = UNSET
    weekdays: Annotated[list[Weekday], Meta(min_length=1, max_length=7)] | UnsetType = UNSET
    from_time: TimeOfDay | UnsetType = UNSET
    until_time: TimeOfDay | UnsetType = UNSET
    timezone: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    starts_at: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    ends_at: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The way into a running launch: an address that works once, within 30 seconds."""

    url: str


class LaunchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a launcher says of one launch: a move from `was` to `state`, or a new phase when both are equal.

    It counts only while the launch is in `was` with this `attempt`.
    """

    launch_id: str
    attempt: int
    was: LaunchState
    state: LaunchState
    phase: str = ""
    reason: str = ""
    upstream: str = ""
    log_tail: str = ""
    progress: int = 0
    digests: list[str] = []


class ListLaunches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which launches, newest first: of one demo, of one client, of one state."""

    demo_id: Id | UnsetType = UNSET
    client_id: Id | UnsetType = UNSET
    state: LaunchState | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
