"""The operations on launches: open a demo, follow it, enter it, stop it."""

from collections.abc import AsyncIterator
from dataclasses import replace

from ecatalog.kit.actor import ADMINS, SIGNED_IN, USERS, Actor, Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import CatalogError
from ecatalog.kit.ids import new_secret
from ecatalog.launches import actions, opening, planning
from ecatalog.launches.model import FINAL, entry_url
from ecatalog.web.door import Door
from ecatalog.web.operation import flow, read, stream, write
from ecatalog_client.types.launches import AddWarmPlan, Check, Entry, Launch, LaunchLog, ListLaunches, WarmPlan
from ecatalog_client.types.paging import Page

OPENERS = frozenset({Role.ADMIN, Role.SALES, Role.CLIENT})


async def enter_launch(door: Door, actor: Actor, launch_id: str) -> Entry:
    """The code is drawn here, outside the transaction, because an action may run more than once.

    A repetition under a key gets a code of its own: the kept answer would name the host for one that nobody stored.
    """
    code = new_secret()
    label = await replace(door, once=None).write(actions.enter_launch, actor, launch_id, code)
    return Entry(url=entry_url(door.settings.demos_url, label, code))


async def follow_launch(door: Door, actor: Actor, launch_id: str) -> AsyncIterator[tuple[str, Launch]]:
    """Each new face of the launch, until it runs or is over; the end of the session ends it too."""
    shown: Launch | None = None
    while True:
        seen = _counters(door.db)
        try:
            launch = await door.db.read(actions.followed_launch, actor, launch_id)
        except CatalogError:
            if shown is None:
                raise
            return
        if launch != shown:
            yield "launch", launch
        shown = launch
        if launch.state in FINAL or (launch.state == "running" and launch.wanted == "running"):
            return
        await _changed(door.db, seen)


def _counters(db: Database) -> tuple[int, int]:
    return db.counter("launches"), db.counter("sessions")


async def _changed(db: Database, seen: tuple[int, int]) -> None:
    """Waits for a change of the two tables: a hundred followers must not each read a row at every commit."""
    while True:
        position = db.position
        if _counters(db) != seen:
            return
        await db.moved(position)


OPERATIONS = (
    write(
        "POST",
        "/api/demos/{id}/open",
        opening.open_demo,
        gives=Launch,
        may=OPENERS,
        given=lambda settings: {"limit": settings.max_launches_per_client},
        summary="Open a demo: answers the running copy, or a new one on its way",
    ),
    read(
        "GET",
        "/api/launches",
        actions.list_launches,
        takes=ListLaunches,
        gives=Page[Launch],
        may=SIGNED_IN,
        scope="launches:read",
        summary="List launches, newest first",
        follows=("launches",),
    ),
    read(
        "GET",
        "/api/launches/{id}",
        actions.launch_for,
        gives=Launch,
        may=SIGNED_IN,
        scope="launches:read",
        summary="Read a launch",
    ),
    read(
        "GET",
        "/api/launches/{id}/log",
        actions.log_for,
        gives=LaunchLog,
        may=ADMINS,
        summary="Read the last words of a launch that failed",
    ),
    write(
        "POST",
        "/api/launches/{id}/extend",
        actions.extend_launch,
        gives=Launch,
        may=OPENERS,
        summary="Stay in a launch longer, within the bound of its demo",
    ),
    write(
        "POST",
        "/api/launches/{id}/reset",
        opening.reset_launch,
        gives=Launch,
        may=OPENERS,
        given=lambda settings: {"limit": settings.max_launches_per_client},
        summary="Get a fresh copy in place of a launch",
    ),
    read(
        "GET",
        "/api/demos/{id}/check",
        planning.check_for,
        gives=Check,
        may=USERS,
        scope="demos:read",
        summary="Read whether a demo answered when it was last tried",
    ),
    read(
        "GET",
        "/api/demos/{id}/warm-plans",
        planning.list_warm_plans,
        gives=list[WarmPlan],
        may=USERS,
        scope="demos:read",
        summary="List when copies of a demo are kept warm",
    ),
    write(
        "POST",
        "/api/demos/{id}/warm-plans",
        planning.add_warm_plan,
        takes=AddWarmPlan,
        gives=WarmPlan,
        may=ADMINS,
        scope="demos:write",
        status=201,
        summary="Keep copies of a demo warm, every week or for a meeting",
    ),
    write(
        "DELETE",
        "/api/warm-plans/{id}",
        planning.remove_warm_plan,
        gives=None,
        may=ADMINS,
        scope="demos:write",
        status=204,
        summary="End a plan for warm copies",
    ),
    write(
        "DELETE",
        "/api/launches/{id}",
        actions.stop_launch,
        gives=Launch,
        may=OPENERS,
        scope="launches:write",
        summary="Stop a launch",
    ),
    flow(
        "POST",
        "/api/launches/{id}/enter",
        enter_launch,
        gives=Entry,
        may=OPENERS,
        summary="Get the one-time way into a running launch",
    ),
    stream(
        "GET",
        "/api/launches/{id}/events",
        follow_launch,
        gives=Launch,
        may=SIGNED_IN,
        scope="launches:read",
        summary="Follow a launch until it runs or is over",
    ),
)
