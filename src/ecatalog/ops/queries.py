"""All SQL of this room: the write that proves that writes work, and counts for the metrics."""

from ecatalog.kit.db import Tx

# Samples go only into a database without users, so the fact is among the first ones: no need to read a log of years.
_EARLY = 1000


def note_probe(tx: Tx) -> None:
    tx.run(
        """INSERT INTO settings (key, value, updated_at) VALUES ('readiness_probe', '', :now)
           ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at""",
        now=tx.now,
    )


def has_sample_logins(tx: Tx) -> bool:
    """Whether this database was filled with the sample data, now or at an earlier start."""
    found = tx.value("SELECT 1 FROM audit_log WHERE position <= :early AND kind = 'samples.loaded'", early=_EARLY)
    return found is not None


def count_states(tx: Tx) -> dict[str, int]:
    """How many launches are in each live state, how many edges have a live lease, how many requests are pending."""
    found = tx.rows(
        """SELECT state AS name, count(*) AS number FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') GROUP BY state
           UNION ALL SELECT 'edges', count(*) FROM edges WHERE lease_until > :now
           UNION ALL SELECT 'launchers', count(*) FROM launchers WHERE lease_until > :now
           UNION ALL SELECT 'sessions', count(*) FROM sessions WHERE expires_at > :now
           UNION ALL SELECT 'requests', count(*) FROM access_requests WHERE status = 'pending'""",
        now=tx.now,
    )
    return {row["name"]: row["number"] for row in found}
