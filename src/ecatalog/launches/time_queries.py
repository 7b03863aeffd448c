"""The SQL of what time ends: lifetimes, windows, and copies that nobody uses."""

from datetime import datetime
from typing import Literal

import msgspec

from ecatalog.kit.db import Tx


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A launch whose time is over, and which of its ends came."""

    id: str
    cause: Literal["window", "lifetime", "idle"]
    idle_reason: str


def set_end(tx: Tx, launch_id: str, ends_at: datetime) -> None:
    tx.run(
        "UPDATE launches SET ends_at = :ends_at, updated_at = :now WHERE id = :id",
        id=launch_id,
        ends_at=ends_at,
        now=tx.now,
    )


class Lifetime(msgspec.Struct, frozen=True, kw_only=True):
    """A live launch, when it was opened, and how long it may live."""

    id: str
    opened_at: datetime
    ends_at: datetime
    lifetime_seconds: int


def list_lifetimes(tx: Tx, client_id: str) -> list[Lifetime]:
    return tx.all(
        Lifetime,
        """SELECT id, opened_at, ends_at, lifetime_seconds FROM launches
           WHERE client_id = :client_id AND wanted = 'running' AND state IN ('queued', 'starting', 'running')
           ORDER BY id""",
        client_id=client_id,
    )


def list_ended(tx: Tx, limit: int) -> list[Ended]:
    """Live launches, at most `limit`, whose client's window or whose own time is over, or that nobody uses."""
    return tx.all(
        Ended,
        """SELECT l.id, CASE WHEN c.access_ends_at <= :now THEN 'window' WHEN l.ends_at <= :now THEN 'lifetime'
             ELSE 'idle' END AS cause, l.idle_reason
           FROM launches l LEFT JOIN clients c ON c.id = l.client_id
           WHERE l.state IN ('queued', 'starting', 'running', 'stopping') AND l.state <> 'stopping'
             AND l.wanted = 'running' AND (l.ends_at <= :now OR c.access_ends_at <= :now OR l.idle_at <= :now)
           ORDER BY l.ends_at LIMIT :limit""",
        now=tx.now,
        limit=limit,
    )


class _Next(msgspec.Struct, frozen=True):
    at: datetime | None


def next_end(tx: Tx) -> float | None:
    """In how many seconds the next launch is over, 0 or less when one is over already; None when none lives."""
    found = tx.one(
        _Next,
        """SELECT min(CASE WHEN idle_at < ends_at THEN idle_at ELSE ends_at END) AS at FROM (
             SELECT l.idle_at,
               CASE WHEN c.access_ends_at < l.ends_at THEN c.access_ends_at ELSE l.ends_at END AS ends_at
             FROM launches l LEFT JOIN clients c ON c.id = l.client_id
             WHERE l.state IN ('queued', 'starting', 'running', 'stopping') AND l.state <> 'stopping'
               AND l.wanted = 'running') AS live""",
    )
    return None if found is None or found.at is None else (found.at - tx.now).total_seconds()


def set_lifetime(tx: Tx, launch_id: str, lifetime_seconds: int, ends_at: datetime) -> None:
    tx.run(
        "UPDATE launches SET lifetime_seconds = :seconds, ends_at = :ends_at, updated_at = :now WHERE id = :id",
        id=launch_id,
        seconds=lifetime_seconds,
        ends_at=ends_at,
        now=tx.now,
    )


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds how long a launch may be prolonged: its demo, and the window of its client."""

    opened_at: datetime
    lifetime_seconds: int
    demo_lifetime_seconds: int
    longest_seconds: int
    window_ends_at: datetime | None


def find_extension(tx: Tx, launch_id: str) -> Extension | None:
    return tx.one(
        Extension,
        """SELECT l.opened_at, l.lifetime_seconds, d.lifetime_seconds AS demo_lifetime_seconds, d.longest_seconds,
             c.access_ends_at AS window_ends_at
           FROM launches l JOIN demos d ON d.id = l.demo_id LEFT JOIN clients c ON c.id = l.client_id
           WHERE l.id = :id""",
        id=launch_id,
    )
