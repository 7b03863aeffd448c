"""Requests: who asks for more time, or for the end of access, and what came of it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.access import Cut
from ecatalog_client.types.clients import Client
from ecatalog_client.types.paging import Cursor, Id, PageSize

RequestType = Literal["renewal", "revocation"]
RequestStatus = Literal["pending", "approved", "rejected", "cancelled"]

Words = Annotated[str, Meta(max_length=2000)]
End = Annotated[str, Meta(max_length=64)]


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request about a client's access.

    `by_client` when the client made it itself; else `created_by` is the user who did, null for a service.
    `requested_end_date` is what was typed.
    """

    id: str
    client_id: str
    request_type: RequestType
    status: RequestStatus
    message: str
    requested_end_date: str | None
    created_by: str | None
    by_client: bool
    resolved_by: str | None
    resolved_at: datetime | None
    resolution: str
    created_at: datetime
    updated_at: datetime
    version: int


class ListRequests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests, newest first: of one status, of one type, about one client."""

    status: RequestStatus | UnsetType = UNSET
    request_type: RequestType | UnsetType = UNSET
    client_id: Id | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for. A renewal says until when, as a date or an RFC 3339 instant; a user says for which client."""

    request_type: RequestType
    message: Words = ""
    requested_end_date: End | UnsetType = UNSET
    client_id: Id | UnsetType = UNSET


class ApproveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes, with words for whoever asked; a renewal until another end than the wished one if it is given."""

    access_end_date: End | UnsetType = UNSET
    resolution: Words = ""


class RejectRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No, with words for whoever asked."""

    resolution: Words = ""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """An approved request, the client as it is now, and what was closed if its access ended."""

    request: AccessRequest
    client: Client
    cut: Cut | None
