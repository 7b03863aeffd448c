"""All SQL on `access_requests`."""

from datetime import datetime
from typing import Literal

import msgspec

from ecatalog.kit.db import Tx
from ecatalog_client.types.requests import AccessRequest


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a request for more time, or for the end of access, and how it was resolved."""

    id: str
    client_id: str
    request_type: Literal["renewal", "revocation"]
    status: Literal["pending", "approved", "rejected", "cancelled"] = "pending"
    message: str = ""
    requested_end_date: str | None = None
    created_by: str | None = None
    by_client: bool = False
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    created_at: datetime


_SELECT = """SELECT id, client_id, request_type, status, message, requested_end_date, created_by, by_client,
  resolved_by, resolved_at, resolution, created_at, updated_at, version FROM access_requests """


def add_request(tx: Tx, request: Request) -> int:
    """0 when one of this type is pending already, by the client or by others: the unique index lets only one in."""
    return tx.run(
        """INSERT INTO access_requests (id, client_id, request_type, status, message, requested_end_date,
             created_by, by_client, resolved_by, resolved_at, resolution, created_at, updated_at)
           VALUES (:id, :client_id, :request_type, :status, :message, :requested_end_date,
             :created_by, :by_client, :resolved_by, :resolved_at, :resolution, :created_at, :updated_at)
           ON CONFLICT (client_id, request_type, by_client) WHERE status = 'pending' DO NOTHING""",
        **msgspec.structs.asdict(request),
        updated_at=request.resolved_at or request.created_at,
    )


def find_request(tx: Tx, request_id: str) -> AccessRequest | None:
    return tx.one(AccessRequest, _SELECT + "WHERE id = :id", id=request_id)


def list_requests(
    tx: Tx, *, status: str, request_type: str, client_id: str, only_own: bool, before: str, limit: int
) -> list[AccessRequest]:
    """Newest first; with `only_own`, those that clients made."""
    return tx.all(
        AccessRequest,
        _SELECT
        + """WHERE id < :before AND (:status = '' OR status = :status)
             AND (:request_type = '' OR request_type = :request_type)
             AND (:client_id = '' OR client_id = :client_id)
             AND (:only_own = 0 OR by_client = 1)
           ORDER BY id DESC LIMIT :limit""",
        status=status,
        request_type=request_type,
        client_id=client_id,
        only_own=int(only_own),
        before=before,
        limit=limit,
    )


def set_resolved(tx: Tx, request_id: str, *, status: str, by: str | None, resolution: str) -> int:
    """Claims the request: 1 for whoever resolved it first."""
    return tx.run(
        """UPDATE access_requests SET status = :status, resolved_by = :by, resolved_at = :now,
             resolution = :resolution, updated_at = :now, version = version + 1
           WHERE id = :id AND status = 'pending'""",
        id=request_id,
        status=status,
        by=by,
        resolution=resolution,
        now=tx.now,
    )
