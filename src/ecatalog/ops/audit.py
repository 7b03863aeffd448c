"""Reading the audit log: the facts that every room records, newest first. Nobody changes it."""

from datetime import datetime

from ecatalog.kit.actor import ADMINS, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.ops import queries
from ecatalog_client.types.audit import AuditFact
from ecatalog_client.types.paging import Page

_NEWEST = 2**62
_MAY = ADMINS | {Role.VIEWER}


def list_audit(
    tx: Tx,
    actor: Actor,
    *,
    kind: str = "",
    client_id: str = "",
    demo_id: str = "",
    by: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[AuditFact]:
    """The facts, newest first; `by` is an actor as facts name it, the span is half-open. Raises Forbidden, Invalid."""
    if not (actor.role in _MAY or "audit:read" in actor.scopes):
        raise Forbidden("Your account may not read the audit log. Ask an administrator.")
    (before,) = decode_cursor(cursor, (_NEWEST,))
    given = {"kind": kind, "client_id": client_id, "demo_id": demo_id, "actor": by, "since": since, "until": until}
    wanted = {name: value for name, value in given.items() if value}
    rows = queries.list_facts(tx, wanted, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda fact: (fact.position,))
