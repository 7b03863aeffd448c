"""All SQL on `access_requests`."""

from datetime import datetime
from typing import Literal

import msgspec

from ecatalog.kit.db import Tx


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a request for more time, or for the end of access, and how it was resolved."""

    id: str
    client_id: str
    request_type: Literal["renewal", "revocation"]
    status: Literal["pending", "approved", "rejected", "cancelled"] = "pending"
    message: str = ""
    requested_end_date: str | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    created_at: datetime


def add_request(tx: Tx, request: Request) -> None:
    tx.run(
        """INSERT INTO access_requests (id, client_id, request_type, status, message, requested_end_date,
             resolved_by, resolved_at, resolution, created_at, updated_at)
           VALUES (:id, :client_id, :request_type, :status, :message, :requested_end_date,
             :resolved_by, :resolved_at, :resolution, :created_at, coalesce(:resolved_at, :created_at))""",
        **msgspec.structs.asdict(request),
    )
