"""The catalog as people see it: the demos, one of them, opening it, and the page that waits until it runs.

It works without scripts: opening is a form, waiting is a page that loads itself again every second.
"""

from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from ecatalog.accounts.pages import login_form
from ecatalog.console.catalog import Sought, catalog_of, launch_on_its_way, shown_demo
from ecatalog.console.pages_frame import show, signed_in, words_of
from ecatalog.launches.actions import extend_launch, stop_launch
from ecatalog.launches.api import enter_launch
from ecatalog.launches.opening import open_demo, reset_launch
from ecatalog.web.pages import Visit, own_path, page, see_other
from ecatalog_client.types.launches import Launch

_COMING = frozenset({"queued", "starting"})


class Phase(msgspec.Struct, frozen=True):
    """One line of the waiting page."""

    name: str
    seconds: float


async def show_catalog(visit: Visit) -> Response:
    if not visit.actor.id:
        # A link from elsewhere brings no SameSite=Strict cookie; a reload of our own page does.
        if visit.fetch_site in ("cross-site", "same-site"):
            return visit.render("web/again.html")
        return login_form(visit)
    sought = Sought(
        q=words_of(visit),
        vertical=words_of(visit, "vertical"),
        horizontal=words_of(visit, "horizontal"),
        sort="name" if visit.query.get("sort") == "name" else "",
    )
    found = await visit.door.db.read(catalog_of, visit.actor, sought, visit.query.get("cursor") or None)
    kept = {name: text for name, text in msgspec.structs.asdict(sought).items() if text}
    return await show(
        visit,
        "catalog/catalog.html",
        fragment="catalog/_demos.html",
        found=found,
        sought=sought,
        window=found.window,
        more="/?" + urlencode(kept | {"cursor": found.next}) if found.next else "",
        has_samples=visit.door.settings.load_seed_data,
    )


async def show_demo(visit: Visit) -> Response:
    found = await visit.door.db.read(shown_demo, signed_in(visit), visit.values["id"])
    return await show(visit, "catalog/demo.html", found=found, demo=found.demo, window=found.window)


async def submit_open(visit: Visit) -> Response:
    door, limit = visit.door, visit.door.settings.max_launches_per_client
    launch = await door.write(open_demo, signed_in(visit), visit.values["id"], limit=limit)
    return see_other(f"/launches/{launch.id}")


async def show_launch(visit: Visit) -> Response:
    """The phases of a launch that is on its way; its own host as soon as it runs."""
    found = await visit.door.db.read(launch_on_its_way, signed_in(visit), visit.values["id"])
    launch = found.launch
    if launch.state == "running" and launch.wanted == "running":
        return see_other((await enter_launch(visit.door, visit.actor, launch.id)).url)
    return await show(
        visit,
        "catalog/launch.html",
        fragment="catalog/_launch.html",
        launch=launch,
        name=found.name,
        is_own=found.is_own,
        is_coming=launch.state in _COMING and launch.wanted == "running",
        phases=phases_of(launch),
    )


def phases_of(launch: Launch) -> list[Phase]:
    """The phases in the order in which they began, with the seconds from the first one."""
    by_time = sorted(launch.phases.items(), key=lambda item: item[1])
    return [Phase(name, (at - by_time[0][1]).total_seconds()) for name, at in by_time]


async def submit_stop(visit: Visit) -> Response:
    await visit.door.write(stop_launch, signed_in(visit), visit.values["id"])
    return see_other(own_path(visit.form.get("next", "/?done=stopped")))


async def submit_extend(visit: Visit) -> Response:
    await visit.door.write(extend_launch, signed_in(visit), visit.values["id"])
    return see_other(own_path(visit.form.get("next", "/")))


async def submit_reset(visit: Visit) -> Response:
    door, limit = visit.door, visit.door.settings.max_launches_per_client
    launch = await door.write(reset_launch, signed_in(visit), visit.values["id"], limit=limit)
    return see_other(f"/launches/{launch.id}")


PAGES = (
    page("GET", "/", show_catalog),
    page("GET", "/demos/{id}", show_demo),
    page("POST", "/demos/{id}/open", submit_open),
    page("GET", "/launches/{id}", show_launch),
    page("POST", "/launches/{id}/stop", submit_stop),
    page("POST", "/launches/{id}/extend", submit_extend),
    page("POST", "/launches/{id}/reset", submit_reset),
)
