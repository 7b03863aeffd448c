"""Changes of clients, grants and demos that end what is open: the rooms below, called in one transaction."""

from typing import Any

import msgspec

from ecatalog.clients import actions as clients
from ecatalog.demos import actions as demos
from ecatalog.demos import grants
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import NotFound
from ecatalog.launches import actions as launches
from ecatalog.launches.queries import count_live_of_demo
from ecatalog.launches.trials import begin_trial, needs_trial
from ecatalog_client.types.clients import Client
from ecatalog_client.types.demos import Demo


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that was taken back, the launches that stop for it, and the position that edges must apply."""

    client_id: str
    demo_id: str
    launches: list[str]
    position: int


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A demo as it is now, the launches that stop for it, and the position that edges must apply; 0 for none."""

    demo: Demo
    launches: list[str]
    still_live: int
    position: int
    trial_launch_id: str | None = None


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """A new demo, and the launch that has to answer before it is published."""

    demo: Demo
    trial_launch_id: str | None


def edit_client(tx: Tx, actor: Actor, client_id: str, /, **changes: Any) -> Client:
    """Changes what is given of a client; what it has open follows its window. Raises what `change_client` raises."""
    changed = clients.change_client(tx, actor, client_id, **changes)
    launches.follow_window(tx, client_id, changed.access_ends_at)
    if changed.access_status == "pending":
        launches.stop_all(tx, actor, client=client_id, reason="Your access begins later now.")
    return changed


def withdraw_grant(tx: Tx, actor: Actor, client_id: str, demo_id: str) -> Withdrawn:
    """Takes a grant back and stops what the client has open by it. Raises NotFound, Forbidden."""
    if not grants.withdraw_demo(tx, actor, client_id, demo_id):
        raise NotFound("This client may not open that demo: there is nothing to take back.")
    stopped = launches.stop_all(tx, actor, client=client_id, demo=demo_id, reason="This demo was taken back.")
    return Withdrawn(client_id=client_id, demo_id=demo_id, launches=stopped, position=tx.last_position)


def add_demo(tx: Tx, actor: Actor, /, *, force: bool = False, **fields: Any) -> Added:
    """Adds an entry to the catalog; one that is to be active stays a draft until a copy of it answers, unless forced.

    Raises what `create_demo` raises.
    """
    demo = demos.create_demo(tx, actor, **fields)
    made = demos.as_new(demo)
    if force or not needs_trial(tx, demo.id, made, was_active=False):
        return Added(demo=demo, trial_launch_id=None)
    draft = demos.change_demo(tx, actor, demo.id, status="draft")
    launch_id = begin_trial(tx, actor, demo.id, made, {"status": "active"})
    return Added(demo=draft, trial_launch_id=launch_id)


def edit_demo(tx: Tx, actor: Actor, demo_id: str, /, *, force: bool = False, **changes: Any) -> Changed:
    """Changes what is given of a demo, and stops its copies when it is no longer active.

    Where other copies would be started by it, one has to answer first, unless forced. Raises what `change_demo` raises.
    """
    was, wanted = demos.preview_change(tx, actor, demo_id, changes)
    made = demos.as_new(wanted)
    if not force and needs_trial(tx, demo_id, made, was_active=was.status == "active"):
        launch_id = begin_trial(tx, actor, demo_id, made, changes)
        live = count_live_of_demo(tx, demo_id)
        return Changed(demo=was, launches=[], still_live=live, position=0, trial_launch_id=launch_id)
    demo = demos.change_demo(tx, actor, demo_id, **changes)
    if not (was.status == "active" and demo.status != "active"):
        return Changed(demo=demo, launches=[], still_live=count_live_of_demo(tx, demo_id), position=0)
    words = f"This demo is under maintenance. {demo.status_reason}".strip()
    reason = words if demo.status == "maintenance" else "This demo is no longer in the catalog."
    stopped = launches.stop_all(tx, actor, demo=demo_id, reason=reason)
    return Changed(demo=demo, launches=stopped, still_live=0, position=tx.last_position)


def remove_demo(tx: Tx, actor: Actor, demo_id: str, launches: str = "drain") -> Changed:
    """Takes a demo out of the catalog: its copies go on to their end (`drain`), or stop now (`stop`).

    Raises NotFound, Forbidden, or Conflict when it was removed before.
    """
    drains = launches == "drain"
    demo = demos.mark_removed(tx, actor, demo_id, drains=drains)
    if drains:
        return Changed(demo=demo, launches=[], still_live=count_live_of_demo(tx, demo_id), position=0)
    stopped = _stop_copies(tx, actor, demo_id)
    return Changed(demo=demo, launches=stopped, still_live=0, position=tx.last_position)


def _stop_copies(tx: Tx, actor: Actor, demo_id: str) -> list[str]:
    return launches.stop_all(tx, actor, demo=demo_id, reason="This demo was removed from the catalog.")
