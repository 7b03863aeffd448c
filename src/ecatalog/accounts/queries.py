"""All SQL of the room: users, credentials, sessions, one-time codes and API tokens."""

from datetime import datetime

import msgspec

from ecatalog.accounts.model import ApiToken, Credential, OneTimeCode, Purpose, SessionRow
from ecatalog.kit.actor import Role
from ecatalog.kit.db import Tx
from ecatalog_client.types.accounts import User

# users and passwords --------------------------------------------------------------------------------------


def find_credential(tx: Tx, email: str) -> Credential | None:
    """Who may try to log in with this address (lower case): a user or client that has a password."""
    return tx.one(
        Credential,
        """SELECT u.id AS user_id, NULL AS client_id, u.role AS role, u.password_hash AS password_hash,
             u.disabled_at IS NOT NULL AS is_disabled, 0 AS is_revoked,
             NULL AS owner_name, NULL AS owner_email
           FROM users u WHERE u.email = :email AND u.password_hash IS NOT NULL
           UNION ALL
           SELECT NULL, c.id, 'client', k.password_hash, 0, c.revoked_at IS NOT NULL, o.full_name, o.email
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


def find_user(tx: Tx, user_id: str) -> User | None:
    return tx.one(
        User,
        """SELECT id, email, full_name, role, disabled_at, created_at, updated_at, version
           FROM users WHERE id = :id""",
        id=user_id,
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


def has_live_launch(tx: Tx, session_id: str) -> bool:
    """Whether who holds the session has a demo running: then it is in use, though nobody calls."""
    return bool(
        tx.value(
            """SELECT EXISTS (
                 SELECT 1 FROM sessions s
                   JOIN launches l ON l.client_id = s.client_id OR l.user_id = s.user_id
                 WHERE s.id = :id AND l.wanted = 'running'
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
           WHERE s.expires_at <= :now OR (s.last_seen_at <= :idle_since AND NOT EXISTS (
             SELECT 1 FROM launches l WHERE (l.client_id = s.client_id OR l.user_id = s.user_id)
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


def remove_session(tx: Tx, session_id: str) -> int:
    return tx.run("DELETE FROM sessions WHERE id = :id", id=session_id)


# one-time codes and API tokens ----------------------------------------------------------------------------


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a one-time code that is about to be."""

    id: str
    purpose: Purpose
    code_hash: str
    expires_at: datetime
    user_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    launch_id: str | None = None


def add_code(tx: Tx, code: NewCode) -> None:
    tx.run(
        """INSERT INTO one_time_codes
             (id, purpose, code_hash, user_id, client_id, session_id, launch_id, expires_at, created_at)
           VALUES
             (:id, :purpose, :code_hash, :user_id, :client_id, :session_id, :launch_id, :expires_at, :now)""",
        **msgspec.structs.asdict(code),
        now=tx.now,
    )


def use_code(tx: Tx, purpose: Purpose, code_hash: str) -> int:
    """Claims the code: 1 for whoever was first and in time."""
    return tx.run(
        """UPDATE one_time_codes SET used_at = :now
           WHERE code_hash = :code_hash AND purpose = :purpose AND used_at IS NULL AND expires_at > :now""",
        purpose=purpose,
        code_hash=code_hash,
        now=tx.now,
    )


def find_code(tx: Tx, code_hash: str) -> OneTimeCode | None:
    return tx.one(
        OneTimeCode,
        """SELECT id, purpose, user_id, client_id, session_id, launch_id, expires_at
           FROM one_time_codes WHERE code_hash = :code_hash""",
        code_hash=code_hash,
    )


def is_code_good(tx: Tx, purpose: Purpose, code_hash: str) -> bool:
    """Whether the code could be used now, without using it."""
    return bool(
        tx.value(
            """SELECT EXISTS (SELECT 1 FROM one_time_codes WHERE code_hash = :code_hash
               AND purpose = :purpose AND used_at IS NULL AND expires_at > :now)""",
            purpose=purpose,
            code_hash=code_hash,
            now=tx.now,
        )
    )


def remove_codes(tx: Tx, purpose: Purpose) -> int:
    return tx.run("DELETE FROM one_time_codes WHERE purpose = :purpose AND used_at IS NULL", purpose=purpose)


def remove_old_codes(tx: Tx, before: datetime, limit: int) -> int:
    return tx.run(
        """DELETE FROM one_time_codes WHERE id IN
           (SELECT id FROM one_time_codes WHERE expires_at < :before ORDER BY expires_at LIMIT :limit)""",
        before=before,
        limit=limit,
    )


def add_api_token(
    tx: Tx, token_id: str, *, name: str, token_hash: str, scopes: list[str], created_by: str | None
) -> None:
    tx.run(
        """INSERT INTO api_tokens (id, name, token_hash, scopes, created_by, created_at)
           VALUES (:id, :name, :token_hash, :scopes, :created_by, :now)""",
        id=token_id,
        name=name,
        token_hash=token_hash,
        scopes=scopes,
        created_by=created_by,
        now=tx.now,
    )


def token_by_hash(tx: Tx, token_hash: str) -> ApiToken | None:
    return tx.one(
        ApiToken,
        """SELECT id, name, scopes, expires_at, revoked_at FROM api_tokens
           WHERE token_hash = :token_hash""",
        token_hash=token_hash,
    )
