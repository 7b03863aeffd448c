"""The demos of the catalog as users keep them: the table, one demo, its plans, removing and restoring it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from ecatalog.access.catalog_api import removed_and_cut
from ecatalog.access.removal import remove_demo
from ecatalog.console.demos import STATUSES, demo_page, demos_table, removing_of
from ecatalog.console.pages_frame import (
    PER_PAGE,
    Wrong,
    admin_of,
    fields_of,
    page_number,
    show,
    user_of,
    words_of,
    wrong_of,
)
from ecatalog.demos.actions import restore_demo
from ecatalog.kit.errors import Conflict, Invalid
from ecatalog.launches.planning import add_warm_plan, remove_warm_plan
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.launches import AddWarmPlan

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def show_demos(visit: Visit) -> Response:
    actor, number = user_of(visit), page_number(visit)
    q, status, vertical = words_of(visit), visit.query.get("status", ""), words_of(visit, "vertical")
    status = status if status in STATUSES else ""
    table = await visit.door.db.read_long(
        demos_table, actor, q, status, vertical, offset=(number - 1) * PER_PAGE, limit=PER_PAGE
    )

    def link(to: int) -> str:
        given = {"q": q, "status": status, "vertical": vertical, "page": str(to)}
        return "/console/demos?" + urlencode({name: text for name, text in given.items() if text})

    return await show(
        visit,
        "console/demos.html",
        fragment="console/_demos.html",
        table=table,
        q=q,
        chosen=status,
        vertical=vertical,
        number=number,
        pages=max(1, -(-table.count // PER_PAGE)),
        link=link,
        statuses=STATUSES,
    )


async def show_demo(visit: Visit) -> Response:
    return await show_demo_page(visit)


async def show_demo_page(
    visit: Visit, wrong: Wrong | None = None, status: int = 200, *, is_upload: bool = False
) -> Response:
    """The page, with what stood against one of its forms."""
    found = await visit.door.db.read_long(demo_page, user_of(visit), visit.values["id"])
    return await show(
        visit,
        "console/demo.html",
        fragment="console/_trial.html",
        status=status,
        found=found,
        demo=found.demo,
        weekdays=WEEKDAYS,
        wrong=wrong or Wrong(),
        is_upload=is_upload,
        typed=visit.form,
    )


async def show_remove(visit: Visit) -> Response:
    """The numbers, before anything is removed."""
    found = await visit.door.db.read(removing_of, admin_of(visit), visit.values["id"])
    return await show(visit, "console/demo_remove.html", found=found, demo=found.demo)


async def submit_remove(visit: Visit) -> Response:
    actor = admin_of(visit)
    how = "stop" if visit.form.get("launches") == "stop" else "drain"
    changed = await visit.door.write(remove_demo, actor, visit.values["id"], how)
    await removed_and_cut(visit.door, actor, changed)
    return see_other(f"/console/demos/{visit.values['id']}?done=removed")


async def submit_restore(visit: Visit) -> Response:
    await visit.door.write(restore_demo, admin_of(visit), visit.values["id"])
    return see_other(f"/console/demos/{visit.values['id']}?done=restored")


def plan_in(form: Mapping[str, str]) -> dict[str, Any]:
    """The weekly plan that a form holds, as the API would take it."""
    return {
        "copies": form.get("copies", "1"),
        "weekdays": [name for name in WEEKDAYS if form.get(name)],
        "from_time": form.get("from_time", ""),
        "until_time": form.get("until_time", ""),
        "timezone": form.get("timezone") or "UTC",
    }


async def submit_plan(visit: Visit) -> Response:
    """Warm copies every week, on the days that are ticked."""
    actor = admin_of(visit)
    try:
        fields = fields_of(AddWarmPlan, plan_in(visit.form))
        await visit.door.write(add_warm_plan, actor, visit.values["id"], **fields)
    except (Invalid, Conflict) as error:
        return await show_demo_page(visit, wrong_of(error), error.status)
    return see_other(f"/console/demos/{visit.values['id']}?done=planned")


async def submit_plan_end(visit: Visit) -> Response:
    await visit.door.write(remove_warm_plan, admin_of(visit), visit.values["plan_id"])
    return see_other(f"/console/demos/{visit.values['id']}?done=saved")


PAGES = (
    page("GET", "/console/demos/{id}", show_demo),
    page("GET", "/console/demos/{id}/remove", show_remove),
    page("POST", "/console/demos/{id}/remove", submit_remove),
    page("POST", "/console/demos/{id}/restore", submit_restore),
    page("POST", "/console/demos/{id}/plans", submit_plan),
    page("POST", "/console/demos/{id}/plans/{plan_id}/end", submit_plan_end),
)
TABLE = (page("GET", "/console/demos", show_demos),)
