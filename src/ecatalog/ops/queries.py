"""All SQL of this room: the write that proves that writes work."""

from ecatalog.kit.db import Tx


def note_probe(tx: Tx) -> None:
    tx.run(
        """INSERT INTO settings (key, value, updated_at) VALUES ('readiness_probe', '', :now)
           ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at""",
        now=tx.now,
    )


def count_states(tx: Tx) -> dict[str, int]:
    """How many launches are in each live state, how many edges have a live lease, how many requests are pending."""
    found = tx.rows(
        """SELECT state AS name, count(*) AS number FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') GROUP BY state
           UNION ALL SELECT 'edges', count(*) FROM edges WHERE lease_until > :now
           UNION ALL SELECT 'requests', count(*) FROM access_requests WHERE status = 'pending'""",
        now=tx.now,
    )
    return {row["name"]: row["number"] for row in found}
