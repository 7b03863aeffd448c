"""Inviting a client, and following an invitation: whoever has the link chooses the password, once."""

from ecatalog.accounts import actions as accounts
from ecatalog.accounts import queries as account_queries
from ecatalog.accounts.model import normal_email, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.clients.actions import managed_client_for
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Unauthorized
from ecatalog.kit.ids import hash_secret
from ecatalog.notices.people_queries import Addressee, find_client_addressee, find_user_addressee, has_password
from ecatalog.web.door import Door

_OVER = "This invitation was used, or is older than 14 days. Ask whoever invited you for a new one."


def invite_client(tx: Tx, actor: Actor, client_id: str) -> None:
    """Sends the client an invitation, again if need be. Raises NotFound, Forbidden, or Conflict when it can log in."""
    client = managed_client_for(tx, actor, client_id)
    if client.revoked_at is not None:
        raise Conflict("This client's access is revoked: restore it first, then invite.")
    if has_password(tx, client_id):
        raise Conflict("This client has chosen a password already, and can log in.")
    tx.record("client.invited", actor, client=client_id)


def invited_by(tx: Tx, code: str) -> Addressee:
    """Whom the invitation is for, without using it. Raises Forbidden when it is no longer good."""
    code_hash = hash_secret(code)
    found = account_queries.find_code(tx, code_hash)
    if found is None or not account_queries.is_code_good(tx, "invitation", code_hash):
        raise Forbidden(_OVER)
    person = find_client_addressee(tx, found.client_id) if found.client_id else _user(tx, found.user_id)
    if person is None or has_password(tx, found.client_id or found.user_id or ""):
        raise Forbidden(_OVER)
    return person


def _user(tx: Tx, user_id: str | None) -> Addressee | None:
    return find_user_addressee(tx, user_id) if user_id else None


async def accept_invitation(door: Door, code: str, password: str) -> None:
    """Gives whoever was invited this password. Raises Forbidden, Invalid for a weak one, Exhausted."""
    person = await door.db.read(invited_by, code)
    refuse_weak(password, normal_email(person.email), person.name)
    password_hash = await door.part(Hasher).hash(password)
    await door.db.write(keep_password, code, password_hash)


def keep_password(tx: Tx, code: str, password_hash: str) -> None:
    """Uses the code up. Other invitations of the person are good no more: they would be keys to another's account.

    Raises Unauthorized.
    """
    found = accounts.redeem_code(tx, "invitation", code)
    if has_password(tx, found.client_id or found.user_id or ""):
        raise Unauthorized(_OVER)
    if found.client_id is not None:
        actor = Actor(Role.CLIENT, found.client_id)
        accounts.set_client_password(tx, actor, found.client_id, password_hash)
    else:
        actor = Actor(Role.ANONYMOUS, found.user_id or "")
        account_queries.set_user_password(tx, found.user_id or "", password_hash)
        tx.touch("users")
    tx.record("invitation.accepted", actor, client=found.client_id)
