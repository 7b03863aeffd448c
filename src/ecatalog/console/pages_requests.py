"""The inbox: who asks for more time, or for the end of access, answered in place."""

from starlette.responses import Response

from ecatalog.access.requests import approve_request, reject_request
from ecatalog.access.requests_api import told_and_cut
from ecatalog.console.clients import may_manage
from ecatalog.console.dashboard_queries import list_answered, list_waiting
from ecatalog.console.pages_frame import Wrong, fields_of, seller_of, show, user_of, wrong_of
from ecatalog.kit.errors import CatalogError, Conflict, Invalid
from ecatalog.notices.pages import for_people
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.requests import ApproveRequest, RejectRequest

_MOST = 100


async def show_requests(visit: Visit) -> Response:
    return await _inbox(visit)


async def _inbox(visit: Visit, wrong: Wrong | None = None, wrong_id: str = "", status: int = 200) -> Response:
    actor, db = user_of(visit), visit.door.db
    return await show(
        visit,
        "console/requests.html",
        fragment="console/_requests.html",
        status=status,
        waiting=await db.read(list_waiting, _MOST),
        answered=await db.read(list_answered, _MOST),
        may_manage=lambda owner_id: may_manage(actor, owner_id),
        wrong=wrong or Wrong(),
        wrong_id=wrong_id,
        typed=visit.form,
    )


async def submit_approve(visit: Visit) -> Response:
    actor, request_id = seller_of(visit), visit.values["id"]
    given = {name: visit.form[name] for name in ("access_end_date", "resolution") if visit.form.get(name)}
    try:
        fields = fields_of(ApproveRequest, given)
        approved = await visit.door.write(approve_request, actor, request_id, via="inbox", **fields)
        await told_and_cut(visit.door, actor, approved)
    except (Invalid, Conflict) as error:
        return await _inbox(visit, wrong_of(error), request_id, error.status)
    return see_other("/console/requests?done=approved")


async def submit_reject(visit: Visit) -> Response:
    fields = fields_of(RejectRequest, {"resolution": visit.form.get("resolution", "")})
    try:
        await visit.door.write(reject_request, seller_of(visit), visit.values["id"], via="inbox", **fields)
    except CatalogError as error:
        if not isinstance(error, Conflict):
            raise
        return await _inbox(visit, wrong_of(error), visit.values["id"], error.status)
    return see_other("/console/requests?done=rejected")


PAGES = (
    for_people("/console/requests", show_requests),
    page("POST", "/console/requests/{id}/approve", submit_approve),
    page("POST", "/console/requests/{id}/reject", submit_reject),
)
