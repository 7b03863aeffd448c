"""The SQL of trials and checks: what is being tried, and what was found."""

from datetime import datetime
from typing import Any

import msgspec

from ecatalog.kit.db import Tx
from ecatalog_client.types.launches import Check


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is being tried."""

    launch_id: str
    demo_id: str
    changes: dict[str, Any]
    user_id: str | None
    created_at: datetime


def add_trial(tx: Tx, launch_id: str, demo_id: str, changes: dict[str, Any], user_id: str | None) -> None:
    tx.run(
        """INSERT INTO trials (launch_id, demo_id, changes, user_id, created_at)
           VALUES (:launch_id, :demo_id, :changes, :user_id, :now)""",
        launch_id=launch_id,
        demo_id=demo_id,
        changes=changes,
        user_id=user_id,
        now=tx.now,
    )


def find_trial(tx: Tx, launch_id: str) -> Trial | None:
    return tx.one(Trial, "SELECT * FROM trials WHERE launch_id = :id", id=launch_id)


def list_trials(tx: Tx, demo_id: str) -> list[Trial]:
    """The one that is under way, if there is one."""
    return tx.all(Trial, "SELECT * FROM trials WHERE demo_id = :id", id=demo_id)


def end_trial(tx: Tx, launch_id: str) -> None:
    tx.run("DELETE FROM trials WHERE launch_id = :id", id=launch_id)


def keep_check(tx: Tx, demo_id: str, launch_id: str, *, is_fine: bool, result: str) -> None:
    tx.run(
        """INSERT INTO demo_checks (demo_id, launch_id, is_fine, result, checked_at)
           VALUES (:demo_id, :launch_id, :is_fine, :result, :now)
           ON CONFLICT (demo_id) DO UPDATE SET launch_id = excluded.launch_id, is_fine = excluded.is_fine,
             result = excluded.result, checked_at = excluded.checked_at""",
        demo_id=demo_id,
        launch_id=launch_id,
        is_fine=int(is_fine),
        result=result,
        now=tx.now,
    )


def has_passed(tx: Tx, launch_id: str) -> bool:
    return tx.value("SELECT 1 FROM demo_checks WHERE launch_id = :id AND is_fine = 1", id=launch_id) is not None


def was_fine(tx: Tx, demo_id: str) -> bool | None:
    """What the last check found; None when there was none."""
    found = tx.value("SELECT is_fine FROM demo_checks WHERE demo_id = :id", id=demo_id)
    return None if found is None else bool(found)


def find_check(tx: Tx, demo_id: str) -> Check | None:
    """The last one, and the trial that is under way."""
    return tx.one(
        Check,
        """SELECT d.id AS demo_id, c.launch_id, c.is_fine, coalesce(c.result, '') AS result, c.checked_at,
             (SELECT t.launch_id FROM trials t WHERE t.demo_id = d.id) AS trial_launch_id
           FROM demos d LEFT JOIN demo_checks c ON c.demo_id = d.id WHERE d.id = :id""",
        id=demo_id,
    )


def list_due(tx: Tx, before: datetime, limit: int) -> list[str]:
    """The active demos of ours that were last checked before that, or never, and are not being checked now; none while
    access is on hold after a restore.
    """
    rows = tx.rows(
        """SELECT d.id FROM demos d LEFT JOIN demo_checks c ON c.demo_id = d.id
           WHERE NOT EXISTS (SELECT 1 FROM settings WHERE key = 'access_hold')
             AND d.status = 'active' AND (d.docker_image_id IS NOT NULL OR d.compose <> '')
             AND coalesce(c.checked_at, d.published_at, d.updated_at) < :before
             AND NOT EXISTS (SELECT 1 FROM launches l WHERE l.demo_id = d.id AND l.kind IN ('check', 'trial')
               AND l.state IN ('queued', 'starting', 'running', 'stopping'))
           ORDER BY coalesce(c.checked_at, d.updated_at) LIMIT :limit""",
        before=before,
        limit=limit,
    )
    return [str(row["id"]) for row in rows]
