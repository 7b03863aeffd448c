"""Requests for more time, or for the end of access: made, approved, rejected and cancelled.

Approving is renewing or revoking, in the same transaction, by whoever approves.
"""

from typing import Literal

import msgspec

from ecatalog.access import queries
from ecatalog.access.actions import Revoked, renew_client, revoke_client
from ecatalog.access.queries import Request
from ecatalog.clients import actions as clients
from ecatalog.clients.model import window
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.usage.actions import record_use
from ecatalog_client.types.clients import Client
from ecatalog_client.types.paging import Page
from ecatalog_client.types.requests import AccessRequest, RequestType


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An approved request, its client, and what was ended when access was."""

    request: AccessRequest
    client: Client
    revoked: Revoked | None


def request_for(tx: Tx, actor: Actor, request_id: str) -> AccessRequest:
    """The request, as this actor may see it: users see all, a client those it made. Raises NotFound."""
    found = queries.find_request(tx, request_id)
    if found is None or not (actor.reads("requests") or _is_clients_own(actor, found)):
        raise NotFound("There is no such request.")
    return found


def _is_clients_own(actor: Actor, request: AccessRequest) -> bool:
    return actor.is_client and request.client_id == actor.id and request.by_client


def list_requests(
    tx: Tx,
    actor: Actor,
    *,
    status: str = "",
    request_type: str = "",
    client_id: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[AccessRequest]:
    """The requests that the actor may see, newest first; a client finds those it made. Raises Invalid, Forbidden."""
    (before,) = decode_cursor(cursor, ("~",))
    if not (actor.is_client or actor.reads("requests")):
        raise Forbidden("Your account may not read requests.")
    if actor.is_client and client_id not in ("", actor.id):
        return Page(items=[])
    rows = queries.list_requests(
        tx,
        status=status,
        request_type=request_type,
        client_id=actor.id if actor.is_client else client_id,
        only_own=actor.is_client,
        before=before,
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda request: (request.id,))


def create_request(
    tx: Tx,
    actor: Actor,
    *,
    request_type: RequestType,
    message: str = "",
    requested_end_date: str | None = None,
    client_id: str | None = None,
) -> AccessRequest:
    """Asks for more time or for the end of access: a client for itself, sales for a colleague's client to end.

    Raises NotFound, Forbidden, Invalid (with the fields), or Conflict when the same is asked already, or cannot be
    granted as the client is now.
    """
    client = _asked_about(tx, actor, request_type, client_id)
    if client.revoked_at is not None:
        raise Conflict("This client's access is revoked already: it can only be restored.")
    _refuse_bad_end(tx, client, request_type, requested_end_date)
    request = Request(
        id=new_id(),
        client_id=client.id,
        request_type=request_type,
        message=message.strip(),
        requested_end_date=requested_end_date,
        created_by=actor.user_id,
        by_client=actor.is_client,
        created_at=tx.now,
    )
    if not queries.add_request(tx, request):
        raise Conflict(f"A {request_type} is asked for already. Wait for the answer, or cancel that request first.")
    tx.touch("access_requests")
    tx.record("request.created", actor, client=client.id, request=request.id, request_type=request_type)
    if actor.is_client:  # Usage is what clients do; what users do is a fact.
        record_use(tx, "request_created", client_id=client.id, details={"request_type": request_type})
    return request_for(tx, SYSTEM, request.id)


def _asked_about(tx: Tx, actor: Actor, request_type: RequestType, client_id: str | None) -> Client:
    """The client that the request is about, if the actor may ask this of it."""
    if actor.is_client:
        return clients.client_for(tx, actor, client_id or actor.id)
    if actor.role is not Role.SALES and not actor.manages("requests"):
        raise Forbidden("Your account may not make requests. Ask somebody in sales.")
    if client_id is None:
        raise Invalid("Say which client this is about.", fields={"client_id": "missing"})
    client = clients.client_for(tx, SYSTEM, client_id)
    if actor.role is Role.SALES:
        _refuse_what_sales_do_themselves(actor, client, request_type)
    return client


def _refuse_what_sales_do_themselves(actor: Actor, client: Client, request_type: RequestType) -> None:
    if client.owner_id == actor.id:
        raise Conflict("This client is yours: renew or revoke its access yourself.")
    if request_type == "renewal":
        raise Forbidden("The client, or an administrator, asks for more time. You may ask for the end of its access.")


def _refuse_bad_end(tx: Tx, client: Client, request_type: RequestType, end: str | None) -> None:
    field = "requested_end_date"
    if request_type == "revocation":
        if end is not None:
            raise Invalid("Only a renewal has a wished end.", fields={field: "not for a revocation"})
        return
    if end is None:
        raise Invalid("Say until when access is needed.", fields={field: "missing"})
    try:
        ends_at = window(client.access_start_date, end, client.timezone).ends_at
    except Invalid as error:
        raise Invalid(error.message, fields={field: "not a date or instant after the start"}) from None
    if ends_at <= tx.now:
        raise Invalid("This end is in the past: choose a later one.", fields={field: "in the past"})
    if ends_at <= client.access_ends_at:
        raise Invalid("Access lasts until then already: choose a later end.", fields={field: "not later"})


def approve_request(
    tx: Tx, actor: Actor, request_id: str, *, access_end_date: str | None = None, resolution: str = "", via: str = ""
) -> Approved:
    """Grants it: renews the client until the wished end (or the given one), or revokes its access.

    `via` is by which way the answer came, when it was not the API: the fact says so.

    Raises NotFound, Forbidden, Invalid, or Conflict when it is resolved already or the client is revoked.
    """
    request = _decidable_for(tx, actor, request_id)
    if actor.role is Role.SERVICE and not actor.manages("clients"):
        raise Forbidden("Approving changes the client: the token needs the scope 'clients:write' as well.")
    request = _claimed(tx, actor, request, "approved", resolution, via)
    asked = {"request": request.id, "by_client": request.by_client}
    if request.request_type == "renewal":
        end = access_end_date or request.requested_end_date
        client = renew_client(tx, actor, request.client_id, end, asked=asked)
        return Approved(request=request, client=client, revoked=None)
    if access_end_date is not None:
        raise Invalid("A revocation ends access now.", fields={"access_end_date": "not for a revocation"})
    revoked = revoke_client(tx, actor, request.client_id, resolution, asked=asked)
    return Approved(request=request, client=revoked.client, revoked=revoked)


def reject_request(tx: Tx, actor: Actor, request_id: str, *, resolution: str = "", via: str = "") -> AccessRequest:
    """Says no; `via` is as for approving. Raises NotFound, Forbidden, or Conflict when it is resolved already."""
    return _claimed(tx, actor, _decidable_for(tx, actor, request_id), "rejected", resolution, via)


def cancel_request(tx: Tx, actor: Actor, request_id: str) -> AccessRequest:
    """Takes it back: whoever made it, or an administrator. Raises NotFound, Forbidden, or Conflict when resolved."""
    request = request_for(tx, actor, request_id)
    is_maker = request.created_by is not None and request.created_by == actor.user_id
    if not (is_maker or _is_clients_own(actor, request) or actor.manages("requests")):
        raise Forbidden("Only whoever made this request, or an administrator, cancels it. You may reject it.")
    return _claimed(tx, actor, request, "cancelled", "")


def _decidable_for(tx: Tx, actor: Actor, request_id: str) -> AccessRequest:
    """The request, for who decides about it: an administrator, or the owner of the client in sales."""
    request = request_for(tx, actor, request_id)
    if actor.role is Role.SALES:
        client = clients.client_for(tx, SYSTEM, request.client_id)
        if client.owner_id != actor.id:
            raise Forbidden("This client belongs to a colleague. They, or an administrator, answer its requests.")
    elif not actor.manages("requests"):
        raise Forbidden("Your account may not answer requests. Ask somebody in sales.")
    return request


def _claimed(
    tx: Tx,
    actor: Actor,
    request: AccessRequest,
    status: Literal["approved", "rejected", "cancelled"],
    resolution: str,
    via: str = "",
) -> AccessRequest:
    if not queries.set_resolved(tx, request.id, status=status, by=actor.user_id, resolution=resolution.strip()):
        resolved = request_for(tx, SYSTEM, request.id)
        raise Conflict(f"This request was {resolved.status} already.")
    tx.touch("access_requests")
    details = {"request": request.id, **({"via": via} if via else {})}
    match status:
        case "approved":
            tx.record("request.approved", actor, client=request.client_id, **details)
        case "rejected":
            tx.record("request.rejected", actor, client=request.client_id, **details)
        case "cancelled":
            tx.record("request.cancelled", actor, client=request.client_id, **details)
    return request_for(tx, SYSTEM, request.id)
