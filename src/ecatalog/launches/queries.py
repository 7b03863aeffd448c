"""The SQL of launches as people open, follow and stop them.

What edges and launchers watch is in serving_queries.
"""

from datetime import datetime

import msgspec

from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.launches.model import LaunchRow, Opening
from ecatalog.launches.specs import LaunchSettings, NamedSpec
from ecatalog_client.types.launches import Launch

# What looks at all live launches names the states as the index `launches_live` does: with fewer of them SQLite does not
# see that the index holds what is asked for, and reads the history of all launches.

# Opening asks two questions, not one: joined to the live copy the same rows took 28 µs instead of 11, because a
# join does not know that the partial index implies its conditions.


def client_opening(tx: Tx, client_id: str, demo_id: str) -> Opening | None:
    """What decides whether the client may open the demo; None when one of them does not exist."""
    return tx.one(
        Opening,
        """SELECT d.status AS demo_status, d.status_reason AS demo_status_reason,
             EXISTS (SELECT 1 FROM client_demo_access a
               WHERE a.client_id = :client_id AND a.demo_id = :demo_id AND a.revoked_at IS NULL) AS is_granted,
             c.revoked_at IS NOT NULL AS is_revoked,
             EXISTS (SELECT 1 FROM settings WHERE key = 'access_hold') AS is_on_hold,
             c.access_starts_at AS window_starts_at, c.access_ends_at AS window_ends_at, c.timezone
           FROM clients c JOIN demos d ON d.id = :demo_id
           WHERE c.id = :client_id""",
        client_id=client_id,
        demo_id=demo_id,
    )


def user_opening(tx: Tx, demo_id: str) -> Opening | None:
    """The same for any user."""
    return tx.one(
        Opening,
        "SELECT status AS demo_status, status_reason AS demo_status_reason FROM demos WHERE id = :demo_id",
        demo_id=demo_id,
    )


def find_client_copy(tx: Tx, client_id: str, demo_id: str) -> Launch | None:
    """The client's live copy of the demo."""
    return tx.one(
        Launch,
        """SELECT id, demo_id, client_id, user_id, kind, wanted, state, phase, reason, phases, progress, idle_at,
             idle_reason, ends_at, created_at, updated_at
           FROM launches
           WHERE client_id = :client_id AND demo_id = :demo_id AND kind = 'open' AND wanted = 'running'
             AND state IN ('queued', 'starting', 'running')""",
        client_id=client_id,
        demo_id=demo_id,
    )


def find_user_copy(tx: Tx, user_id: str, demo_id: str) -> Launch | None:
    """The user's live copy of the demo."""
    return tx.one(
        Launch,
        """SELECT id, demo_id, client_id, user_id, kind, wanted, state, phase, reason, phases, progress, idle_at,
             idle_reason, ends_at, created_at, updated_at
           FROM launches
           WHERE user_id = :user_id AND demo_id = :demo_id AND kind = 'open' AND wanted = 'running'
             AND state IN ('queued', 'starting', 'running')""",
        user_id=user_id,
        demo_id=demo_id,
    )


def settings_of(tx: Tx, demo_id: str) -> LaunchSettings | None:
    return tx.one(
        LaunchSettings,
        """SELECT d.demo_url, d.docker_image_id, i.image_name, i.image_tag, i.registry_url, i.digest, d.containers,
             d.port, d.environment, d.cpu, d.memory_mb, d.tmpfs, d.run_as, d.claim_path, d.max_copies,
             d.lifetime_seconds
           FROM demos d LEFT JOIN docker_images i ON i.id = d.docker_image_id WHERE d.id = :id""",
        id=demo_id,
    )


def count_live(tx: Tx, client_id: str) -> int:
    """How many copies the client has open, over all demos."""
    return int(
        tx.value(
            """SELECT count(*) FROM launches WHERE client_id = :client_id AND kind = 'open'
                 AND wanted = 'running' AND state IN ('queued', 'starting', 'running')""",
            client_id=client_id,
        )
    )


def count_live_of_demo(tx: Tx, demo_id: str) -> int:
    """How many copies of the demo are wanted now, whoever has them open."""
    return int(
        tx.value(
            """SELECT count(*) FROM launches WHERE demo_id = :demo_id AND wanted = 'running'
                 AND state IN ('queued', 'starting', 'running')""",
            demo_id=demo_id,
        )
    )


def keep_spec(tx: Tx, spec: NamedSpec) -> None:
    tx.run(
        "INSERT INTO launch_specs (hash, spec, created_at) VALUES (:hash, :spec, :now) ON CONFLICT DO NOTHING",
        hash=spec.hash,
        spec=spec.text,
        now=tx.now,
    )


def add_launch(
    tx: Tx, row: LaunchRow, *, spec: NamedSpec, lifetime_seconds: int, reserved_for: str | None = None
) -> int:
    """0 when the person has a live copy of this demo already: the unique indexes let one in."""
    return tx.run(
        """INSERT INTO launches (id, demo_id, client_id, user_id, kind, wanted, state, phase, label, upstream,
             spec_hash, memory_mb, phases, reserved_for, lifetime_seconds, ends_at, opened_at, created_at, updated_at)
           VALUES (:id, :demo_id, :client_id, :user_id, :kind, :wanted, :state, :phase, :label, :upstream,
             :spec_hash, :memory_mb, :phases, :reserved_for, :lifetime_seconds, :ends_at, :now, :now, :now)
           ON CONFLICT DO NOTHING""",
        id=row.id,
        demo_id=row.demo_id,
        client_id=row.client_id,
        user_id=row.user_id,
        kind=row.kind,
        wanted=row.wanted,
        state=row.state,
        phase=row.phase,
        label=row.label,
        upstream=row.upstream,
        spec_hash=spec.hash,
        memory_mb=spec.memory_mb,
        reserved_for=reserved_for,
        lifetime_seconds=lifetime_seconds,
        phases=_texts(row.phases),
        ends_at=row.ends_at,
        now=tx.now,
    )


def _texts(phases: dict[str, datetime]) -> dict[str, str]:
    """The instants as the texts that all our JSON keeps."""
    return {name: to_text(at) for name, at in phases.items()}


def find_launch(tx: Tx, launch_id: str) -> Launch | None:
    return tx.one(Launch, "SELECT * FROM launches WHERE id = :id", id=launch_id)


def find_row(tx: Tx, launch_id: str) -> LaunchRow | None:
    return tx.one(LaunchRow, "SELECT * FROM launches WHERE id = :id", id=launch_id)


def log_of(tx: Tx, launch_id: str) -> str:
    """The last lines that the copy wrote, when it failed."""
    return str(tx.value("SELECT log_tail FROM launches WHERE id = :id", id=launch_id) or "")


def list_launches(tx: Tx, *, state: str, before: str, limit: int) -> list[Launch]:
    """At most `limit` launches, newest first, before that id; an empty state asks for every one."""
    return tx.all(
        Launch,
        """SELECT * FROM launches WHERE id < :before AND (:state = '' OR state = :state)
           ORDER BY id DESC LIMIT :limit""",
        state=state,
        before=before,
        limit=limit,
    )


def list_unfinished_launches(tx: Tx, *, state: str, before: str, limit: int) -> list[Launch]:
    """The same for a state that a launch leaves again: an index holds these few among the many."""
    return tx.all(
        Launch,
        """SELECT * FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') AND state = :state AND id < :before
           ORDER BY id DESC LIMIT :limit""",
        state=state,
        before=before,
        limit=limit,
    )


def list_demo_launches(tx: Tx, demo_id: str, *, state: str, before: str, limit: int) -> list[Launch]:
    """The same of one demo."""
    return tx.all(
        Launch,
        """SELECT * FROM launches WHERE demo_id = :demo_id AND id < :before AND (:state = '' OR state = :state)
           ORDER BY id DESC LIMIT :limit""",
        demo_id=demo_id,
        state=state,
        before=before,
        limit=limit,
    )


def list_client_launches(tx: Tx, client_id: str, *, demo_id: str, state: str, before: str, limit: int) -> list[Launch]:
    """The same of one client."""
    return tx.all(
        Launch,
        """SELECT * FROM launches
           WHERE client_id = :client_id AND id < :before
             AND (:demo_id = '' OR demo_id = :demo_id) AND (:state = '' OR state = :state)
           ORDER BY id DESC LIMIT :limit""",
        client_id=client_id,
        demo_id=demo_id,
        state=state,
        before=before,
        limit=limit,
    )


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about taking in the use of a launch."""

    id: str
    client_id: str | None
    demo_id: str
    kind: str
    is_live: bool
    idle_at: datetime | None
    idle_seconds: int
    created_at: datetime
    ends_at: datetime


def find_used(tx: Tx, launch_id: str) -> Used | None:
    return tx.one(
        Used,
        """SELECT l.id, l.client_id, l.demo_id, l.kind, l.state = 'running' AND l.wanted = 'running' AS is_live,
             l.idle_at, d.idle_seconds, l.created_at, l.ends_at
           FROM launches l JOIN demos d ON d.id = l.demo_id WHERE l.id = :id""",
        id=launch_id,
    )


def set_idle(tx: Tx, launch_id: str, at: datetime, reason: str) -> None:
    """Neither edges nor launchers follow this: it is no move, and tells nobody."""
    tx.run(
        "UPDATE launches SET idle_at = :at, idle_reason = :reason WHERE id = :id", id=launch_id, at=at, reason=reason
    )
    tx.touch("launches")


def postpone_idle(tx: Tx, until: datetime) -> int:
    """Nothing is idle before that; how many would have been."""
    return tx.run(
        """UPDATE launches SET idle_at = :until
           WHERE state IN ('queued', 'starting', 'running', 'stopping') AND idle_at < :until""",
        until=until,
    )


def list_wanted(tx: Tx, *, client_id: str | None, user_id: str | None, demo_id: str | None) -> list[LaunchRow]:
    """The live launches that should run, of this client, user or demo."""
    return tx.all(
        LaunchRow,
        """SELECT * FROM launches
           WHERE state IN ('queued', 'starting', 'running', 'stopping') AND state <> 'stopping' AND wanted = 'running'
             AND (:client_id = '' OR client_id = :client_id) AND (:user_id = '' OR user_id = :user_id)
             AND (:demo_id = '' OR demo_id = :demo_id)
           ORDER BY created_at, id""",
        client_id=client_id or "",
        user_id=user_id or "",
        demo_id=demo_id or "",
    )


def set_unwanted(tx: Tx, launch_id: str, reason: str) -> int:
    """1 when the launch was wanted until now."""
    return tx.run(
        """UPDATE launches SET wanted = 'stopped', reason = :reason, updated_at = :now
           WHERE id = :id AND wanted = 'running' AND state IN ('queued', 'starting', 'running')""",
        id=launch_id,
        reason=reason,
        now=tx.now,
    )


def move(tx: Tx, row: LaunchRow, moved: LaunchRow, *, progress: int, log_tail: str) -> int:
    """Makes the launch what `moved` says if it still is where `row` saw it; 0 when somebody was quicker."""
    return tx.run(
        """UPDATE launches SET state = :state, phase = :phase, attempt = :attempt, reason = :reason,
             upstream = :upstream, phases = :phases, progress = :progress,
             log_tail = CASE WHEN :log_tail = '' THEN log_tail ELSE :log_tail END, updated_at = :now
           WHERE id = :id AND state = :was AND attempt = :was_attempt""",
        id=row.id,
        was=row.state,
        was_attempt=row.attempt,
        state=moved.state,
        phase=moved.phase,
        attempt=moved.attempt,
        reason=moved.reason,
        upstream=moved.upstream,
        progress=progress,
        log_tail=log_tail,
        phases=_texts(moved.phases),
        now=tx.now,
    )


def has_live_session(tx: Tx, session_id: str) -> bool:
    return (
        tx.value("SELECT 1 FROM sessions WHERE id = :id AND expires_at > :now", id=session_id, now=tx.now) is not None
    )


def count_sessions_of(tx: Tx, *, client_id: str = "", user_id: str = "") -> int:
    """How many live sessions a client or user has."""
    return int(
        tx.value(
            """SELECT count(*) FROM sessions
               WHERE (client_id = :client_id OR user_id = :user_id) AND expires_at > :now""",
            client_id=client_id,
            user_id=user_id,
            now=tx.now,
        )
    )


def who_owns(tx: Tx, client_id: str) -> str | None:
    """The user who owns this client."""
    found = tx.value("SELECT owner_id FROM clients WHERE id = :id", id=client_id)
    return None if found is None else str(found)


def demo_url_of(tx: Tx, demo_id: str) -> str:
    return str(tx.value("SELECT demo_url FROM demos WHERE id = :id", id=demo_id))


class LastUse(msgspec.Struct, frozen=True):
    """When a client last used some demo."""

    at: datetime | None


def last_use_of(tx: Tx, client_id: str) -> datetime | None:
    """None for a client that has never opened a demo."""
    found = tx.one(
        LastUse,
        "SELECT max(last_at) AS at FROM usage_daily WHERE client_id = :client_id AND demo_id <> ''",
        client_id=client_id,
    )
    return found.at if found else None
