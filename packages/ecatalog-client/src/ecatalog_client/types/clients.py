"""Clients: people of other companies, with access from a start to an end."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.paging import Cursor, PageSize

Name = Annotated[str, Meta(min_length=1, max_length=200)]
EmailText = Annotated[str, Meta(min_length=3, max_length=254)]
DateText = Annotated[str, Meta(min_length=1, max_length=40)]
ZoneName = Annotated[str, Meta(min_length=1, max_length=64)]
LocaleName = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[A-Z]{2})?$(?!\n)")]
Notes = Annotated[str, Meta(max_length=4000)]
Words = Annotated[str, Meta(max_length=200)]

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


class CreateClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new client. Start and end are dates (of the client's time zone, the end inclusive) or RFC 3339 instants."""

    name: Name
    email: EmailText
    company: Name
    access_start_date: DateText
    access_end_date: DateText
    timezone: ZoneName | UnsetType = UNSET
    owner_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    locale: LocaleName | UnsetType = UNSET
    notes: Notes | UnsetType = UNSET


class PatchClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a client. Its end moves by renewing; the time zone and the start move the window's instants."""

    name: Name | UnsetType = UNSET
    email: EmailText | UnsetType = UNSET
    company: Name | UnsetType = UNSET
    access_start_date: DateText | UnsetType = UNSET
    timezone: ZoneName | UnsetType = UNSET
    owner_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    locale: LocaleName | UnsetType = UNSET
    notes: Notes | UnsetType = UNSET


class ListClients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clients: those whose name, e-mail or company contains `q`, whose name or company contains a text (case and
    accents do not matter), of one status, of one owner, whose access ends before a date (UTC) or an instant.
    """

    q: Words | UnsetType = UNSET
    name: Words | UnsetType = UNSET
    company: Words | UnsetType = UNSET
    status: AccessStatus | UnsetType = UNSET
    owner_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ending_before: DateText | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
