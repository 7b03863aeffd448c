"""Ending, prolonging and giving back access, and logging out: the rooms below, called in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ecatalog.accounts import actions as accounts
from ecatalog.clients import actions as clients
from ecatalog.clients.actions import managed_client_for
from ecatalog.clients.model import later_end
from ecatalog.kit.actor import Actor
from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Invalid
from ecatalog.launches import actions as launches
from ecatalog.launches.queries import count_sessions_of
from ecatalog.usage.actions import record_use
from ecatalog_client.types.access import Cut
from ecatalog_client.types.clients import Client


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A client as it was revoked, the launches that stop for it, and the position that edges must apply."""

    client: Client
    launches: list[str]
    position: int


def revoke_client(
    tx: Tx, actor: Actor, client_id: str, reason: str = "", *, asked: Mapping[str, Any] | None = None
) -> Revoked:
    """Ends the client's access now: marks it, ends its sessions and stops its launches.

    Revoking again changes nothing, keeps the first reason and is told to the edges once more. `asked` is what the fact
    says of the request that was approved. Raises NotFound, Forbidden.
    """
    client = managed_client_for(tx, actor, client_id)
    is_new = clients.mark_revoked(tx, client, actor, reason)
    accounts.end_sessions(tx, actor, client=client_id)
    stopped = launches.stop_all(tx, actor, client=client_id, reason="Your access was revoked.")
    position = tx.record("client.revoked", actor, client=client_id, reason=reason, is_new=is_new, **(asked or {}))
    if is_new:
        record_use(tx, "access_revoked", client_id=client_id, details={"reason": reason})
    return Revoked(client=clients.client_for(tx, actor, client_id), launches=stopped, position=position)


def record_cut(
    tx: Tx, actor: Actor, position: int, cut: Cut, *, client_id: str | None = None, demo_id: str | None = None
) -> int:
    """The proof of what was ended at a position: what that closed, on how many edges, from when on it is certain."""
    return tx.record(
        "access.cut",
        actor,
        client=client_id,
        demo=demo_id,
        revoked_at_position=position,
        closed_launches=cut.launches,
        connections=cut.connections,
        edges=cut.edges,
        waiting_for=cut.waiting_for,
        ms=cut.ms,
        certain_at=to_text(cut.certain_at),
    )


def renew_client(
    tx: Tx,
    actor: Actor,
    client_id: str,
    access_end_date: str | None = None,
    days: int | None = None,
    *,
    asked: Mapping[str, Any] | None = None,
) -> Client:
    """Moves the end of the client's window: to a date or instant, or by days from the later of now and then.

    What the client has open stays open, until the new end. `asked` is as for revoking. Raises NotFound,
    Forbidden, Invalid (with the fields), or Conflict for a revoked client.
    """
    client = managed_client_for(tx, actor, client_id)
    if client.revoked_at is not None:
        raise Conflict("This client's access is revoked: restore it first, then renew.")
    renewed = clients.move_end(tx, client, _new_end(client, tx.now, access_end_date, days))
    moved = launches.follow_window(tx, client_id, renewed.access_ends_at)
    ends = {"was": client.access_end_date, "access_end_date": renewed.access_end_date}
    tx.record("client.renewed", actor, client=client_id, launches=moved, **ends, **(asked or {}))
    record_use(tx, "access_renewed", client_id=client_id, details=ends)
    return renewed


def _new_end(client: Client, now: datetime, access_end_date: str | None, days: int | None) -> str:
    if (access_end_date is None) == (days is None):
        word = "missing" if days is None else "give one of the two"
        raise Invalid("Say until when: either access_end_date or days.", fields={"access_end_date": word, "days": word})
    if access_end_date is not None:
        return access_end_date
    return later_end(client.access_end_date, client.access_ends_at, client.timezone, now, days or 0)


def restore_client(tx: Tx, actor: Actor, client_id: str) -> Client:
    """Takes a revocation back: the client may log in again, and open within its window.

    Raises NotFound, Forbidden.
    """
    client = managed_client_for(tx, actor, client_id)
    if clients.mark_restored(tx, client):
        tx.record("client.restored", actor, client=client_id)
    return clients.client_for(tx, actor, client_id)


def log_out(tx: Tx, actor: Actor) -> None:
    """Ends the actor's session, which closes what was open by it.

    With the last session of a person its launches stop.
    """
    accounts.end_session(tx, actor, actor.session_id)
    whose = {"client_id": actor.id} if actor.is_client else {"user_id": actor.id}
    if count_sessions_of(tx, **whose) == 0:
        person = {"client": actor.id} if actor.is_client else {"user": actor.id}
        launches.stop_all(tx, actor, reason="You logged out.", **person)
    if actor.is_client:
        record_use(tx, "logout", client_id=actor.id)
