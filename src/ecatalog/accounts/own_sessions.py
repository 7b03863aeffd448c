"""One's own sessions and password: listing and ending sessions, a new token for one, and another password."""

from datetime import datetime, timedelta

from ecatalog.accounts import actions, code_queries, queries
from ecatalog.accounts.login import person_of, signed_in_role
from ecatalog.accounts.model import ClientReader, Credential, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.throttle import Throttle
from ecatalog.accounts.tokens import sign_session_token
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Invalid, NotFound, Unauthorized
from ecatalog.kit.ids import hash_secret
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import SessionInfo, SignedIn
from ecatalog_client.types.paging import Page

# However often it is prolonged, a session ends a day after its login: then the password is asked for again.
LONGEST_SESSION = timedelta(days=1)

_ENDED = "Log in first: your session has ended."


def list_own_sessions(tx: Tx, actor: Actor, *, limit: int = PAGE_SIZE, cursor: str | None = None) -> Page[SessionInfo]:
    """The actor's live sessions, newest first. Raises Invalid."""
    (before,) = decode_cursor(cursor, ("~",))
    rows = queries.list_session_infos(tx, person_id=actor.id, current=actor.session_id, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda session: (session.id,))


def own_session_for(tx: Tx, actor: Actor, session_id: str) -> str:
    """The id of a session of the actor. Raises NotFound for anybody else's."""
    if session_id not in queries.list_sessions_of(tx, **_whose(actor)):
        raise NotFound("You have no such session: it may have ended.")
    return session_id


def end_other_sessions(tx: Tx, actor: Actor) -> None:
    """Ends all of the actor's sessions but the one that asks."""
    actions.end_sessions(tx, actor, **_person(actor), but=actor.session_id)


def _whose(actor: Actor) -> dict[str, str]:
    return {"client_id": actor.id} if actor.is_client else {"user_id": actor.id}


def _person(actor: Actor) -> dict[str, str]:
    return {"client": actor.id} if actor.is_client else {"user": actor.id}


# a new token for the session --------------------------------------------------------------------------------


async def refresh_session(door: Door, actor: Actor) -> SignedIn:
    """A new token for the actor's session, whose time begins anew; the old token is dead at once.

    The session stays the same one, so what it has open stays open. Raises Unauthorized when it has ended.
    """
    session = await door.db.read(queries.find_renewable, actor.session_id)
    if session is None:
        raise Unauthorized(_ENDED)
    issued_at, lifetime = door.clock(), door.settings.session_lifetime
    expires_at = min(issued_at + lifetime, session.created_at + max(LONGEST_SESSION, lifetime))
    token = sign_session_token(
        door.settings.jwt_secret, session_id=actor.session_id, issued_at=issued_at, expires_at=expires_at
    )
    await door.write_secret(replace_token, actor, session.token_hash, hash_secret(token), expires_at)
    user, client = await door.db.read(person_of, actor, door.part(ClientReader))
    return SignedIn(
        token=token, expires_at=expires_at, role=signed_in_role(actor), user=user, client=client, notice=None
    )


def replace_token(tx: Tx, actor: Actor, was: str, token_hash: str, expires_at: datetime) -> None:
    """Gives the actor's session another token, if it still has the one that was read. Raises Unauthorized."""
    if not queries.set_token(tx, actor.session_id, was=was, token_hash=token_hash, expires_at=expires_at):
        raise Unauthorized("This session has ended, or got a new token at the same moment: use that, or log in.")
    tx.touch("sessions")
    client = actor.id if actor.is_client else None
    tx.record("session.refreshed", actor, client=client, session=actor.session_id)


# another password -------------------------------------------------------------------------------------------


async def change_password(door: Door, actor: Actor, *, current_password: str, new_password: str) -> None:
    """Another password for the actor, whose other sessions end.

    Guessing the present one is throttled as logging in is. Raises Invalid (with the field), Exhausted, or
    Unauthorized when the session has ended.
    """
    email, name = await door.db.read(_address_of, actor, door.part(ClientReader))
    refuse_weak(new_password, email, name, field="new_password")
    throttle = door.part(Throttle)
    throttle.refuse_if_exhausted(email, door.address)
    async with door.part(Hasher).turn() as turn:
        # Once more: of many guesses sent at once, those beyond the limit find it here.
        throttle.refuse_if_exhausted(email, door.address)
        throttle.count_attempt(email, door.address)
        seen = await door.db.read(queries.find_credential, email)
        if not await turn.verify(seen.password_hash if seen else None, current_password) or seen is None:
            # Not Unauthorized: the session is good, and a browser must not take it for ended.
            raise Invalid("The current password is wrong.", fields={"current_password": "wrong"})
        new_hash = await turn.hash(new_password)
    throttle.forgive(email, door.address)
    await door.write(set_own_password, actor, email, seen, new_hash)


def _address_of(tx: Tx, actor: Actor, clients: ClientReader) -> tuple[str, str]:
    user, client = person_of(tx, actor, clients)
    if client is not None:
        return client.email, client.name
    return (user.email, user.full_name) if user is not None else ("", "")


def set_own_password(tx: Tx, actor: Actor, email: str, seen: Credential, password_hash: str) -> None:
    """Writes the password of whoever proved that of `seen`, which was read before the slow hashing. Links by which
    another could be chosen are void.

    Raises Conflict when the password has changed meanwhile.
    """
    now = queries.find_credential(tx, email)
    if now is None or now.id != actor.id or now.password_hash != seen.password_hash:
        raise Conflict("The password was changed at the same moment: try again with the new one.")
    actions.replace_hash(tx, now, password_hash)
    code_queries.remove_codes_of(tx, actor.id)
    tx.touch("users")
    tx.record("password.changed", actor, client=actor.id if actor.is_client else None)
    end_other_sessions(tx, actor)
