"""The catalog as people see it: the demos, opening one, and the page that waits until it runs.

It works without scripts: opening is a form, waiting is a page that loads itself again every second.
"""

import msgspec
from starlette.responses import Response

from ecatalog.accounts.actions import user_for
from ecatalog.accounts.pages import login_form
from ecatalog.clients.actions import client_for
from ecatalog.clients.model import end_in_words, in_words
from ecatalog.demos.actions import demo_for, list_demos
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import NotFound, Unauthorized
from ecatalog.launches.actions import launch_for
from ecatalog.launches.api import OPENERS, enter_launch
from ecatalog.launches.opening import open_demo
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.clients import Client
from ecatalog_client.types.demos import Demo
from ecatalog_client.types.launches import Launch
from ecatalog_client.types.paging import Page

_DEMOS_PER_PAGE = 48
_LONGEST_SEARCH = 200
_SAMPLES = (
    "This catalog was started with sample data, and everybody knows the passwords of its accounts. "
    "Keep it on this machine."
)
_COMING = frozenset({"queued", "starting"})
_PHASES = {
    "queued": "Waiting for a free place",
    "starting": "Starting your copy",
    "pulling": "Fetching the image",
    "creating": "Preparing the container",
    "greeting": "Preparing it for you",
    "waiting": "Waiting for the demo to answer",
    "running": "Ready",
    "stopping": "Stopping",
    "stopped": "Stopped",
    "failed": "It did not start",
}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at the catalog: a name, where that person belongs, and what to say about time."""

    name: str
    where: str
    window: str
    may_open: bool
    when_empty: str


class Phase(msgspec.Struct, frozen=True):
    """One line of the waiting page."""

    words: str
    seconds: float


async def show_catalog(visit: Visit) -> Response:
    if not visit.actor.id:
        # A link from elsewhere brings no SameSite=Strict cookie; a reload of our own page does.
        if visit.fetch_site in ("cross-site", "same-site"):
            return visit.render("web/again.html")
        return login_form(visit)
    words, cursor = visit.query.get("q", "")[:_LONGEST_SEARCH], visit.query.get("cursor")
    person, demos = await visit.door.db.read(_catalog_of, visit.actor, words, cursor)
    return visit.render(
        "launches/catalog.html",
        q=words,
        demos=demos.items,
        next=demos.next,
        notice=_SAMPLES if visit.door.settings.load_seed_data else "",
        **msgspec.structs.asdict(person),
    )


def _catalog_of(tx: Tx, actor: Actor, words: str, cursor: str | None) -> tuple[Person, Page[Demo]]:
    return _person_of(tx, actor), list_demos(tx, actor, q=words, limit=_DEMOS_PER_PAGE, cursor=cursor)


def _person_of(tx: Tx, actor: Actor) -> Person:
    if not actor.is_client:
        user = user_for(tx, SYSTEM, actor.id)
        return Person(
            name=user.full_name,
            where=user.role,
            window="Everything in the catalog.",
            may_open=actor.role in OPENERS,
            when_empty="There are no demos yet. An administrator adds the first one.",
        )
    client = client_for(tx, actor, actor.id)
    return Person(
        name=client.name,
        where=client.company,
        window=_window_in_words(client),
        may_open=client.access_status == "active",
        when_empty="No demo has been shared with you yet. Ask whoever invited you.",
    )


def _window_in_words(client: Client) -> str:
    if client.access_status == "pending":
        return f"Your access begins on {in_words(client.access_starts_at, client.timezone)}."
    end = end_in_words(client.access_ends_at, client.timezone)
    if client.access_status == "active":
        return f"Yours to try until {end}."
    return f"Your access ended on {end}. Ask whoever invited you for more time."


async def submit_open(visit: Visit) -> Response:
    door, limit = visit.door, visit.door.settings.max_launches_per_client
    launch = await door.write(open_demo, _signed_in(visit), visit.values["id"], limit=limit)
    return see_other(f"/launches/{launch.id}")


async def show_launch(visit: Visit) -> Response:
    """The phases of a launch that is on its way; its own host as soon as it runs."""
    launch, name = await visit.door.db.read(_launch_and_name, _signed_in(visit), visit.values["id"])
    if launch.state == "running" and launch.wanted == "running":
        return see_other((await enter_launch(visit.door, visit.actor, launch.id)).url)
    return visit.render(
        "launches/launch.html",
        launch=launch,
        name=name,
        is_coming=launch.state in _COMING and launch.wanted == "running",
        phases=_phases_of(launch),
        waiting=_waiting_in_words(launch),
    )


def _launch_and_name(tx: Tx, actor: Actor, launch_id: str) -> tuple[Launch, str]:
    launch = launch_for(tx, actor, launch_id)
    try:
        return launch, demo_for(tx, actor, launch.demo_id).name
    except NotFound:
        return launch, "This demo"  # Its grant was withdrawn; the launch itself says why it ended.


def _waiting_in_words(launch: Launch) -> str:
    """What is ahead: the place in the queue and about how long, or how far the phase is; empty when nobody knows."""
    if launch.queue is not None and launch.queue.position > 1:
        return f"Number {launch.queue.position} in the queue, {_about(launch.queue.seconds)}."
    if launch.queue is not None:
        return f"You are next, {_about(launch.queue.seconds)}."
    return f"{launch.progress} % there." if launch.phase == "pulling" and launch.progress else ""


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"ready in about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"ready in about {minutes} minutes" if minutes < 90 else f"ready in about {round(minutes / 60)} hours"


def _phases_of(launch: Launch) -> list[Phase]:
    """The phases in the order in which they began, with the seconds from the first one."""
    by_time = sorted(launch.phases.items(), key=lambda item: item[1])
    return [
        Phase(_PHASES.get(name, name.replace("_", " ").capitalize()), (at - by_time[0][1]).total_seconds())
        for name, at in by_time
    ]


def _signed_in(visit: Visit) -> Actor:
    if not visit.actor.id:
        raise Unauthorized("Log in first: your session has ended, or there was none.")
    return visit.actor


PAGES = (
    page("GET", "/", show_catalog),
    page("POST", "/demos/{id}/open", submit_open),
    page("GET", "/launches/{id}", show_launch),
)
