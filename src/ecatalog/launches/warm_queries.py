"""The SQL of warm copies: claiming them, counting them, and the plans by which they are kept."""

from datetime import datetime

import msgspec

from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.launches.model import LaunchRow


def find_ready(tx: Tx, demo_id: str, spec_hash: str, client_id: str | None) -> str | None:
    """A warm copy of exactly this definition that runs: one that is reserved for the client first, else the oldest."""
    found = tx.value(
        """SELECT id FROM launches
           WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running')
             AND state = 'running' AND demo_id = :demo_id AND spec_hash = :spec_hash
             AND (reserved_for IS NULL OR reserved_for = :client_id) AND ends_at > :now
           ORDER BY reserved_for IS NULL, id LIMIT 1""",
        demo_id=demo_id,
        spec_hash=spec_hash,
        client_id=client_id or "",
        now=tx.now,
    )
    return None if found is None else str(found)


def claim(tx: Tx, row: LaunchRow, lifetime_seconds: int) -> int:
    """Gives a warm copy to its person; 0 when it is not there to be given any more."""
    return tx.run(
        """UPDATE launches SET kind = 'open', client_id = :client_id, user_id = :user_id, state = :state,
             phase = :phase, phases = :phases, ends_at = :ends_at, lifetime_seconds = :lifetime_seconds,
             reserved_for = NULL, opened_at = :now, updated_at = :now
           WHERE id = :id AND kind = 'warm' AND wanted = 'running' AND state = 'running'""",
        id=row.id,
        client_id=row.client_id,
        user_id=row.user_id,
        state=row.state,
        phase=row.phase,
        phases={name: to_text(at) for name, at in row.phases.items()},
        ends_at=row.ends_at,
        lifetime_seconds=lifetime_seconds,
        now=tx.now,
    )


class WarmCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that is kept for whoever comes."""

    id: str
    demo_id: str
    state: str
    spec_hash: str
    reserved_for: str | None


def list_warm(tx: Tx) -> list[WarmCopy]:
    return tx.all(
        WarmCopy,
        """SELECT id, demo_id, state, spec_hash, reserved_for FROM launches
           WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running')
           ORDER BY demo_id, state""",
    )


class WarmDemo(msgspec.Struct, frozen=True, kw_only=True):
    """A demo of which copies are kept, or were: how many at any time, and whether it may run at all."""

    id: str
    status: str
    warm: int


def list_warm_demos(tx: Tx) -> list[WarmDemo]:
    """Those that ask for warm copies, have plans, or have copies left; none while access is on hold after a restore,
    for then nobody has looked yet at what they run.
    """
    return tx.all(
        WarmDemo,
        """SELECT id, status, warm FROM demos
           WHERE NOT EXISTS (SELECT 1 FROM settings WHERE key = 'access_hold')
             AND (warm > 0 OR id IN (SELECT demo_id FROM warm_plans) OR id IN (SELECT demo_id FROM launches
               WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running')))
           ORDER BY id""",
    )


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """One of a demo's last copies: how it ended, and when."""

    state: str
    updated_at: datetime
    reason: str


def list_last_outcomes(tx: Tx, demo_id: str, limit: int) -> list[Failures]:
    """How the demo's last copies ended, newest first, since it was published; trials of other definitions apart."""
    return tx.all(
        Failures,
        """SELECT l.state, l.updated_at, l.reason FROM launches l JOIN demos d ON d.id = l.demo_id
           WHERE l.demo_id = :demo_id AND l.state IN ('stopped', 'failed') AND l.attempt > 0 AND l.kind <> 'trial'
             AND (d.published_at IS NULL OR l.created_at >= d.published_at)
           ORDER BY l.id DESC LIMIT :limit""",
        demo_id=demo_id,
        limit=limit,
    )
