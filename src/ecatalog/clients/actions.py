"""Loading, listing and creating clients, and the changes to a client's own row that higher rooms build on."""

from typing import Any

import msgspec

from ecatalog.accounts.model import normal_email
from ecatalog.clients import queries
from ecatalog.clients.model import instant_for, window
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.kit.search import fold, pattern
from ecatalog_client.types.clients import Client
from ecatalog_client.types.paging import Page


def client_for(tx: Tx, actor: Actor, client_id: str) -> Client:
    """The client, as this actor may see it: users see all, a client only itself. Raises NotFound."""
    may_look = actor.reads("clients") or (actor.is_client and actor.id == client_id)
    client = queries.find_client(tx, client_id) if may_look else None
    if client is None:
        raise NotFound("There is no such client.")
    return _as_seen_by(actor, client)


def _as_seen_by(actor: Actor, client: Client) -> Client:
    """Our notes are for users, and for services that may change clients."""
    return client if actor.is_user or actor.manages("clients") else msgspec.structs.replace(client, notes="")


def managed_client_for(tx: Tx, actor: Actor, client_id: str) -> Client:
    """The client, for somebody who may change its access: an administrator, or its owner in sales.

    Raises NotFound, or Forbidden for who sees the client and may not manage it.
    """
    client = client_for(tx, actor, client_id)
    if actor.role is not Role.SALES and not actor.manages("clients"):
        raise Forbidden("Your account may read, but not change, a client's access. Ask an administrator.")
    if actor.role is Role.SALES and client.owner_id != actor.id:
        raise Forbidden("This client belongs to a colleague. Ask them, or an administrator, to change its access.")
    return client


def list_clients(
    tx: Tx,
    actor: Actor,
    *,
    q: str = "",
    name: str = "",
    company: str = "",
    status: str = "",
    owner_id: str = "",
    ending_before: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[Client]:
    """The clients that the actor may see, newest first; a client finds itself. Raises Invalid, Forbidden."""
    (before,) = decode_cursor(cursor, ("~",))
    if actor.is_client:
        return Page(items=[client_for(tx, actor, actor.id)])
    if not actor.reads("clients"):
        raise Forbidden("Your account may not read clients.")
    wanted = queries.Filter(
        like=pattern(q) if q else "",
        name_like=pattern(name) if name else "",
        company_like=pattern(company) if company else "",
        status=status,
        owner_id=owner_id,
        ending_before=instant_for("ending_before", ending_before, "UTC") if ending_before else None,
    )
    page = page_of(queries.list_clients(tx, wanted, before=before, limit=limit + 1), limit, lambda found: (found.id,))
    return Page(items=[_as_seen_by(actor, client) for client in page.items], next=page.next)


def create_client(
    tx: Tx,
    actor: Actor,
    *,
    name: str,
    email: str,
    company: str,
    access_start_date: str,
    access_end_date: str,
    timezone: str = "UTC",
    owner_id: str | None = None,
    locale: str = "en",
    notes: str = "",
) -> Client:
    """Creates a client whose owner is the actor, unless an administrator names another user.

    Raises Forbidden, Invalid (with the fields) or Conflict when the e-mail address is taken.
    """
    owner_id = _owner(tx, actor, owner_id)
    email = _free_email(tx, email)
    _refuse_empty(name=name, company=company)
    span = window(access_start_date, access_end_date, timezone)
    if span.ends_at <= tx.now:
        raise Invalid("Access would already be over: choose a later end.", fields={"access_end_date": "in the past"})
    client_id = new_id()
    queries.add_client(
        tx,
        queries.NewClient(
            id=client_id,
            name=name.strip(),
            email=email,
            company=company.strip(),
            access_start_date=access_start_date,
            access_end_date=access_end_date,
            window=span,
            timezone=timezone,
            owner_id=owner_id,
            locale=locale,
            notes=notes,
            created_by=actor.user_id,
            search=fold(name, email, company),
            name_folded=fold(name),
            company_folded=fold(company),
            created_at=tx.now,
        ),
    )
    tx.touch("clients")
    tx.record("client.created", actor, client=client_id)
    return client_for(tx, SYSTEM, client_id)


def change_client(tx: Tx, actor: Actor, client_id: str, /, **changes: Any) -> Client:
    """Changes what is given: name, email, company, access_start_date, timezone, owner_id, locale, notes.

    What the client has open is for the caller. Raises NotFound, Forbidden, Invalid (with the fields) or Conflict.
    """
    was = managed_client_for(tx, actor, client_id)
    if "email" in changes:
        changes["email"] = normal_email(changes["email"])
        if changes["email"] != was.email:
            _free_email(tx, changes["email"])
    if changes.get("owner_id", was.owner_id) != was.owner_id:
        changes["owner_id"] = _new_owner(tx, actor, changes["owner_id"])
    for field in changes.keys() & {"name", "company"}:
        changes[field] = changes[field].strip()
    wanted = msgspec.structs.replace(was, **changes)
    _refuse_empty(name=wanted.name, company=wanted.company)
    span = window(wanted.access_start_date, wanted.access_end_date, wanted.timezone)
    fields = sorted(field for field in changes if getattr(was, field) != getattr(wanted, field))
    if not fields:
        return was
    folded = queries.Folded(
        search=fold(wanted.name, wanted.email, wanted.company),
        name_folded=fold(wanted.name),
        company_folded=fold(wanted.company),
    )
    queries.set_client(tx, wanted, span, folded)
    tx.touch("clients")
    tx.record("client.edited", actor, client=client_id, fields=fields)
    return client_for(tx, actor, client_id)


def choose_language(tx: Tx, actor: Actor, language: str, known: tuple[str, ...]) -> Client:
    """The language in which a client reads our pages, chosen by itself. Raises Forbidden for others, Invalid."""
    if not actor.is_client:
        raise Forbidden("Only clients choose the language that is kept with a client.")
    if language not in known:
        raise Invalid("There are no texts in that language.", fields={"language": "unknown"})
    queries.set_locale(tx, actor.id, language)
    tx.touch("clients")
    tx.record("client.edited", actor, client=actor.id, fields=["locale"])
    return client_for(tx, actor, actor.id)


def _new_owner(tx: Tx, actor: Actor, owner_id: str) -> str:
    if not actor.manages("clients"):
        raise Forbidden("Only an administrator gives a client to a colleague.")
    if not queries.has_user(tx, owner_id):
        raise Invalid("The owner is not one of the users.", fields={"owner_id": "unknown"})
    return owner_id


def _owner(tx: Tx, actor: Actor, owner_id: str | None) -> str | None:
    if actor.role is not Role.SALES and not actor.manages("clients"):
        raise Forbidden("Your account may not create clients. Ask somebody in sales.")
    if owner_id is None:
        return actor.user_id
    if actor.role is Role.SALES and owner_id != actor.id:
        raise Forbidden("Only an administrator creates clients for a colleague.")
    if not queries.has_user(tx, owner_id):
        raise Invalid("The owner is not one of the users.", fields={"owner_id": "unknown"})
    return owner_id


def _free_email(tx: Tx, email: str) -> str:
    email = normal_email(email)
    taken_by = queries.who_has_email(tx, email)
    if taken_by is not None:
        raise Conflict(f"{email} already belongs to a {taken_by}: use another address, or change that {taken_by}.")
    return email


def _refuse_empty(**texts: str) -> None:
    empty = {field: "empty" for field, text in texts.items() if not text.strip()}
    if empty:
        raise Invalid("Something is missing.", fields=empty)


def mark_revoked(tx: Tx, client: Client, actor: Actor, reason: str) -> bool:
    """Marks the client as revoked; False when it already was, and then nothing changes."""
    by = actor.user_id
    is_new = queries.set_revoked(tx, client.id, at=tx.now, by=by, reason=reason) == 1
    if is_new:
        tx.touch("clients")
    return is_new


def mark_restored(tx: Tx, client: Client) -> bool:
    """Takes the revocation back; False when there was none."""
    is_new = queries.clear_revoked(tx, client.id) == 1
    if is_new:
        tx.touch("clients")
    return is_new


def move_end(tx: Tx, client: Client, end_text: str, *, may_be_past: bool = False) -> Client:
    """Moves the end of the client's window and returns the client as it is then.

    Raises Invalid for an end that is past (unless that may be), before the start or no end at all; Conflict for a
    revoked client.
    """
    span = window(client.access_start_date, end_text, client.timezone)
    if span.ends_at <= tx.now and not may_be_past:
        raise Invalid("This end is in the past: choose a later one.", fields={"access_end_date": "in the past"})
    if queries.set_end(tx, client.id, end_date=end_text, ends_at=span.ends_at) == 0:
        raise Conflict("This client's access is revoked: restore it first, then renew.")
    tx.touch("clients")
    return client_for(tx, SYSTEM, client.id)
