"""The operations on requests for more time, or for the end of access. Approving an end waits for the edges."""

from ecatalog.access import requests
from ecatalog.access.api import cut_acknowledged
from ecatalog.access.requests import Approved
from ecatalog.kit.actor import SALES, SIGNED_IN, Actor, Role
from ecatalog.web.door import Door
from ecatalog.web.operation import read, write
from ecatalog_client.types.paging import Page
from ecatalog_client.types.requests import (
    AccessRequest,
    ApproveRequest,
    CreateRequest,
    ListRequests,
    RejectRequest,
    Resolved,
)

_ASKING = SALES | {Role.CLIENT}


async def told_and_cut(door: Door, actor: Actor, approved: Approved) -> Resolved:
    """Waits, when access was ended, until the edges have cut what was open."""
    if approved.revoked is None:
        return Resolved(request=approved.request, client=approved.client, cut=None)
    closed = await cut_acknowledged(door, actor, approved.revoked)
    return Resolved(request=approved.request, client=approved.client, cut=closed.cut)


OPERATIONS = (
    read(
        "GET",
        "/api/requests",
        requests.list_requests,
        takes=ListRequests,
        gives=Page[AccessRequest],
        may=SIGNED_IN,
        scope="requests:read",
        summary="List requests, newest first",
    ),
    write(
        "POST",
        "/api/requests",
        requests.create_request,
        takes=CreateRequest,
        gives=AccessRequest,
        may=_ASKING,
        scope="requests:write",
        status=201,
        summary="Ask for more time, or for the end of access",
    ),
    write(
        "POST",
        "/api/requests/{id}/approve",
        requests.approve_request,
        takes=ApproveRequest,
        gives=Resolved,
        may=SALES,
        scope="requests:write",
        then=told_and_cut,
        summary="Approve a request: renew, or end access now",
    ),
    write(
        "POST",
        "/api/requests/{id}/reject",
        requests.reject_request,
        takes=RejectRequest,
        gives=AccessRequest,
        may=SALES,
        scope="requests:write",
        summary="Reject a request",
    ),
    write(
        "POST",
        "/api/requests/{id}/cancel",
        requests.cancel_request,
        gives=AccessRequest,
        may=_ASKING,
        scope="requests:write",
        summary="Take a request back",
    ),
)
