"""All SQL on `decision_codes`."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a code is for: this user's answer to that request."""

    request_id: str
    user_id: str
    expires_at: datetime
    used_at: datetime | None


def add_code(tx: Tx, code_hash: str, *, request_id: str, user_id: str, expires_at: datetime) -> None:
    tx.run(
        """INSERT INTO decision_codes (code_hash, request_id, user_id, expires_at, created_at)
           VALUES (:code_hash, :request_id, :user_id, :expires_at, :now)""",
        code_hash=code_hash,
        request_id=request_id,
        user_id=user_id,
        expires_at=expires_at,
        now=tx.now,
    )


def find_code(tx: Tx, code_hash: str) -> Decision | None:
    return tx.one(
        Decision,
        "SELECT request_id, user_id, expires_at, used_at FROM decision_codes WHERE code_hash = :code_hash",
        code_hash=code_hash,
    )


def use_code(tx: Tx, code_hash: str) -> int:
    """Claims the code: 1 for whoever was first and in time."""
    return tx.run(
        """UPDATE decision_codes SET used_at = :now
           WHERE code_hash = :code_hash AND used_at IS NULL AND expires_at > :now""",
        code_hash=code_hash,
        now=tx.now,
    )


def use_all_codes(tx: Tx) -> int:
    return tx.run("UPDATE decision_codes SET used_at = :now WHERE used_at IS NULL", now=tx.now)


def remove_old_decisions(tx: Tx, before: datetime, limit: int) -> int:
    return tx.run(
        """DELETE FROM decision_codes WHERE code_hash IN
           (SELECT code_hash FROM decision_codes WHERE expires_at < :before ORDER BY expires_at LIMIT :limit)""",
        before=before,
        limit=limit,
    )
