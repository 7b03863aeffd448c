"""What a person's catalog shows, read at once: the demos, what was used of them, what is open, and the window."""

from datetime import datetime, timedelta

import msgspec

from ecatalog.clients.actions import client_for
from ecatalog.console import demo_queries
from ecatalog.console.dashboard_queries import RequestLine, list_of_client
from ecatalog.console.demo_queries import OwnCopy, OwnUse
from ecatalog.demos.actions import demo_for, list_demos
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import NotFound
from ecatalog.launches.actions import launch_for
from ecatalog.launches.api import OPENERS
from ecatalog_client.types.clients import Client
from ecatalog_client.types.demos import Demo
from ecatalog_client.types.launches import Launch

PER_PAGE = 48
# Clients have few demos: what they used last comes first, which needs all of them.
_MOST_OWN = 200
_SOON = timedelta(days=7)
_LAST_HOUR = timedelta(hours=1)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The access window of the client that looks; None in its place for a user, who has none."""

    client: Client
    now: datetime

    @property
    def left(self) -> timedelta:
        return self.client.access_ends_at - self.now

    @property
    def is_open(self) -> bool:
        return self.client.access_status == "active"

    @property
    def is_soon(self) -> bool:
        return self.is_open and self.left <= _SOON

    @property
    def is_last_hour(self) -> bool:
        return self.is_open and self.left <= _LAST_HOUR


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the catalog."""

    demos: list[Demo]
    next: str | None
    use: dict[str, OwnUse]
    copies: list[OwnCopy]
    window: Window | None
    may_open: bool
    verticals: list[str]
    horizontals: list[str]


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody looks for in the catalog."""

    q: str = ""
    vertical: str = ""
    horizontal: str = ""
    sort: str = ""


def catalog_of(tx: Tx, actor: Actor, sought: Sought, cursor: str | None) -> Catalog:
    """Raises Invalid for a page that does not exist."""
    window = window_of(tx, actor)
    most = _MOST_OWN if actor.is_client else PER_PAGE
    found = list_demos(
        tx,
        actor,
        q=sought.q,
        vertical=sought.vertical,
        horizontal=sought.horizontal,
        limit=most,
        cursor=cursor,
    )
    use = {each.demo_id: each for each in demo_queries.list_own_use(tx, actor.id)} if actor.is_client else {}
    everything = list_demos(tx, actor, limit=_MOST_OWN).items
    return Catalog(
        demos=_in_order(found.items, use, sought.sort),
        next=found.next,
        use=use,
        copies=copies_of(tx, actor),
        window=window,
        may_open=_may_open(actor, window),
        verticals=sorted({demo.vertical for demo in everything if demo.vertical}),
        horizontals=sorted({demo.horizontal for demo in everything if demo.horizontal}),
    )


def _in_order(demos: list[Demo], use: dict[str, OwnUse], sort: str) -> list[Demo]:
    """What was opened last comes first, then by name; everything by name when that is asked for."""
    if sort == "name":
        return demos
    used = sorted((demo for demo in demos if demo.id in use), key=lambda demo: use[demo.id].last_at, reverse=True)
    return used + [demo for demo in demos if demo.id not in use]


def _may_open(actor: Actor, window: Window | None) -> bool:
    return window.is_open if window is not None else actor.role in OPENERS


def window_of(tx: Tx, actor: Actor) -> Window | None:
    return Window(client=client_for(tx, actor, actor.id), now=tx.now) if actor.is_client else None


def copies_of(tx: Tx, actor: Actor) -> list[OwnCopy]:
    whose = {"client_id": actor.id, "user_id": ""} if actor.is_client else {"client_id": "", "user_id": actor.id}
    return demo_queries.list_own_copies(tx, **whose)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A demo as its visitor sees it."""

    demo: Demo
    use: OwnUse | None
    copies: list[OwnCopy]
    window: Window | None
    may_open: bool


def shown_demo(tx: Tx, actor: Actor, demo_id: str) -> Shown:
    """Raises NotFound."""
    demo, window = demo_for(tx, actor, demo_id), window_of(tx, actor)
    use = demo_queries.list_own_use(tx, actor.id) if actor.is_client else []
    return Shown(
        demo=demo,
        use=next((each for each in use if each.demo_id == demo_id), None),
        copies=[copy for copy in copies_of(tx, actor) if copy.demo_id == demo_id],
        window=window,
        may_open=_may_open(actor, window),
    )


class OwnAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A client's window and what it asked for."""

    window: Window
    requests: list[RequestLine]

    @property
    def is_waiting(self) -> bool:
        return any(each.status == "pending" and each.request_type == "renewal" for each in self.requests)


def own_access(tx: Tx, actor: Actor) -> OwnAccess:
    """Raises NotFound for a user, who has no window."""
    window = window_of(tx, actor)
    if window is None:
        raise NotFound("There is no such page.")
    return OwnAccess(window=window, requests=list_of_client(tx, actor.id, 50, only_own=True))


class OnItsWay(msgspec.Struct, frozen=True, kw_only=True):
    """A launch with the name of its demo, empty once that is not to be told; and whether this person opened it."""

    launch: Launch
    name: str
    is_own: bool


def launch_on_its_way(tx: Tx, actor: Actor, launch_id: str) -> OnItsWay:
    """Raises NotFound."""
    launch = launch_for(tx, actor, launch_id)
    is_own = actor.id == (launch.client_id if actor.is_client else launch.user_id)
    try:
        name = demo_for(tx, actor, launch.demo_id).name
    except NotFound:
        name = ""  # Its grant was withdrawn; the launch itself says why it ended.
    return OnItsWay(launch=launch, name=name, is_own=is_own)
