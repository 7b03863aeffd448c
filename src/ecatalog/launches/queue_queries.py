"""The SQL of the queue: the engine, who has a place in it, who waits, and how long starts take."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx
from ecatalog.launches.queue import Engine, Placed, Waiting


def find_engine(tx: Tx) -> Engine | None:
    """What the active launcher has; None while there is none, or it has not said yet."""
    return tx.one(
        Engine,
        """SELECT capacity, memory_mb, starts FROM launchers
           WHERE lease_until > :now AND capacity > 0 AND starts > 0 ORDER BY capacity DESC LIMIT 1""",
        now=tx.now,
    )


def has_waiting(tx: Tx) -> bool:
    found = tx.value(
        """SELECT created_at FROM launches
           WHERE state = 'queued' AND admitted_at IS NULL AND wanted = 'running' ORDER BY created_at LIMIT 1"""
    )
    return found is not None


def list_waiting(tx: Tx, limit: int = 1000) -> list[Waiting]:
    """The launches without a place, oldest first."""
    return tx.all(
        Waiting,
        """SELECT l.id, l.demo_id, coalesce(l.client_id, l.user_id, '') AS person, l.kind, l.memory_mb, d.max_copies,
             l.created_at
           FROM launches l JOIN demos d ON d.id = l.demo_id
           WHERE l.state = 'queued' AND l.admitted_at IS NULL AND l.wanted = 'running'
           ORDER BY l.created_at LIMIT :limit""",
        limit=limit,
    )


def list_placed(tx: Tx) -> list[Placed]:
    """The launches that have a place, until they are final."""
    return tx.all(
        Placed,
        """SELECT id, demo_id, coalesce(client_id, user_id, '') AS person, kind, state, memory_mb, admitted_at, ends_at
           FROM launches
           WHERE admitted_at IS NOT NULL AND state IN ('queued', 'starting', 'running', 'stopping')""",
    )


def set_admitted(tx: Tx, launch_id: str, starting_at_once: int) -> None:
    tx.run(
        "UPDATE launches SET admitted_at = :now, starting_at_once = :at_once, updated_at = :now WHERE id = :id",
        id=launch_id,
        at_once=starting_at_once,
        now=tx.now,
    )


def find_warm_to_spare(tx: Tx) -> str | None:
    """A warm copy that nobody has reserved, of the demo that has most of them; none while another one is going."""
    found = tx.value(
        """SELECT id FROM launches w
           WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running')
             AND reserved_for IS NULL
             AND NOT EXISTS (SELECT 1 FROM launches g WHERE g.kind = 'warm' AND g.wanted = 'stopped'
               AND g.state IN ('queued', 'starting', 'running', 'stopping'))
           ORDER BY (SELECT count(*) FROM launches o WHERE o.kind = 'warm' AND o.wanted = 'running'
             AND o.state IN ('queued', 'starting', 'running') AND o.demo_id = w.demo_id) DESC, id LIMIT 1"""
    )
    return None if found is None else str(found)


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    phases: dict[str, datetime]
    starting_at_once: int


def list_recent_starts(tx: Tx, demo_id: str, limit: int) -> list[tuple[float, int]]:
    """How many seconds the demo's last copies took from their place to running, and how many started at once."""
    rows = tx.all(
        _Start,
        """SELECT phases, starting_at_once FROM launches WHERE demo_id = :demo_id AND admitted_at IS NOT NULL
             AND state IN ('running', 'stopping', 'stopped')
           ORDER BY id DESC LIMIT :limit""",
        demo_id=demo_id,
        limit=limit,
    )
    return [
        ((row.phases["running"] - row.phases["starting"]).total_seconds(), row.starting_at_once)
        for row in rows
        if "running" in row.phases and "starting" in row.phases
    ]
