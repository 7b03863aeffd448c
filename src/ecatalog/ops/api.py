"""The operations of running the catalog: what happened, by whom."""

from typing import Any

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.ops.audit import list_audit
from ecatalog.web.operation import read
from ecatalog_client.types.audit import AuditFact, ListAudit
from ecatalog_client.types.paging import Page


def audit(tx: Tx, caller: Actor, /, *, actor: str = "", **fields: Any) -> Page[AuditFact]:
    """The field is called `actor`, as the column is."""
    return list_audit(tx, caller, by=actor, **fields)


OPERATIONS = (
    read(
        "GET",
        "/api/audit",
        audit,
        takes=ListAudit,
        gives=Page[AuditFact],
        may=frozenset({Role.ADMIN, Role.VIEWER}),
        scope="audit:read",
        is_long=True,
        summary="List what happened, newest first",
    ),
)
