"""All SQL on one-time codes, and on who holds them."""

from datetime import datetime

import msgspec

from ecatalog.accounts.model import Holder, OneTimeCode, Purpose
from ecatalog.kit.db import Tx
from ecatalog_client.types.accounts import Invitation


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
             (:id, :purpose, :code_hash, :user_id, :client_id, :session_id, :launch_id, :expires_at, :now)
           ON CONFLICT (code_hash) DO NOTHING""",
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


def use_all_codes(tx: Tx) -> int:
    return tx.run("UPDATE one_time_codes SET used_at = :now WHERE used_at IS NULL", now=tx.now)


def remove_old_codes(tx: Tx, before: datetime, limit: int) -> int:
    return tx.run(
        """DELETE FROM one_time_codes WHERE id IN
           (SELECT id FROM one_time_codes WHERE expires_at < :before ORDER BY expires_at LIMIT :limit)""",
        before=before,
        limit=limit,
    )


# who holds a code ----------------------------------------------------------------------------------------

_HOLDER = """SELECT u.id AS user_id, c.id AS client_id, coalesce(u.role, 'client') AS role,
    coalesce(u.email, c.email) AS email, coalesce(u.full_name, c.name) AS name,
    u.disabled_at IS NOT NULL AS is_disabled, c.revoked_at IS NOT NULL AS is_revoked,
    o.full_name AS owner_name, o.email AS owner_email """


def find_code_holder(tx: Tx, purpose: Purpose, code_hash: str) -> Holder | None:
    """Whose code this is, as long as it could be used."""
    return tx.one(
        Holder,
        _HOLDER
        + """FROM one_time_codes k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN clients c ON c.id = k.client_id
             LEFT JOIN users o ON o.id = c.owner_id
           WHERE k.code_hash = :code_hash AND k.purpose = :purpose AND k.used_at IS NULL AND k.expires_at > :now""",
        code_hash=code_hash,
        purpose=purpose,
        now=tx.now,
    )


def find_holder(tx: Tx, email: str) -> Holder | None:
    """Who has this address (lower case), with a password or without."""
    return tx.one(
        Holder,
        _HOLDER
        + """FROM (SELECT :email AS email) asked LEFT JOIN users u ON u.email = asked.email
             LEFT JOIN clients c ON c.email = asked.email LEFT JOIN users o ON o.id = c.owner_id
           WHERE u.id IS NOT NULL OR c.id IS NOT NULL""",
        email=email,
    )


def remove_codes_of(tx: Tx, person_id: str, *, purpose: str = "") -> int:
    """Removes the unused invitations and resets of a user or client, or those of one purpose."""
    return tx.run(
        """DELETE FROM one_time_codes WHERE coalesce(user_id, client_id) = :person_id AND used_at IS NULL
             AND purpose IN ('invitation', 'reset') AND (:purpose = '' OR purpose = :purpose)""",
        person_id=person_id,
        purpose=purpose,
    )


# invitations -----------------------------------------------------------------------------------------------

_INVITATIONS = """SELECT k.id, k.user_id, k.client_id, coalesce(u.full_name, c.name) AS name,
    coalesce(u.email, c.email) AS email, k.created_at, k.expires_at
  FROM one_time_codes k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN clients c ON c.id = k.client_id
  WHERE k.purpose = 'invitation' AND k.used_at IS NULL AND k.expires_at > :now """

_IS_FIRST = """AND NOT EXISTS (
    SELECT 1 FROM one_time_codes e WHERE coalesce(e.user_id, e.client_id) = coalesce(k.user_id, k.client_id)
      AND e.purpose IN ('invitation', 'reset') AND e.purpose = 'invitation' AND e.used_at IS NULL
      AND e.expires_at > :now AND e.id < k.id) """


def find_invitation(tx: Tx, invitation_id: str) -> Invitation | None:
    """The invitation, while it is pending."""
    return tx.one(Invitation, _INVITATIONS + "AND k.id = :id", id=invitation_id, now=tx.now)


def list_invitations(tx: Tx, *, before: str, limit: int) -> list[Invitation]:
    """Those that are pending, newest first; of the codes of one person the first, which was not sent by mail."""
    return tx.all(
        Invitation,
        _INVITATIONS + _IS_FIRST + "AND k.id < :before ORDER BY k.id DESC LIMIT :limit",
        before=before,
        now=tx.now,
        limit=limit,
    )
