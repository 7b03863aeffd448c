"""The SQL of what edges and launchers watch: whole tables for a snapshot, single rows for what a fact names.

Also the epoch and the installation's name in `settings`, and the leases in `edges` and `launchers`.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ecatalog.demos.model import VISITOR_KEY
from ecatalog.kit.db import Tx
from ecatalog_client.types.containers import CopySpec
from ecatalog_client.types.launches import LaunchKind
from ecatalog_client.types.serving import (
    EngineStatus,
    ServedClient,
    ServedDemo,
    ServedGrant,
    ServedLaunch,
    ServedSession,
    WantedLaunch,
)

_ANY_LAUNCH = """SELECT id, label, demo_id, client_id, user_id, wanted, state, reason,
    coalesce(upstream, '') AS upstream, attempt = 0 AND upstream IS NOT NULL AS is_elsewhere, ends_at
  FROM launches WHERE"""
_LAUNCHES = f"{_ANY_LAUNCH} state IN ('queued', 'starting', 'running', 'stopping')"

_CLIENTS = """SELECT c.id, c.access_starts_at AS starts_at, c.access_ends_at AS ends_at,
    c.revoked_at IS NOT NULL AS is_revoked,
    coalesce(u.full_name, '') AS contact_name, coalesce(u.email, '') AS contact_email,
    c.name, c.company, c.locale
  FROM clients c LEFT JOIN users u ON u.id = c.owner_id"""

_GRANTS = "SELECT client_id, demo_id FROM client_demo_access WHERE revoked_at IS NULL"

# A demo that drains is served on: what runs of it goes on to its end, and opening looks at the true status.
_DEMOS = """SELECT id, name, CASE WHEN drains = 1 THEN 'active' ELSE status END AS status, demo_url,
  is_metered, environment
  FROM demos WHERE (status <> 'removed' OR drains = 1)"""

_SESSIONS = """SELECT s.id, s.client_id, s.user_id, coalesce(u.full_name, '') AS user_name, s.expires_at
  FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE s.expires_at > :now"""

# A user who opens is told to the demo by name; whose company it is, the demo knows.
_WANTED = """SELECT l.id, l.attempt, l.wanted, l.state, l.reason, l.phases, l.updated_at, l.label, l.demo_id, l.kind,
    l.admitted_at IS NOT NULL AS is_admitted, l.spec_hash, s.spec,
    coalesce(c.name, u.full_name, '') AS visitor_name, coalesce(c.company, '') AS visitor_company,
    coalesce(c.locale, '') AS visitor_locale
  FROM launches l LEFT JOIN launch_specs s ON s.hash = l.spec_hash LEFT JOIN clients c ON c.id = l.client_id
    LEFT JOIN users u ON u.id = l.user_id
  WHERE l.state IN ('queued', 'starting', 'running', 'stopping')"""


def list_served_launches(tx: Tx) -> list[ServedLaunch]:
    return tx.all(ServedLaunch, _LAUNCHES)


def find_served_launch(tx: Tx, launch_id: str) -> ServedLaunch | None:
    """One that is final too: edges say why it is not served any more."""
    return tx.one(ServedLaunch, f"{_ANY_LAUNCH} id = :id", id=launch_id)


def list_served_clients(tx: Tx) -> list[ServedClient]:
    return tx.all(ServedClient, _CLIENTS)


def find_served_client(tx: Tx, client_id: str) -> ServedClient | None:
    return tx.one(ServedClient, f"{_CLIENTS} WHERE c.id = :id", id=client_id)


def list_clients_of_owner(tx: Tx, user_id: str) -> list[str]:
    """The clients whose contact is this user."""
    return [str(row["id"]) for row in tx.rows("SELECT id FROM clients WHERE owner_id = :id", id=user_id)]


def list_sessions_of_user(tx: Tx, user_id: str) -> list[str]:
    """The sessions that carry the name of this user."""
    return [str(row["id"]) for row in tx.rows("SELECT id FROM sessions WHERE user_id = :id", id=user_id)]


def list_served_grants(tx: Tx) -> list[ServedGrant]:
    return tx.all(ServedGrant, _GRANTS)


def find_served_grant(tx: Tx, client_id: str, demo_id: str) -> ServedGrant | None:
    """None for one that was withdrawn."""
    return tx.one(
        ServedGrant,
        f"{_GRANTS} AND client_id = :client_id AND demo_id = :demo_id",
        client_id=client_id,
        demo_id=demo_id,
    )


class _DemoRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    status: Literal["draft", "active", "maintenance", "removed"]
    demo_url: str
    is_metered: bool
    environment: dict[str, str]

    def as_served(self) -> ServedDemo:
        """Of its environment edges get the one key that they sign with."""
        values: dict[str, Any] = msgspec.structs.asdict(self)
        return ServedDemo(visitor_key=values.pop("environment").get(VISITOR_KEY, ""), **values)


def list_served_demos(tx: Tx) -> list[ServedDemo]:
    return [row.as_served() for row in tx.all(_DemoRow, _DEMOS)]


def find_served_demo(tx: Tx, demo_id: str) -> ServedDemo | None:
    """None for one that was removed."""
    row = tx.one(_DemoRow, f"{_DEMOS} AND id = :id", id=demo_id)
    return None if row is None else row.as_served()


def list_served_sessions(tx: Tx) -> list[ServedSession]:
    return tx.all(ServedSession, _SESSIONS, now=tx.now)


def find_served_session(tx: Tx, session_id: str) -> ServedSession | None:
    """None for one that has ended."""
    return tx.one(ServedSession, f"{_SESSIONS} AND s.id = :id", now=tx.now, id=session_id)


class _WantedRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    attempt: int
    wanted: str
    state: str
    reason: str
    phases: dict[str, datetime]
    updated_at: datetime
    label: str
    demo_id: str
    kind: LaunchKind
    is_admitted: bool
    spec_hash: str
    spec: CopySpec | None
    visitor_name: str
    visitor_company: str
    visitor_locale: str

    def as_wanted(self) -> WantedLaunch:
        """Where the state was entered with a phase of another name, the last change stands for its instant.

        Whose a copy is goes only where it is told to a demo that asked.
        """
        values: dict[str, Any] = msgspec.structs.asdict(self)
        phases, updated_at, spec = values.pop("phases"), values.pop("updated_at"), values.pop("spec")
        is_told = spec is not None and self.kind == "open" and bool(spec.claim_path)
        if not is_told:
            values |= {"visitor_name": "", "visitor_company": "", "visitor_locale": ""}
        return WantedLaunch(
            state_since=phases.get(self.state, updated_at),
            containers=spec.containers if spec else [],
            port=spec.port if spec else 0,
            claim_path=spec.claim_path if spec and is_told else "",
            **values,
        )


def list_wanted_launches(tx: Tx) -> list[WantedLaunch]:
    return [row.as_wanted() for row in tx.all(_WantedRow, _WANTED)]


def find_wanted_launch(tx: Tx, launch_id: str) -> WantedLaunch | None:
    """None for one that is final."""
    row = tx.one(_WantedRow, f"{_WANTED} AND l.id = :id", id=launch_id)
    return None if row is None else row.as_wanted()


def list_live_launches_of_demo(tx: Tx, demo_id: str) -> list[str]:
    found = tx.rows(
        """SELECT id FROM launches
           WHERE demo_id = :demo_id AND state IN ('queued', 'starting', 'running', 'stopping')""",
        demo_id=demo_id,
    )
    return [str(row["id"]) for row in found]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact, as far as it names rows."""

    kind: str
    client_id: str | None
    demo_id: str | None
    details: dict[str, Any]


def list_facts(tx: Tx, since: int, limit: int) -> list[Fact]:
    """At most `limit` facts after the position, in order."""
    return tx.all(
        Fact,
        """SELECT kind, client_id, demo_id, details FROM audit_log
           WHERE position > :since ORDER BY position LIMIT :limit""",
        since=since,
        limit=limit,
    )


def find_setting(tx: Tx, key: str) -> str | None:
    found = tx.value("SELECT value FROM settings WHERE key = :key", key=key)
    return None if found is None else str(found)


def add_setting(tx: Tx, key: str, value: str) -> None:
    """Keeps the value that is there."""
    tx.run(
        "INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now) ON CONFLICT DO NOTHING",
        key=key,
        value=value,
        now=tx.now,
    )


def replace_setting(tx: Tx, key: str, *, was: str, value: str) -> int:
    """0 when it is no longer what it was."""
    return tx.run(
        "UPDATE settings SET value = :value, updated_at = :now WHERE key = :key AND value = :was",
        key=key,
        was=was,
        value=value,
        now=tx.now,
    )


class EdgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """An edge, how far it had come when it got its lease, and until when that lasts."""

    id: str
    acked_position: int
    lease_until: datetime


def list_edges(tx: Tx) -> list[EdgeRow]:
    """Those whose lease lives."""
    return tx.all(EdgeRow, "SELECT id, acked_position, lease_until FROM edges WHERE lease_until > :now", now=tx.now)


def save_edge(tx: Tx, edge: EdgeRow) -> None:
    tx.run(
        """INSERT INTO edges (id, acked_position, lease_until) VALUES (:id, :acked_position, :lease_until)
           ON CONFLICT (id) DO UPDATE SET acked_position = :acked_position, lease_until = :lease_until""",
        id=edge.id,
        acked_position=edge.acked_position,
        lease_until=edge.lease_until,
    )


def forget_edge(tx: Tx, edge_id: str) -> None:
    tx.run("DELETE FROM edges WHERE id = :id", id=edge_id)


def forget_lapsed_edges(tx: Tx, before: datetime) -> None:
    tx.run("DELETE FROM edges WHERE lease_until < :before", before=before)


def claim_engine(tx: Tx, launcher_id: str, engine: str, status: EngineStatus, lease_until: datetime) -> int:
    """1 when the launcher holds the engine now: it did before, or nobody else does."""
    return tx.run(
        """INSERT INTO launchers (id, engine, capacity, memory_mb, starts, lease_until)
           SELECT :id, :engine, :capacity, :memory_mb, :starts, :lease_until
           WHERE NOT EXISTS
             (SELECT 1 FROM launchers WHERE engine = :engine AND id <> :id AND lease_until > :now)
           ON CONFLICT (id) DO UPDATE
             SET engine = :engine, capacity = :capacity, memory_mb = :memory_mb, starts = :starts,
               lease_until = :lease_until""",
        id=launcher_id,
        engine=engine,
        capacity=status.capacity,
        memory_mb=status.memory_mb,
        starts=status.starts,
        lease_until=lease_until,
        now=tx.now,
    )


def who_holds(tx: Tx, engine: str) -> str | None:
    """The launcher whose lease of this engine lives."""
    found = tx.value(
        "SELECT id FROM launchers WHERE engine = :engine AND lease_until > :now", engine=engine, now=tx.now
    )
    return None if found is None else str(found)


def end_launcher_lease(tx: Tx, launcher_id: str) -> None:
    tx.run("DELETE FROM launchers WHERE id = :id", id=launcher_id)
