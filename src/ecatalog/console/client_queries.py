"""The SQL of the console's tables of clients: found, sorted and counted; and what one client did of late."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ecatalog.kit.db import Tx

Sort = Literal["name", "company", "ends", "newest"]


class ClientLine(msgspec.Struct, frozen=True, kw_only=True):
    """A client as a line of a table."""

    id: str
    name: str
    email: str
    company: str
    access_status: str
    access_starts_at: datetime
    access_ends_at: datetime
    timezone: str
    owner_id: str | None
    owner_name: str | None
    demos: int
    last_use: datetime | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which clients. Empty texts ask for everything; `like` is a pattern of folded words."""

    like: str = ""
    status: str = ""
    owner_id: str = ""
    ending_before: datetime | None = None


_FOUND = """SELECT * FROM (
     SELECT c.id, c.name, c.email, c.company, c.access_starts_at, c.access_ends_at, c.timezone, c.owner_id,
       c.name_folded, c.company_folded, CASE
         WHEN c.revoked_at IS NOT NULL THEN 'revoked'
         WHEN :now < c.access_starts_at THEN 'pending'
         WHEN :now < c.access_ends_at THEN 'active'
         ELSE 'expired' END AS access_status
     FROM clients c
     WHERE (:like = '' OR c.search LIKE :like ESCAPE '\\')
       AND (:owner_id = '' OR c.owner_id = :owner_id)
       AND (:any_end = 1 OR c.access_ends_at < :ending_before)) AS candidates
   WHERE (:status = '' OR access_status = :status) AND (:any_end = 1 OR access_status IN ('active', 'pending'))"""
_ORDERS: dict[Sort, str] = {
    "name": "found.name_folded, found.id",
    "company": "found.company_folded, found.name_folded, found.id",
    "ends": "found.access_ends_at, found.id",
    "newest": "found.id DESC",
}


def list_lines(tx: Tx, wanted: Wanted, *, sort: Sort, offset: int, limit: int) -> list[ClientLine]:
    """A page of the table. What is only shown is looked up for the lines of the page alone."""
    order = _ORDERS[sort]
    return tx.all(
        ClientLine,
        f"""SELECT found.*, u.full_name AS owner_name,
             (SELECT count(*) FROM client_demo_access a WHERE a.client_id = found.id AND a.revoked_at IS NULL) AS demos,
             (SELECT max(d.last_at) FROM usage_daily d WHERE d.client_id = found.id) AS last_use
           FROM (SELECT * FROM ({_FOUND}) AS found ORDER BY {order} LIMIT :limit OFFSET :offset) AS found
           LEFT JOIN users u ON u.id = found.owner_id
           ORDER BY {order}""",  # noqa: S608 - constants of this module
        **_params(tx, wanted),
        limit=limit,
        offset=offset,
    )


def count_lines(tx: Tx, wanted: Wanted) -> int:
    sql = f"SELECT count(*) FROM ({_FOUND}) AS found"  # noqa: S608 - constants of this module
    return int(tx.value(sql, **_params(tx, wanted)) or 0)


def _params(tx: Tx, wanted: Wanted) -> dict[str, Any]:
    return {
        "now": tx.now,
        "like": wanted.like,
        "status": wanted.status,
        "owner_id": wanted.owner_id,
        "any_end": int(wanted.ending_before is None),
        "ending_before": wanted.ending_before or tx.now,
    }


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A user to whom clients may belong."""

    id: str
    full_name: str


def list_owners(tx: Tx) -> list[Owner]:
    return tx.all(
        Owner, "SELECT id, full_name FROM users WHERE role IN ('admin', 'sales') ORDER BY full_name, id LIMIT 200"
    )


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with the names of whom and what it is about; `actor_name` of a person, else the bare actor."""

    position: int
    at: datetime
    actor: str
    actor_name: str | None
    kind: str
    demo_id: str | None
    demo_name: str | None
    details: dict[str, Any]


def list_happened(tx: Tx, client_id: str, limit: int) -> list[Happened]:
    """What happened to and by a client, newest first, without the steps of its launches."""
    return tx.all(
        Happened,
        """SELECT f.position, f.at, f.actor, coalesce(u.full_name, c.name) AS actor_name, f.kind, f.demo_id,
             d.name AS demo_name, f.details
           FROM audit_log f
             LEFT JOIN users u ON f.actor = u.role || ':' || u.id
             LEFT JOIN clients c ON c.id = f.client_id AND f.actor = 'client:' || c.id
             LEFT JOIN demos d ON d.id = f.demo_id
           WHERE f.client_id = :client_id
             AND f.kind NOT IN ('launch.moved', 'launch.admitted', 'launch.stopping', 'session.refreshed')
           ORDER BY f.position DESC LIMIT :limit""",
        client_id=client_id,
        limit=limit,
    )


class LiveLine(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that somebody has open now. `is_idle` when nothing was used in it for two minutes."""

    id: str
    demo_id: str
    demo_name: str
    client_id: str | None
    person: str | None
    company: str | None
    owner_id: str | None
    state: str
    wanted: str
    phase: str
    opened_at: datetime
    ends_at: datetime
    idle_at: datetime | None
    idle_seconds: int
    longest_seconds: int


def list_live(tx: Tx, limit: int, *, client_id: str = "") -> list[LiveLine]:
    """What people have open now, of one client or of all, the newest first."""
    return tx.all(
        LiveLine,
        """SELECT l.id, l.demo_id, d.name AS demo_name, l.client_id, coalesce(c.name, u.full_name) AS person, c.company,
             c.owner_id, l.state, l.wanted, l.phase, coalesce(l.opened_at, l.created_at) AS opened_at, l.ends_at,
             l.idle_at, d.idle_seconds, d.longest_seconds
           FROM launches l JOIN demos d ON d.id = l.demo_id
             LEFT JOIN clients c ON c.id = l.client_id LEFT JOIN users u ON u.id = l.user_id
           WHERE l.state IN ('queued', 'starting', 'running', 'stopping') AND l.kind = 'open'
             AND (:client_id = '' OR l.client_id = :client_id)
           ORDER BY l.id DESC LIMIT :limit""",
        client_id=client_id,
        limit=limit,
    )


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """How many copies people have open, and the last change of one: different as soon as a table of them would be."""

    open: int
    changed_at: datetime | None


def find_pulse(tx: Tx) -> Pulse:
    found = tx.one(
        Pulse,
        """SELECT count(*) AS open, max(updated_at) AS changed_at FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') AND kind = 'open'""",
    )
    return found or Pulse(open=0, changed_at=None)
