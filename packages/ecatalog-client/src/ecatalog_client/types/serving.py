"""What edges and launchers watch: the rows, and the updates that a watch yields. Instants are aware, UTC.

A watch yields, for ever: `Begin`, changes, `Synced`, then one change per moved position, with a `Heartbeat`
every second in between; `Lost` when the stream broke. `Begin` may come again at any time: with `is_snapshot`,
all known rows are void.
"""

from datetime import datetime
from typing import Literal

import msgspec

from ecatalog_client.types.containers import Container
from ecatalog_client.types.launches import LaunchKind, LaunchState

Wanted = Literal["running", "stopped"]


class ServedLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """A launch at its host label; it belongs to a client or to a user, a warm copy to nobody.

    `is_elsewhere`: no launcher started it, its address is what an administrator wrote.
    """

    id: str
    label: str
    demo_id: str
    client_id: str | None = None
    user_id: str | None = None
    wanted: Wanted
    state: LaunchState
    reason: str = ""
    upstream: str = ""  # host:port, with https:// before it for TLS; empty until it runs
    is_elsewhere: bool = False
    ends_at: datetime


class ServedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client's access window, half-open, whom it may ask (the owner), and who it is, for demos that greet."""

    id: str
    starts_at: datetime
    ends_at: datetime
    is_revoked: bool
    contact_name: str = ""
    contact_email: str = ""
    name: str = ""
    company: str = ""
    locale: str = ""


class ServedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The client may open the demo. A withdrawn grant is gone."""

    client_id: str
    demo_id: str


class ServedDemo(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that is not removed. A removed one is gone.

    `visitor_key` signs what it is told of its visitor; empty for a demo that is not told.
    """

    id: str
    name: str
    status: Literal["draft", "active", "maintenance", "removed"]
    demo_url: str
    is_metered: bool = False
    visitor_key: str = ""


class ActiveMinute(msgspec.Struct, frozen=True, kw_only=True):
    """Which seconds of a minute (counted since 1970, UTC) were active: bit n of `seconds` is second n."""

    minute: int
    seconds: int


class LaunchUse(msgspec.Struct, frozen=True, kw_only=True):
    """How one launch was used, as one edge saw it; an instant is None when that never happened.

    `open_at`: a page of it last said that it is open. `used_at`: a page was visible and used. `asked_at`: its visitor
    last sent a request or a frame.
    """

    launch_id: str
    minutes: list[ActiveMinute] = []
    open_at: datetime | None = None
    used_at: datetime | None = None
    asked_at: datetime | None = None


class ServedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has not ended, with the name of its user. The follower compares `expires_at` itself."""

    id: str
    client_id: str | None = None
    user_id: str | None = None
    user_name: str = ""
    expires_at: datetime


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is no more, or no longer concerns an edge.

    For a grant, `id` is the client's and `demo_id` is set.
    """

    kind: Literal["launch", "client", "grant", "demo", "session"]
    id: str
    demo_id: str = ""


class WantedLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """A launch that is not final, with all that is needed to run it.

    `containers` are none for one that runs elsewhere, else the public one comes first. With a `claim_path`, the copy is
    told there who its visitor is before it runs. Unless it `is_admitted`, there is no place for it yet.
    """

    id: str
    attempt: int
    wanted: Wanted
    state: LaunchState
    reason: str = ""
    state_since: datetime  # when it entered `state`, by the gateway's clock
    label: str
    demo_id: str
    kind: LaunchKind = "open"
    is_admitted: bool = True
    spec_hash: str
    containers: list[Container] = []
    port: int
    claim_path: str = ""
    visitor_name: str = ""
    visitor_company: str = ""
    visitor_locale: str = ""


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a launcher says of its engine: how many copies it can hold and holds, how much memory in megabytes they may
    be given together, and how many may start at once.
    """

    capacity: int = 0
    running: int = 0
    memory_mb: int = 0
    starts: int = 0


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """A watch begins.

    With `is_snapshot` whatever was known is void, else the changes go on where they stopped.

    An edge gets `cookie_key` and `catalog_url`, a launcher `installation`, which names what is ours on a
    shared engine.
    """

    epoch: str
    is_snapshot: bool
    cookie_key: bytes = b""
    catalog_url: str = ""
    installation: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Whole rows as they are at `position`, for edges.

    Within a snapshot, up to its `Synced`, the position is 0.

    Once it is applied, acknowledge it (`acks.send`), also when it holds no rows: a revocation waits for that.
    """

    position: int
    launches: list[ServedLaunch] = []
    clients: list[ServedClient] = []
    grants: list[ServedGrant] = []
    demos: list[ServedDemo] = []
    sessions: list[ServedSession] = []
    gone: list[Gone] = []


class WantedChange(msgspec.Struct, frozen=True, kw_only=True):
    """The same for launchers; `gone` are the ids of launches that are final."""

    position: int
    launches: list[WantedLaunch] = []
    gone: list[str] = []


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `position` was told. An edge acknowledges it: no lease is granted before."""

    position: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's time when it was sent, and the lease as it stands (both by the gateway's clock).

    `received_at_boottime` is our CLOCK_BOOTTIME at its reception. `lease_until` is in the past while there is
    no lease: an edge then serves nothing, a launcher does nothing. `is_active` is false for a launcher
    without the engine's lease.
    """

    now: datetime
    position: int
    lease_until: datetime
    is_active: bool
    received_at_boottime: float


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The stream broke; the watch reconnects by itself."""

    reason: str


EdgeUpdate = Begin | Change | Synced | Heartbeat | Lost
LauncherUpdate = Begin | WantedChange | Synced | Heartbeat | Lost


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections of one launch an edge closed. `client_id` is empty for a launch of a user."""

    launch_id: str
    client_id: str = ""
    connections: int


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """What a one-time code was good for. Serve once `position` is applied."""

    launch_id: str
    session_id: str
    position: int
    path: str
