"""Reading what a weekly digest tells: what clients did, whose access ends, which requests wait.

An empty `owner_id` stands for the clients of everybody.
"""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx

_MOST_LINES = 10


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """What a client did in the week."""

    name: str
    company: str
    opens: int
    minutes: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A client whose access ends soon."""

    name: str
    company: str
    access_ends_at: datetime
    timezone: str


def list_doings(tx: Tx, owner_id: str, since_day: str) -> list[Doing]:
    """The most active clients since that UTC day."""
    return tx.all(
        Doing,
        """SELECT c.name, c.company, sum(d.opens) AS opens, (sum(d.active_seconds) + 59) / 60 AS minutes
           FROM usage_daily d JOIN clients c ON c.id = d.client_id
           WHERE d.day >= :since AND d.demo_id <> '' AND (:owner_id = '' OR c.owner_id = :owner_id)
           GROUP BY c.id, c.name, c.company HAVING sum(d.opens) > 0 OR sum(d.active_seconds) > 0
           ORDER BY sum(d.active_seconds) DESC, sum(d.opens) DESC, c.id LIMIT :limit""",
        since=since_day,
        owner_id=owner_id,
        limit=_MOST_LINES,
    )


def list_endings(tx: Tx, owner_id: str, until: datetime) -> list[Ending]:
    """Whose access ends until then, soonest first."""
    return tx.all(
        Ending,
        """SELECT name, company, access_ends_at, timezone FROM clients
           WHERE access_ends_at > :now AND access_ends_at <= :until AND revoked_at IS NULL
             AND (:owner_id = '' OR owner_id = :owner_id)
           ORDER BY access_ends_at, id LIMIT :limit""",
        now=tx.now,
        until=until,
        owner_id=owner_id,
        limit=_MOST_LINES,
    )


def count_waiting(tx: Tx, owner_id: str) -> int:
    """How many requests wait for an answer."""
    found = tx.value(
        """SELECT count(*) FROM access_requests r JOIN clients c ON c.id = r.client_id
           WHERE r.status = 'pending' AND (:owner_id = '' OR c.owner_id = :owner_id)""",
        owner_id=owner_id,
    )
    return int(found)
