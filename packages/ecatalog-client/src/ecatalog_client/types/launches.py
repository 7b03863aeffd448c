"""Launches: running copies of demos."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ecatalog_client.types.paging import Cursor, Id, PageSize

LaunchKind = Literal["open", "warm", "trial", "check"]
LaunchState = Literal["queued", "starting", "running", "stopping", "stopped", "failed"]


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a demo: what is `wanted` of it, what `state` it is in, and when it entered each of its `phases`.

    Unless it is used before, it is stopped at `idle_at` for the `idle_reason`; at `ends_at` in any case.
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
    idle_at: datetime | None
    idle_reason: str
    ends_at: datetime
    created_at: datetime
    updated_at: datetime


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


class ListLaunches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which launches, newest first: of one demo, of one client, of one state."""

    demo_id: Id | UnsetType = UNSET
    client_id: Id | UnsetType = UNSET
    state: LaunchState | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
