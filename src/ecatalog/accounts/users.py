"""Listing, adding and changing users. Stopping what a user has open spans rooms and is with `access`."""

from typing import Any

import msgspec

from ecatalog.accounts import actions, code_queries, queries
from ecatalog.accounts.model import normal_email, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.kit.actor import ADMINS, SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.kit.search import containing
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import User
from ecatalog_client.types.paging import Page

# A change of one of these ends the user's sessions: they were begun by who the user was before.
_ENDING = frozenset({"role", "is_disabled", "password"})


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A user as it was changed, by which fields, and whether that ended its sessions."""

    user: User
    fields: list[str]
    is_out: bool


def list_users(
    tx: Tx, actor: Actor, *, q: str = "", role: str = "", limit: int = PAGE_SIZE, cursor: str | None = None
) -> Page[User]:
    """The users by name. Raises Forbidden, Invalid."""
    if not (actor.is_user or actor.role is Role.SYSTEM):
        raise Forbidden("Only users see each other.")
    after = decode_cursor(cursor, ("", ""))
    rows = queries.list_users(tx, like=_pattern(q), role=role, after=after, limit=limit + 1)
    return page_of(rows, limit, lambda user: (user.full_name, user.id))


def _pattern(q: str) -> str:
    wanted = q.strip().lower()
    return containing(wanted) if wanted else ""


async def add_user(
    door: Door, actor: Actor, *, email: str, full_name: str, role: str, password: str | None = None
) -> User:
    """Adds a user, who may log in when there is a password. Raises what `create_user` raises, and Exhausted."""
    password_hash = None
    if password is not None:
        refuse_weak(password, email, full_name)
        password_hash = await door.part(Hasher).hash(password)
    return await door.write(actions.create_user, actor, email, full_name, role, password_hash)


def editable_user_for(tx: Tx, actor: Actor, user_id: str) -> User:
    """The user, for an administrator. Raises NotFound, Forbidden."""
    user = actions.user_for(tx, actor, user_id)
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator changes users.")
    return user


def change_user(
    tx: Tx,
    actor: Actor,
    user_id: str,
    *,
    email: str | None = None,
    full_name: str | None = None,
    role: str | None = None,
    is_disabled: bool | None = None,
    password_hash: str | None = None,
) -> Changed:
    """Changes what is given. Another role, a new password and closing the account end the user's sessions.

    Raises NotFound, Forbidden, Invalid, or Conflict: when somebody has the address, or nobody would be left who can
    administer the catalog.
    """
    was = editable_user_for(tx, actor, user_id)
    given = {"email": email and _free_email(tx, was, email), "full_name": full_name, "role": role}
    wanted = _with(tx, was, {name: text.strip() for name, text in given.items() if text is not None}, is_disabled)
    fields = _changed_fields(was, wanted, has_new_password=password_hash is not None)
    if not fields:
        return Changed(user=was, fields=[], is_out=False)
    _refuse_to_lose_the_last_admin(tx, was, wanted)
    queries.set_user(tx, wanted, password_hash)
    if password_hash is not None:
        code_queries.remove_codes_of(tx, user_id)
    tx.touch("users")
    tx.record("user.edited", actor, user=user_id, fields=fields)
    is_out = not _ENDING.isdisjoint(fields)
    if is_out:
        actions.end_sessions(tx, actor, user=user_id)
    return Changed(user=actions.user_for(tx, SYSTEM, user_id), fields=fields, is_out=is_out)


def _free_email(tx: Tx, was: User, email: str) -> str:
    email = normal_email(email)
    if email != was.email and queries.is_email_taken(tx, email):
        raise Conflict(f"{email} belongs to somebody already: use another address.")
    return email


def _with(tx: Tx, was: User, texts: dict[str, Any], is_disabled: bool | None) -> User:
    if not texts.get("full_name", was.full_name):
        raise Invalid("Say who it is.", fields={"full_name": "missing"})
    disabled_at = was.disabled_at
    if is_disabled is not None:
        disabled_at = (disabled_at or tx.now) if is_disabled else None
    return msgspec.structs.replace(was, **texts, disabled_at=disabled_at)


def _changed_fields(was: User, wanted: User, *, has_new_password: bool) -> list[str]:
    fields = [name for name in ("email", "full_name", "role") if getattr(was, name) != getattr(wanted, name)]
    if was.disabled_at != wanted.disabled_at:
        fields.append("is_disabled")
    return [*fields, "password"] if has_new_password else fields


def _refuse_to_lose_the_last_admin(tx: Tx, was: User, wanted: User) -> None:
    is_admin = wanted.role == "admin" and wanted.disabled_at is None
    if was.role == "admin" and was.disabled_at is None and not is_admin and not queries.has_other_admin(tx, was.id):
        raise Conflict("This is the only administrator who can log in: make somebody else one first.")


async def hash_new_password(door: Door, actor: Actor, user_id: str, password: str, *about: str) -> str:
    """The hash of a password that an administrator gives to a user.

    It is slow, and so not for everybody. Raises NotFound, Forbidden, Invalid, Exhausted.
    """
    user = await door.db.read(editable_user_for, actor, user_id)
    refuse_weak(password, user.email, user.full_name, *about)
    return await door.part(Hasher).hash(password)
