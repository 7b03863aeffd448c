"""All SQL on users, credentials and sessions. That on one-time codes is in `code_queries.py`, on API tokens in
`token_queries.py`.
"""

from datetime import datetime

import msgspec

from ecatalog.accounts.model import Credential, Person, SessionRow
from ecatalog.kit.actor import Role
from ecatalog.kit.db import Tx
from ecatalog_client.types.accounts import SessionInfo, User

# users and passwords --------------------------------------------------------------------------------------


def find_credential(tx: Tx, email: str) -> Credential | None:
    """Who may try to log in with this address (lower case): a user or client that has a password."""
    return tx.one(
        Credential,
        """SELECT u.id AS user_id, NULL AS client_id, u.role AS role, u.password_hash AS password_hash,
             u.disabled_at IS NOT NULL AS is_disabled, FALSE AS is_revoked,
             NULL AS owner_name, NULL AS owner_email
           FROM users u WHERE u.email = :email AND u.password_hash IS NOT NULL
           UNION ALL
           SELECT NULL, c.id, 'client', k.password_hash, FALSE, c.revoked_at IS NOT NULL, o.full_name, o.email
           FROM clients c JOIN client_credentials k ON k.client_id = c.id
             LEFT JOIN users o ON o.id = c.owner_id
           WHERE c.email = :email""",
        email=email,
    )


def count_users(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM users"))


def is_email_taken(tx: Tx, email: str) -> bool:
    return bool(
        tx.value(
            """SELECT EXISTS (SELECT 1 FROM users WHERE email = :email)
                 OR EXISTS (SELECT 1 FROM clients WHERE email = :email)""",
            email=email,
        )
    )


def add_user(tx: Tx, user_id: str, *, email: str, full_name: str, role: Role, password_hash: str | None) -> None:
    tx.run(
        """INSERT INTO users (id, email, password_hash, full_name, role, created_at, updated_at)
           VALUES (:id, :email, :password_hash, :full_name, :role, :now, :now)""",
        id=user_id,
        email=email,
        password_hash=password_hash,
        full_name=full_name,
        role=role,
        now=tx.now,
    )


_USERS = "SELECT id, email, full_name, role, disabled_at, created_at, updated_at, version FROM users "


def find_user(tx: Tx, user_id: str) -> User | None:
    return tx.one(User, _USERS + "WHERE id = :id", id=user_id)


def list_users(tx: Tx, *, like: str, role: str, after: tuple[str, str], limit: int) -> list[User]:
    """By name. `like` is in lower case; letters beyond ASCII are compared as they are."""
    name, user_id = after
    return tx.all(
        User,
        _USERS
        + """WHERE (full_name, id) > (:name, :id) AND (:role = '' OR role = :role)
             AND (:like = '' OR lower(full_name) LIKE :like ESCAPE '\\' OR email LIKE :like ESCAPE '\\')
           ORDER BY full_name, id LIMIT :limit""",
        name=name,
        id=user_id,
        role=role,
        like=like,
        limit=limit,
    )


def has_other_admin(tx: Tx, user_id: str) -> bool:
    """Whether another administrator than this one may log in, and can."""
    return bool(
        tx.value(
            """SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled_at IS NULL
                 AND password_hash IS NOT NULL AND id <> :id)""",
            id=user_id,
        )
    )


def set_user(tx: Tx, user: User, password_hash: str | None) -> None:
    """Writes the user as it shall be; the password stays unless a hash is given."""
    tx.run(
        """UPDATE users SET email = :email, full_name = :full_name, role = :role, disabled_at = :disabled_at,
             password_hash = coalesce(:password_hash, password_hash), updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=user.id,
        email=user.email,
        full_name=user.full_name,
        role=user.role,
        disabled_at=user.disabled_at,
        password_hash=password_hash,
        now=tx.now,
    )


def set_user_password(tx: Tx, user_id: str, password_hash: str) -> None:
    tx.run(
        """UPDATE users SET password_hash = :password_hash, updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=user_id,
        password_hash=password_hash,
        now=tx.now,
    )


def set_client_password(tx: Tx, client_id: str, password_hash: str) -> None:
    tx.run(
        """INSERT INTO client_credentials (client_id, password_hash, changed_at)
           VALUES (:client_id, :password_hash, :now)
           ON CONFLICT (client_id)
           DO UPDATE SET password_hash = excluded.password_hash, changed_at = excluded.changed_at""",
        client_id=client_id,
        password_hash=password_hash,
        now=tx.now,
    )


# sessions -------------------------------------------------------------------------------------------------


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a session that is about to be. Exactly one of the two ids is set."""

    id: str
    user_id: str | None = None
    client_id: str | None = None
    token_hash: str
    expires_at: datetime
    address: str
    agent: str


def add_session(tx: Tx, session: NewSession) -> None:
    tx.run(
        """INSERT INTO sessions
             (id, user_id, client_id, token_hash, expires_at, last_seen_at, address, agent, created_at)
           VALUES (:id, :user_id, :client_id, :token_hash, :expires_at, :now, :address, :agent, :now)""",
        **msgspec.structs.asdict(session),
        now=tx.now,
    )


def find_session(tx: Tx, *, token_hash: str = "", session_id: str = "") -> SessionRow | None:
    """The session with this token, or this id, while it stands for somebody.

    That is until its own time is over, idle or not, and while its user or client may log in at all.
    """
    return tx.one(
        SessionRow,
        """SELECT s.id, s.user_id, s.client_id, coalesce(u.role, 'client') AS role,
             s.expires_at, s.last_seen_at
           FROM sessions s LEFT JOIN users u ON u.id = s.user_id LEFT JOIN clients c ON c.id = s.client_id
           WHERE (s.token_hash = :token_hash OR s.id = :id)
             AND s.expires_at > :now AND u.disabled_at IS NULL AND c.revoked_at IS NULL""",
        token_hash=token_hash,
        id=session_id,
        now=tx.now,
    )


def find_person(tx: Tx, session_id: str) -> Person | None:
    """Who is behind the session, None when it is over or they may not log in any more."""
    return tx.one(
        Person,
        """SELECT coalesce(u.role, 'client') AS role, coalesce(s.user_id, s.client_id) AS id
           FROM sessions s LEFT JOIN users u ON u.id = s.user_id LEFT JOIN clients c ON c.id = s.client_id
           WHERE s.id = :id AND s.expires_at > :now AND u.disabled_at IS NULL AND c.revoked_at IS NULL""",
        id=session_id,
        now=tx.now,
    )


def has_live_launch(tx: Tx, session_id: str) -> bool:
    """Whether who holds the session has a demo running: then it is in use, though nobody calls."""
    return bool(
        tx.value(
            """SELECT EXISTS (
                 SELECT 1 FROM sessions s JOIN launches l ON l.client_id = s.client_id
                 WHERE s.id = :id AND l.kind = 'open' AND l.wanted = 'running'
                   AND l.state IN ('queued', 'starting', 'running'))
               OR EXISTS (
                 SELECT 1 FROM sessions s JOIN launches l ON l.user_id = s.user_id
                 WHERE s.id = :id AND l.kind = 'open' AND l.wanted = 'running'
                   AND l.state IN ('queued', 'starting', 'running'))""",
            id=session_id,
        )
    )


def set_last_seen(tx: Tx, session_id: str, seen_at: datetime) -> None:
    tx.run(
        "UPDATE sessions SET last_seen_at = :seen_at WHERE id = :id AND last_seen_at < :seen_at",
        id=session_id,
        seen_at=seen_at,
    )


def list_overdue_sessions(tx: Tx, idle_since: datetime, limit: int) -> list[str]:
    """Sessions whose time is over, and those without a demo running that nobody has used since then."""
    found = tx.rows(
        """SELECT s.id FROM sessions s
           WHERE s.expires_at <= :now OR (s.last_seen_at <= :idle_since
             AND NOT EXISTS (
               SELECT 1 FROM launches l WHERE l.client_id = s.client_id AND l.kind = 'open'
                 AND l.wanted = 'running' AND l.state IN ('queued', 'starting', 'running'))
             AND NOT EXISTS (
               SELECT 1 FROM launches l WHERE l.user_id = s.user_id AND l.kind = 'open'
                 AND l.wanted = 'running' AND l.state IN ('queued', 'starting', 'running')))
           ORDER BY s.expires_at LIMIT :limit""",
        now=tx.now,
        idle_since=idle_since,
        limit=limit,
    )
    return [row["id"] for row in found]


def list_sessions_of(tx: Tx, *, user_id: str = "", client_id: str = "") -> list[str]:
    found = tx.rows(
        "SELECT id FROM sessions WHERE user_id = :user_id OR client_id = :client_id",
        user_id=user_id,
        client_id=client_id,
    )
    return [row["id"] for row in found]


class Renewable(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how long a session may still be prolonged, and which token it has now."""

    token_hash: str
    created_at: datetime


def find_renewable(tx: Tx, session_id: str) -> Renewable | None:
    return tx.one(
        Renewable,
        "SELECT token_hash, created_at FROM sessions WHERE id = :id AND expires_at > :now",
        id=session_id,
        now=tx.now,
    )


def set_token(tx: Tx, session_id: str, *, was: str, token_hash: str, expires_at: datetime) -> int:
    """Claims the session for a new token: 0 when another refresh was quicker, or it has ended."""
    return tx.run(
        """UPDATE sessions SET token_hash = :token_hash, expires_at = :expires_at, last_seen_at = :now
           WHERE id = :id AND token_hash = :was AND expires_at > :now""",
        id=session_id,
        was=was,
        token_hash=token_hash,
        expires_at=expires_at,
        now=tx.now,
    )


def list_session_infos(tx: Tx, *, person_id: str, current: str, before: str, limit: int) -> list[SessionInfo]:
    """The live sessions of a user or client, newest first."""
    return tx.all(
        SessionInfo,
        """SELECT id, address, agent, created_at, last_seen_at, expires_at, id = :current AS is_current
           FROM sessions
           WHERE (user_id = :person_id OR client_id = :person_id) AND expires_at > :now AND id < :before
           ORDER BY id DESC LIMIT :limit""",
        person_id=person_id,
        current=current,
        before=before,
        now=tx.now,
        limit=limit,
    )


def remove_session(tx: Tx, session_id: str) -> int:
    return tx.run("DELETE FROM sessions WHERE id = :id", id=session_id)


def remove_all_sessions(tx: Tx) -> int:
    return tx.run("DELETE FROM sessions")
