"""The SQL of standings: everybody's, and single ones; of who has power over the catalog, and of the hold on access."""

from ecatalog.kit.db import Tx
from ecatalog.kit.facts import Fact
from ecatalog.ops.queries import find_setting, set_setting
from ecatalog.ops.standings import KINDS, Holder, Standing, Subject

_ALL = {
    "client": """SELECT 'client' AS kind, id, revoked_at IS NOT NULL AS is_out, coalesce(revoke_reason, '') AS reason,
      access_end_date AS until FROM clients""",
    "grant": """SELECT 'grant' AS kind, client_id AS id, demo_id, revoked_at IS NOT NULL AS is_out
      FROM client_demo_access""",
    "user": "SELECT 'user' AS kind, id, disabled_at IS NOT NULL AS is_out, role FROM users",
    "token": "SELECT 'token' AS kind, id, revoked_at IS NOT NULL AS is_out FROM api_tokens",
}
# The opening rule of the room of launches looks at the same row.
_HOLD = "access_hold"
_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)


def list_standings(tx: Tx) -> dict[Subject, Standing]:
    """Everybody's."""
    found = (standing for sql in _ALL.values() for standing in tx.all(Standing, sql))
    return {standing.subject: standing for standing in found}


def client_standing(tx: Tx, client_id: str) -> Standing | None:
    return tx.one(Standing, _ALL["client"] + " WHERE id = :id", id=client_id)


def grant_standing(tx: Tx, client_id: str, demo_id: str) -> Standing | None:
    where = " WHERE client_id = :client_id AND demo_id = :demo_id"
    return tx.one(Standing, _ALL["grant"] + where, client_id=client_id, demo_id=demo_id)


def user_standing(tx: Tx, user_id: str) -> Standing | None:
    return tx.one(Standing, _ALL["user"] + " WHERE id = :id", id=user_id)


def token_standing(tx: Tx, token_id: str) -> Standing | None:
    return tx.one(Standing, _ALL["token"] + " WHERE id = :id", id=token_id)


def list_holders(tx: Tx) -> list[Holder]:
    """Users, tokens and webhooks that are good now; of each the newest first, for these are what somebody added."""
    return tx.all(
        Holder,
        """SELECT CASE role WHEN 'admin' THEN 'administrator' ELSE role END AS kind, email AS name, created_at AS since,
             coalesce(password_hash, '') AS secret
             FROM users WHERE disabled_at IS NULL
           UNION ALL
           SELECT 'token', name, created_at,
             token_hash || CAST(scopes AS TEXT) || coalesce(CAST(expires_at AS TEXT), '')
             FROM api_tokens WHERE revoked_at IS NULL
           UNION ALL
           SELECT 'webhook', url, created_at, CAST(kinds AS TEXT) || secret_encrypted FROM webhooks WHERE is_on = 1
           ORDER BY kind, since DESC, name""",
    )


def list_changes(tx: Tx, after: int, limit: int) -> list[Fact]:
    """The next facts after which somebody's standing may be another, oldest first."""
    return tx.all(
        Fact,
        f"SELECT * FROM audit_log WHERE position > :after AND kind IN ({_KINDS}) ORDER BY position LIMIT :limit",  # noqa: S608
        after=after,
        limit=limit,
    )


def find_hold(tx: Tx) -> str | None:
    """Why clients' access is on hold, None when it is not."""
    return find_setting(tx, _HOLD)


def set_hold(tx: Tx, reason: str) -> None:
    set_setting(tx, _HOLD, reason)


def remove_hold(tx: Tx) -> int:
    """0 when there was none."""
    return tx.run("DELETE FROM settings WHERE key = :key", key=_HOLD)
