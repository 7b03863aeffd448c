"""Sending a client an invitation by mail. Following one is with `accounts`, as is the link that is shown once."""

from ecatalog.clients.actions import managed_client_for
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict
from ecatalog.notices.people_queries import has_password


def invite_client(tx: Tx, actor: Actor, client_id: str) -> None:
    """Sends the client an invitation, again if need be. Raises NotFound, Forbidden, or Conflict when it can log in."""
    client = managed_client_for(tx, actor, client_id)
    if client.revoked_at is not None:
        raise Conflict("This client's access is revoked: restore it first, then invite.")
    if has_password(tx, client_id):
        raise Conflict("This client has chosen a password already, and can log in.")
    tx.record("client.invited", actor, client=client_id)
