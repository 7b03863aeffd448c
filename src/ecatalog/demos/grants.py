"""Grants: which client may open which demo. Stopping what is open by a withdrawn one is the access room's."""

from ecatalog.clients.actions import client_for, managed_client_for
from ecatalog.demos import queries
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, NotFound
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.usage.actions import record_use
from ecatalog_client.types.demos import Grant
from ecatalog_client.types.paging import Page


def list_grants(
    tx: Tx, actor: Actor, client_id: str, *, limit: int = PAGE_SIZE, cursor: str | None = None
) -> Page[Grant]:
    """The demos that the client may open, by name; a client sees its own, the active ones. Raises NotFound."""
    client = client_for(tx, actor, client_id)
    after = decode_cursor(cursor, ("", ""))
    rows = queries.list_grants(tx, client.id, only_active=actor.is_client, after=after, limit=limit + 1)
    return page_of(rows, limit, lambda grant: (grant.demo_name, grant.demo_id))


def grant_demo(tx: Tx, actor: Actor, client_id: str, demo_id: str) -> Grant:
    """Lets the client open the demo; nothing changes when it may already.

    Raises NotFound, Forbidden, or Conflict for a demo that was removed.
    """
    client = managed_client_for(tx, actor, client_id)
    demo = queries.find_demo(tx, demo_id)
    if demo is None:
        raise NotFound("There is no such demo.")
    if demo.status == "removed":
        raise Conflict("This demo was removed from the catalog: restore it first.")
    if queries.set_granted(tx, client.id, demo.id, by=actor.user_id, at=tx.now):
        tx.touch("client_demo_access")
        tx.record("grant.given", actor, client=client.id, demo=demo.id)
        record_use(tx, "access_granted", client_id=client.id, demo_id=demo.id)
    grant = queries.find_grant(tx, client.id, demo.id)
    if grant is None:
        raise NotFound("There is no such grant.")
    return grant


def withdraw_demo(tx: Tx, actor: Actor, client_id: str, demo_id: str) -> bool:
    """Takes the grant back; False when there was none.

    Edges cut what was open by it; stopping copies is for the caller.

    Raises NotFound or Forbidden.
    """
    client = managed_client_for(tx, actor, client_id)
    if not queries.set_withdrawn(tx, client.id, demo_id):
        return False
    tx.touch("client_demo_access")
    tx.record("grant.withdrawn", actor, client=client.id, demo=demo_id)
    return True
