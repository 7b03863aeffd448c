"""All SQL on the API tokens of services."""

from datetime import datetime

from ecatalog.accounts.model import ApiToken
from ecatalog.kit.db import Tx
from ecatalog_client.types.accounts import ApiTokenInfo

_INFOS = """SELECT id, name, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
  FROM api_tokens """


def add_api_token(
    tx: Tx,
    token_id: str,
    *,
    name: str,
    token_hash: str,
    scopes: list[str],
    created_by: str | None,
    expires_at: datetime | None,
) -> None:
    tx.run(
        """INSERT INTO api_tokens (id, name, token_hash, scopes, created_by, expires_at, created_at)
           VALUES (:id, :name, :token_hash, :scopes, :created_by, :expires_at, :now)""",
        id=token_id,
        name=name,
        token_hash=token_hash,
        scopes=scopes,
        created_by=created_by,
        expires_at=expires_at,
        now=tx.now,
    )


def token_by_hash(tx: Tx, token_hash: str) -> ApiToken | None:
    return tx.one(
        ApiToken,
        """SELECT id, name, scopes, expires_at, revoked_at FROM api_tokens
           WHERE token_hash = :token_hash""",
        token_hash=token_hash,
    )


def find_token(tx: Tx, token_id: str) -> ApiToken | None:
    return tx.one(
        ApiToken, "SELECT id, name, scopes, expires_at, revoked_at FROM api_tokens WHERE id = :id", id=token_id
    )


def find_token_info(tx: Tx, token_id: str) -> ApiTokenInfo | None:
    return tx.one(ApiTokenInfo, _INFOS + "WHERE id = :id", id=token_id)


def list_token_infos(tx: Tx, *, before: str, limit: int) -> list[ApiTokenInfo]:
    """Newest first, those that are no good any more too."""
    return tx.all(
        ApiTokenInfo,
        _INFOS + "WHERE id < :before ORDER BY id DESC LIMIT :limit",
        before=before,
        limit=limit,
    )


def list_good_tokens_named(tx: Tx, name: str) -> list[str]:
    found = tx.rows(
        """SELECT id FROM api_tokens WHERE name = :name AND created_by IS NULL AND revoked_at IS NULL
           ORDER BY id""",
        name=name,
    )
    return [row["id"] for row in found]


def set_revoked(tx: Tx, token_id: str) -> int:
    """0 when it was revoked before: the first time stands."""
    return tx.run(
        "UPDATE api_tokens SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL", id=token_id, now=tx.now
    )


def set_last_used(tx: Tx, token_id: str, used_at: datetime) -> None:
    tx.run(
        """UPDATE api_tokens SET last_used_at = :used_at
           WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :used_at)""",
        id=token_id,
        used_at=used_at,
    )
