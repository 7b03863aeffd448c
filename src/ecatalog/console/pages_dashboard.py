"""The first page of the console, and the page that shows every component in every state."""

from starlette.responses import Response

from ecatalog.console.client_queries import list_live
from ecatalog.console.dashboard import dashboard_of, is_in_use
from ecatalog.console.month import MonthMemory
from ecatalog.console.pages_frame import admin_of, show, user_of
from ecatalog.web.answers import encode
from ecatalog.web.pages import Visit, page

_MOST_LIVE = 50


async def show_dashboard(visit: Visit) -> Response:
    user_of(visit)
    if visit.is_fragment:
        live = await visit.door.db.read(list_live, _MOST_LIVE)
        return await show(visit, "console/_live.html", fragment="console/_live.html", live=live, is_in_use=is_in_use)
    month = await visit.door.part(MonthMemory).read()
    board = await visit.door.db.read_long(dashboard_of, month.never_seen)
    shown = encode(board.pulse).decode()
    return await show(
        visit, "console/dashboard.html", board=board, month=month, live=board.live, shown=shown, is_in_use=is_in_use
    )


async def show_components(visit: Visit) -> Response:
    """Raises Forbidden for all but administrators."""
    admin_of(visit)
    return await show(visit, "console/components.html")


PAGES = (
    page("GET", "/console", show_dashboard),
    page("GET", "/console/components", show_components),
)
