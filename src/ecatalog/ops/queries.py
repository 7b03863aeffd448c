"""The SQL of the audit log, of the write that proves that writes work, and of counts for the metrics.

What else this room asks is in its `…_queries.py`, one for each subject.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ecatalog.kit.db import Tx
from ecatalog_client.types.audit import AuditFact

NEWEST = 2**62
"""A position that no fact has yet: before it are all."""
# Samples go only into a database without users, so the fact is among the first ones: no need to read a log of years.
_EARLY = 1000
_FACTS = "SELECT position, at, actor, kind, client_id, demo_id, details FROM audit_log WHERE position < :before"
# One condition per filter, so that a statement names only those that are given, and an index can serve it.
# `kind` is a word of `Tx.all` itself, hence another name for its parameter.
_FILTERS = {
    "kind": "kind = :fact_kind",
    "client_id": "client_id = :client_id",
    "demo_id": "demo_id = :demo_id",
    "actor": "actor = :actor",
    "since": "at >= :since",
    "until": "at < :until",
}


def note_probe(tx: Tx) -> None:
    set_setting(tx, "readiness_probe", "")


def find_setting(tx: Tx, key: str) -> str | None:
    """A setting of this room, such as when something was last done."""
    found = tx.value("SELECT value FROM settings WHERE key = :key", key=key)
    return None if found is None else str(found)


def list_marks(tx: Tx) -> dict[str, str]:
    """When the database was last kept in shape, and what was found: by the names in `upkeep.py`."""
    found = tx.rows("SELECT key, value FROM settings WHERE key IN ('optimized_at', 'checked_at', 'check_problems')")
    return {row["key"]: row["value"] for row in found}


def set_setting(tx: Tx, key: str, value: str) -> None:
    tx.run(
        """INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)
           ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
        key=key,
        value=value,
        now=tx.now,
    )


def last_fact_at(tx: Tx) -> str | None:
    found = tx.value("SELECT at FROM audit_log WHERE position = (SELECT max(position) FROM audit_log)")
    return None if found is None else str(found)


def has_sample_logins(tx: Tx) -> bool:
    """Whether this database was filled with the sample data, now or at an earlier start."""
    found = tx.value("SELECT 1 FROM audit_log WHERE position <= :early AND kind = 'samples.loaded'", early=_EARLY)
    return found is not None


def count_states(tx: Tx) -> dict[str, int]:
    """How many launches are in each live state, edges have a live lease, requests and messages wait."""
    found = tx.rows(
        """SELECT state AS name, count(*) AS number FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') GROUP BY state
           UNION ALL SELECT 'edges', count(*) FROM edges WHERE lease_until > :now
           UNION ALL SELECT 'launchers', count(*) FROM launchers WHERE lease_until > :now
           UNION ALL SELECT 'sessions', count(*) FROM sessions WHERE expires_at > :now
           UNION ALL SELECT 'requests', count(*) FROM access_requests WHERE status = 'pending'
           UNION ALL SELECT 'messages_' || state, count(*) FROM outbox
             WHERE state IN ('pending', 'leased', 'dead') GROUP BY state""",
        now=tx.now,
    )
    return {row["name"]: row["number"] for row in found}


def count_phases(tx: Tx) -> dict[str, int]:
    """How many live launches are in each phase; a launcher names phases, so there is a bound on how many are told."""
    found = tx.rows(
        """SELECT phase AS name, count(*) AS number FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') GROUP BY phase ORDER BY number DESC LIMIT 20"""
    )
    return {row["name"]: row["number"] for row in found}


def count_waiting(tx: Tx) -> int:
    """How many launches wait for their place."""
    return int(
        tx.value(
            """SELECT count(*) FROM launches
               WHERE wanted = 'running' AND state = 'queued' AND admitted_at IS NULL"""
        )
        or 0
    )


def waiting_since(tx: Tx) -> str | None:
    """When the first of them was added, None when nobody waits."""
    found = tx.value(
        """SELECT min(created_at) FROM launches
           WHERE wanted = 'running' AND state = 'queued' AND admitted_at IS NULL"""
    )
    return None if found is None else str(found)


def list_facts(tx: Tx, wanted: Mapping[str, Any], *, limit: int, before: int = NEWEST) -> list[AuditFact]:
    """Newest first, those that fit every filter (by its name in the table above)."""
    conditions, values = _fitting(wanted)
    return tx.all(
        AuditFact,
        _FACTS + conditions + " ORDER BY position DESC LIMIT :limit",
        before=before,
        limit=limit,
        **values,
    )


def _fitting(wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The conditions of these filters, and their parameters."""
    conditions = "".join(f" AND {_FILTERS[name]}" for name in sorted(wanted))
    return conditions, {"fact_kind" if name == "kind" else name: value for name, value in wanted.items()}


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is searched for: the LIKE pattern of texts, and what is called so: kinds, clients, demos, actors."""

    like: str
    kinds: list[str]
    client_ids: list[str]
    demo_ids: list[str]
    actors: list[str]


def search_facts(
    tx: Tx, wanted: Mapping[str, Any], words: list[Word], *, since: int, before: int, limit: int
) -> list[AuditFact]:
    """Newest first, of the positions from `since` on, those that fit every filter and hold every word."""
    conditions, named = _fitting(wanted)
    for at, word in enumerate(words):
        named[f"like_{at}"] = word.like
        parts = [f"CAST(details AS TEXT) LIKE :like_{at} ESCAPE '\\'"]
        for column, values in (
            ("kind", word.kinds),
            ("client_id", word.client_ids),
            ("demo_id", word.demo_ids),
            ("actor", word.actors),
        ):
            names = {f"{column}_{at}_{n}": value for n, value in enumerate(values)}
            named |= names
            parts += [f"{column} IN ({', '.join(f':{name}' for name in names)})"] if names else []
        conditions += f" AND ({' OR '.join(parts)})"
    return tx.all(
        AuditFact,
        _FACTS + " AND position >= :since_position" + conditions + " ORDER BY position DESC LIMIT :limit",
        since_position=since,
        before=before,
        limit=limit,
        **named,
    )


class _Moment(msgspec.Struct, frozen=True):
    position: int
    at: datetime


def moment_from(tx: Tx, position: int) -> tuple[int, datetime] | None:
    """The first fact from this position on, and when it was; None after the last."""
    found = tx.one(
        _Moment,
        "SELECT position, at FROM audit_log WHERE position >= :position ORDER BY position LIMIT 1",
        position=position,
    )
    return None if found is None else (found.position, found.at)


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def list_kinds(tx: Tx) -> list[str]:
    """The kinds of facts that there are: a step along the index for each, not a look at every fact."""
    found = tx.all(
        _Kind,
        """WITH RECURSIVE kinds (kind) AS (
             SELECT min(kind) FROM audit_log
             UNION ALL
             SELECT (SELECT min(f.kind) FROM audit_log f WHERE f.kind > kinds.kind) FROM kinds
             WHERE kinds.kind IS NOT NULL)
           SELECT kind FROM kinds WHERE kind IS NOT NULL""",
    )
    return [each.kind for each in found]


def name_of(tx: Tx, entry_id: str) -> str:
    """The name of a user, client or demo; empty for an id of something else."""
    found = tx.value(
        """SELECT full_name FROM users WHERE id = :id
           UNION ALL SELECT name FROM clients WHERE id = :id
           UNION ALL SELECT name FROM demos WHERE id = :id""",
        id=entry_id,
    )
    return str(found or "")
