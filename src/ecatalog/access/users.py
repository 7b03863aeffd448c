"""Changing a user and ending a session: the rooms below, called in one transaction, because demos end with them."""

from ecatalog.accounts import actions as accounts
from ecatalog.accounts import own_sessions, users
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.launches import actions as launches
from ecatalog.launches.queries import count_sessions_of
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import User


async def patch_user(
    door: Door,
    actor: Actor,
    user_id: str,
    *,
    email: str | None = None,
    full_name: str | None = None,
    role: str | None = None,
    is_disabled: bool | None = None,
    password: str | None = None,
) -> User:
    """Changes what is given of a user; a password is hashed before the transaction, as that is slow."""
    password_hash = None
    if password is not None:
        about = (text for text in (email, full_name) if text)
        password_hash = await users.hash_new_password(door, actor, user_id, password, *about)
    return await door.write(
        edit_user,
        actor,
        user_id,
        email=email,
        full_name=full_name,
        role=role,
        is_disabled=is_disabled,
        password_hash=password_hash,
    )


def edit_user(
    tx: Tx,
    actor: Actor,
    user_id: str,
    *,
    email: str | None = None,
    full_name: str | None = None,
    role: str | None = None,
    is_disabled: bool | None = None,
    password_hash: str | None = None,
) -> User:
    """Changes a user; what ends its sessions also stops what it has open. Raises what `change_user` raises."""
    changed = users.change_user(
        tx,
        actor,
        user_id,
        email=email,
        full_name=full_name,
        role=role,
        is_disabled=is_disabled,
        password_hash=password_hash,
    )
    if changed.is_out:
        launches.stop_all(tx, actor, user=user_id, reason="Your account was changed by an administrator.")
    return changed.user


def end_own_session(tx: Tx, actor: Actor, session_id: str) -> None:
    """Ends a session of the actor. With the last one its launches stop, as when it logs out. Raises NotFound."""
    accounts.end_session(tx, actor, own_sessions.own_session_for(tx, actor, session_id))
    whose = {"client_id": actor.id} if actor.is_client else {"user_id": actor.id}
    if count_sessions_of(tx, **whose) == 0:
        person = {"client": actor.id} if actor.is_client else {"user": actor.id}
        launches.stop_all(tx, actor, reason="You logged out.", **person)
