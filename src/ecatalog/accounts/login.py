"""Logging in, for the API and for pages alike: throttle, check the password off the loop, check again, start
a session.
"""

from typing import cast
from urllib.parse import urlsplit

import structlog

from ecatalog.accounts import actions, queries
from ecatalog.accounts.model import SAMPLE_PASSWORD, WRONG_LOGIN, ClientReader, Credential
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.queries import NewSession
from ecatalog.accounts.throttle import Throttle
from ecatalog.accounts.tokens import sign_session_token
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Unauthorized
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.settings import Settings
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import Me, SignedIn, SignedInRole, User
from ecatalog_client.types.clients import Client

_NOTICE = (
    "This is a sample account: everybody knows its password. "
    "Set the catalog up without sample data before others can reach it."
)

_log = structlog.get_logger("ecatalog.accounts")


async def log_in(door: Door, email: str, password: str) -> SignedIn:
    """A new session for whoever has this address and password.

    Raises Unauthorized, in the same words and time for an unknown address and a wrong password; Forbidden
    when the password is right and access was revoked; Exhausted after too many failures, or while too many
    are logging in.
    """
    email, throttle = email.strip().lower(), door.part(Throttle)
    throttle.refuse_if_exhausted(email, door.address)
    async with door.part(Hasher).turn() as turn:
        # Once more: of many guesses sent at once, those beyond the limit find it here.
        throttle.refuse_if_exhausted(email, door.address)
        throttle.count_attempt(email, door.address)
        seen = await door.db.read(queries.find_credential, email)
        if not await turn.verify(seen.password_hash if seen else None, password) or seen is None:
            _log.warning("login_refused", address=door.address)
            raise Unauthorized(WRONG_LOGIN)
        new_hash = await turn.hash(password) if turn.is_outdated(seen.password_hash) else None
    throttle.forgive(email, door.address)
    is_sample = password == SAMPLE_PASSWORD
    if is_sample:
        _refuse_samples_elsewhere(door.settings)
    return await _start_session(door, email, seen, new_hash, _NOTICE if is_sample else None)


def _refuse_samples_elsewhere(settings: Settings) -> None:
    """A password that everybody knows opens nothing, unless only this machine reaches the catalog or somebody
    says so.
    """
    host = urlsplit(settings.catalog_url).hostname or ""
    is_local = host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
    if not (is_local or settings.allow_sample_logins):
        raise Forbidden(
            "The sample accounts are closed here, because everybody knows their password. "
            "Log in with an account of your own."
        )


async def _start_session(
    door: Door, email: str, seen: Credential, new_hash: str | None, notice: str | None
) -> SignedIn:
    session, token = new_session(door, user_id=seen.user_id, client_id=seen.client_id)
    await door.db.write(actions.log_in, email, seen, session, new_password_hash=new_hash)
    who = Actor(seen.role, seen.id, session.id)
    user, client = await door.db.read(person_of, who, door.part(ClientReader))
    return SignedIn(
        token=token,
        expires_at=session.expires_at,
        role=signed_in_role(who),
        user=user,
        client=client,
        notice=notice,
    )


def new_session(door: Door, *, user_id: str | None, client_id: str | None) -> tuple[NewSession, str]:
    """The row of a session that begins now, for whoever calls, and the token that stands for it."""
    session_id, issued_at = new_id(), door.clock()
    expires_at = issued_at + door.settings.session_lifetime
    token = sign_session_token(
        door.settings.jwt_secret, session_id=session_id, issued_at=issued_at, expires_at=expires_at
    )
    session = NewSession(
        id=session_id,
        user_id=user_id,
        client_id=client_id,
        token_hash=hash_secret(token),
        expires_at=expires_at,
        address=door.address,
        agent=door.agent,
    )
    return session, token


async def show_me(door: Door, actor: Actor) -> Me:
    """Whom the actor's session belongs to. Raises Unauthorized when it has just ended."""
    return await door.db.read(me_of, actor, door.part(ClientReader))


def me_of(tx: Tx, actor: Actor, clients: ClientReader) -> Me:
    session = queries.find_session(tx, session_id=actor.session_id)
    if session is None:
        raise Unauthorized("Log in first: your session has ended.")
    user, client = person_of(tx, actor, clients)
    return Me(
        role=signed_in_role(actor), user=user, client=client, session_id=session.id, expires_at=session.expires_at
    )


def signed_in_role(actor: Actor) -> SignedInRole:
    """The role of somebody who holds a session."""
    return cast(SignedInRole, actor.role.value)  # Sessions belong to users and clients only.


def person_of(tx: Tx, actor: Actor, clients: ClientReader) -> tuple[User | None, Client | None]:
    """The user or the client that the actor is; the other one is None."""
    if actor.is_client:
        return None, clients.read(tx, actor, actor.id)
    return actions.user_for(tx, SYSTEM, actor.id), None
