"""The audit log: what happened, by whom, in order."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.paging import Cursor, PageSize

Word = Annotated[str, Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True)]


class AuditFact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `actor` is `role:id`; `client_id` and `demo_id` name what it is about. No secret is in `details`."""

    position: int
    at: datetime
    actor: str
    kind: str
    client_id: str | None
    demo_id: str | None
    details: dict[str, Any]


class ListAudit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which facts, newest first: of one kind, about one client or demo, by one actor, in `[since, until)`, with all
    words of `q`. A page of these may be short: there is more as long as there is a `next`.
    """

    q: Word | UnsetType = UNSET
    kind: Word | UnsetType = UNSET
    client_id: Word | UnsetType = UNSET
    demo_id: Word | UnsetType = UNSET
    actor: Word | UnsetType = UNSET
    since: Instant | UnsetType = UNSET
    until: Instant | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
