"""Logging out, from a page: the same action as the operation, and the cookie goes."""

from starlette.responses import Response

from ecatalog.access.actions import log_out
from ecatalog.web.pages import Visit, page, see_other


async def submit_logout(visit: Visit) -> Response:
    if visit.actor.id:
        await visit.door.db.write(log_out, visit.actor)
    return visit.with_session(see_other("/"), "")


PAGES = (page("POST", "/logout", submit_logout),)
