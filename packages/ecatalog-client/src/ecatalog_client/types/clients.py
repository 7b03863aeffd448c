"""Clients: people of other companies, with access from a start to an end."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ecatalog_client.types.paging import PageSize

AccessStatus = Literal["pending", "active", "expired", "revoked"]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client. The two dates are what was typed (a date or an RFC 3339 instant); the two instants decide.

    The access window is half-open: access begins at `access_starts_at` and is over at `access_ends_at`.
    `notes` are for users; a client reads its own as empty.
    """

    id: str
    name: str
    email: str
    company: str
    access_start_date: str
    access_end_date: str
    access_starts_at: datetime
    access_ends_at: datetime
    access_status: AccessStatus
    timezone: str
    owner_id: str | None
    locale: str
    notes: str
    revoked_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class ListClients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients: those whose name, e-mail or company contains `q`, of one status, of one owner."""

    q: str | UnsetType = UNSET
    status: AccessStatus | UnsetType = UNSET
    owner_id: str | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
