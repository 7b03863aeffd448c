"""Choosing a password by the code of a link, an invitation or a reset: the person is logged in by it."""

from ecatalog.accounts import actions, code_queries
from ecatalog.accounts.codes import redeem_code
from ecatalog.accounts.login import new_session
from ecatalog.accounts.model import Holder, Purpose, refuse_shut_out, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.queries import NewSession
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Invalid
from ecatalog.kit.ids import hash_secret
from ecatalog.web.door import Door

_OVER = "This link has been used, was replaced by a newer one, or is too old. Ask whoever sent it for a new one."


async def holder_for(door: Door, purpose: Purpose, code: str) -> Holder:
    """Whose code this is; the code stays good. Raises Forbidden for one that is not, or for who may not log in."""
    found = await door.db.read(code_queries.find_code_holder, purpose, hash_secret(code))
    if found is None:
        raise Forbidden(_OVER)
    refuse_shut_out(found)
    return found


async def choose_password(door: Door, purpose: Purpose, code: str, password: str, password_again: str) -> str:
    """The token of a new session for whoever holds the code, with this password from now on.

    Their other sessions end. Raises Invalid (with the field), Exhausted, Forbidden, or Unauthorized when another
    was quicker.
    """
    # Looked at before the slow hashing, which is not for everybody, and once more in the transaction.
    holder = await holder_for(door, purpose, code)
    refuse_unlike(password, password_again)
    refuse_weak(password, holder.email, holder.name)
    password_hash = await door.part(Hasher).hash(password)
    session, token = new_session(door, user_id=holder.user_id, client_id=holder.client_id)
    await door.db.write(accept_code, purpose, code, password_hash, session)
    return token


def refuse_unlike(password: str, password_again: str) -> None:
    """Raises Invalid when the password was typed otherwise the second time."""
    if password != password_again:
        raise Invalid("The two passwords differ: type the same one twice.")


def accept_code(tx: Tx, purpose: Purpose, code: str, password_hash: str, session: NewSession) -> None:
    """Uses the code up, and with it every other link of the person; sets the password and starts the session.

    Raises Unauthorized for a code that is no good any more, Forbidden for who may not log in.
    """
    holder = code_queries.find_code_holder(tx, purpose, hash_secret(code))
    redeem_code(tx, purpose, code)
    assert holder is not None  # Else nothing was redeemed.
    refuse_shut_out(holder)
    code_queries.remove_codes_of(tx, holder.id)
    actor = Actor(holder.role, holder.id, session.id)
    actions.replace_password(tx, actor, password_hash)
    if purpose == "invitation":
        tx.record("invitation.accepted", actor, client=holder.client_id, user=holder.user_id)
    else:
        tx.record("password.reset", actor, client=holder.client_id, user=holder.user_id)
    actions.add_session(tx, holder.role, session)
