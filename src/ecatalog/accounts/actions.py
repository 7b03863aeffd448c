"""Use cases of accounts inside a transaction: new users, passwords, sessions, tokens, the set-up.

One-time codes are in `codes.py`, editing users in `users.py`, one's own sessions in `own_sessions.py`, keeping tokens
in `api_tokens.py`. Hashing a password is slow and never happens here: hashes are arguments.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ecatalog.accounts import code_queries, queries
from ecatalog.accounts.codes import add_code, redeem_code
from ecatalog.accounts.model import (
    WRONG_LOGIN,
    Credential,
    normal_email,
    refuse_shut_out,
)
from ecatalog.accounts.queries import NewSession
from ecatalog.accounts.token_queries import add_api_token
from ecatalog.kit.actor import ADMINS, SYSTEM, USERS, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.kit.scopes import SCOPES
from ecatalog.usage.actions import record_use
from ecatalog_client.types.accounts import User

_BATCH = 200


def create_user(tx: Tx, actor: Actor, email: str, full_name: str, role: str, password_hash: str | None) -> User:
    """Creates a user, who may log in when there is a password hash.

    Raises Forbidden for all but administrators, Invalid, Conflict when somebody has the address.
    """
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator adds users.")
    email = normal_email(email)
    if not full_name.strip():
        raise Invalid("Say who it is.", fields={"full_name": "missing"})
    if role not in USERS:
        raise Invalid(f"Choose among the roles {', '.join(sorted(USERS))}.", fields={"role": "unknown"})
    if queries.is_email_taken(tx, email):
        raise Conflict(f"{email} belongs to somebody already: use another address.")
    user_id = new_id()
    queries.add_user(
        tx,
        user_id,
        email=email,
        full_name=full_name.strip(),
        role=Role(role),
        password_hash=password_hash,
    )
    tx.touch("users")
    tx.record("user.created", actor, user=user_id, role=role)
    return user_for(tx, SYSTEM, user_id)


def user_for(tx: Tx, actor: Actor, user_id: str) -> User:
    """The user, as users may see each other. Raises NotFound."""
    may_look = actor.is_user or actor.role in ADMINS
    user = queries.find_user(tx, user_id) if may_look else None
    if user is None:
        raise NotFound("There is no such user.")
    return user


def set_client_password(tx: Tx, actor: Actor, client_id: str, password_hash: str) -> None:
    """Gives the client this password and ends its sessions: whoever knew the old one is out.

    Who may is the caller's to know.
    """
    queries.set_client_password(tx, client_id, password_hash)
    end_sessions(tx, actor, client=client_id)


# sessions ---------------------------------------------------------------------------------------------------


def log_in(tx: Tx, email: str, seen: Credential, session: NewSession, *, new_password_hash: str | None = None) -> None:
    """Starts the session of whoever proved the password of `seen`, which was read before the slow hashing.

    `new_password_hash` is of the same password, by the present parameters. Raises Unauthorized when the
    password has changed meanwhile, Forbidden for who may not log in.
    """
    now = queries.find_credential(tx, email)
    if now is None or now.id != seen.id or now.password_hash != seen.password_hash:
        raise Unauthorized(WRONG_LOGIN)
    refuse_shut_out(now)
    if new_password_hash is not None:
        replace_hash(tx, now, new_password_hash)
    add_session(tx, now.role, session)


def replace_hash(tx: Tx, who: Credential, password_hash: str) -> None:
    """Writes another hash for the person. Who may is the caller's to know."""
    if who.user_id is not None:
        queries.set_user_password(tx, who.user_id, password_hash)
    else:
        queries.set_client_password(tx, who.id, password_hash)


def replace_password(tx: Tx, who: Actor, password_hash: str) -> None:
    """Gives the user or client another password, and ends their sessions: whoever knew the old one is out.

    Who may is the caller's to know.
    """
    if who.is_client:
        set_client_password(tx, who, who.id, password_hash)
    else:
        queries.set_user_password(tx, who.id, password_hash)
        tx.touch("users")
        end_sessions(tx, who, user=who.id)


def start_session(
    tx: Tx,
    *,
    user_id: str | None = None,
    client_id: str | None = None,
    token_hash: str,
    session_id: str,
    expires_at: datetime,
    address: str,
    agent: str,
) -> None:
    """Adds the session, tells of it, and counts the login of a client.

    Exactly one of the two ids is given.
    """
    session = NewSession(
        id=session_id,
        user_id=user_id,
        client_id=client_id,
        token_hash=token_hash,
        expires_at=expires_at,
        address=address,
        agent=agent,
    )
    role = Role.CLIENT if user_id is None else Role(user_for(tx, SYSTEM, user_id).role)
    add_session(tx, role, session)


def add_session(tx: Tx, role: Role, session: NewSession) -> None:
    """Adds the session of somebody of this role, tells of it, and counts the login of a client."""
    queries.add_session(tx, session)
    tx.touch("sessions")
    actor = Actor(role, session.user_id or session.client_id or "", session.id)
    tx.record("session.started", actor, client=session.client_id, session=session.id, address=session.address)
    if session.client_id is not None:
        record_use(tx, "login", client_id=session.client_id)


def end_session(tx: Tx, actor: Actor, session_id: str) -> None:
    """Ends one session; nothing when it had ended."""
    if queries.remove_session(tx, session_id):
        tx.touch("sessions")
        tx.record("session.ended", actor, client=actor.id if actor.is_client else None, session=session_id)


def end_sessions(
    tx: Tx, actor: Actor, *, client: str | None = None, user: str | None = None, but: str = ""
) -> list[str]:
    """Ends every session of a client or user, except the one named by `but`; answers their ids."""
    found = queries.list_sessions_of(tx, user_id=user or "", client_id=client or "")
    ended = [session_id for session_id in found if session_id != but]
    _end(tx, actor, ended, client=client)
    return ended


def void_sessions_and_codes(tx: Tx, actor: Actor) -> int:
    """Ends every session and makes every one-time code useless; how many sessions there were.

    For a database that is not what it was: no row names what is out there any more.
    """
    sessions = queries.remove_all_sessions(tx)
    codes = code_queries.use_all_codes(tx)
    tx.touch("sessions")
    tx.record("sessions.voided", actor, sessions=sessions, codes=codes)
    return sessions


def end_overdue_sessions(tx: Tx, idle: timedelta) -> int:
    """Ends at most 200 sessions that are over or idle; how many they were."""
    ended = queries.list_overdue_sessions(tx, tx.now - idle, _BATCH)
    _end(tx, SYSTEM, ended)
    return len(ended)


def note_last_seen(tx: Tx, last_seen: Mapping[str, datetime]) -> None:
    """Writes when these sessions were last used. No cache goes stale by it: memory knew it first."""
    for session_id, seen_at in last_seen.items():
        queries.set_last_seen(tx, session_id, seen_at)


def _end(tx: Tx, actor: Actor, session_ids: list[str], *, client: str | None = None) -> None:
    if not session_ids:
        return
    for session_id in session_ids:
        queries.remove_session(tx, session_id)
    tx.touch("sessions")
    tx.record("session.ended", actor, client=client, sessions=session_ids)


# tokens, the set-up ---------------------------------------------------------------------------------------


def create_api_token(
    tx: Tx, actor: Actor, name: str, scopes: list[str], token: str, expires_at: datetime | None = None
) -> str:
    """Makes `token` (a `new_secret()` of the caller) good for these scopes; answers its id. Kept as its hash.

    Raises Forbidden for all but administrators, Invalid for a scope that does not exist or an end that is past.
    """
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator makes tokens.")
    if not name.strip():
        raise Invalid("Say what the token is for.", fields={"name": "missing"})
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise Invalid(f"Choose among the scopes {', '.join(sorted(SCOPES))}.", fields={"scopes": "unknown"})
    if expires_at is not None and expires_at <= tx.now:
        raise Invalid("This end is in the past: choose a later one.", fields={"expires_at": "in the past"})
    token_id, scopes = new_id(), sorted(set(scopes))
    add_api_token(
        tx,
        token_id,
        name=name.strip(),
        token_hash=hash_secret(token),
        scopes=scopes,
        created_by=actor.user_id,
        expires_at=expires_at,
    )
    tx.touch("api_tokens")
    tx.record("token.created", actor, token=token_id, name=name.strip(), scopes=scopes)
    return token_id


def offer_setup(tx: Tx, code: str, lifetime: timedelta) -> bool:
    """Makes `code` good for the set-up if there are no users yet, instead of any offered before."""
    if queries.count_users(tx):
        return False
    code_queries.remove_codes(tx, "setup")
    add_code(tx, "setup", code, lifetime=lifetime)
    return True


def complete_setup(tx: Tx, code: str, email: str, full_name: str, password_hash: str) -> User:
    """Creates the first administrator.

    Raises Unauthorized for a bad code, Conflict when there are users already.
    """
    redeem_code(tx, "setup", code)
    if queries.count_users(tx):
        raise Conflict("This catalog is set up already: log in.")
    user = create_user(tx, SYSTEM, email, full_name, "admin", password_hash)
    tx.record("setup.completed", SYSTEM, user=user.id)
    return user
