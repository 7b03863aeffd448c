"""All SQL that writes `usage_analytics`, and its sums in `usage_daily` and `usage_days`."""

from datetime import UTC, datetime
from typing import Any

from ecatalog.kit.db import Tx
from ecatalog.usage.model import Event, Sums


def add_event(
    tx: Tx,
    event: Event,
    at: datetime,
    *,
    client_id: str,
    demo_id: str | None,
    launch_id: str | None,
    seconds: int,
    details: dict[str, Any],
) -> None:
    tx.run(
        """INSERT INTO usage_analytics (client_id, demo_id, event_type, timestamp, launch_id,
             seconds, details)
           VALUES (:client_id, :demo_id, :event, :at, :launch_id, :seconds, :details)""",
        client_id=client_id,
        demo_id=demo_id,
        event=event,
        at=at,
        launch_id=launch_id,
        seconds=seconds,
        details=details,
    )


def remove_event(tx: Tx, event_id: int) -> int:
    return tx.run("DELETE FROM usage_analytics WHERE id = :id", id=event_id)


def find_seconds(tx: Tx, launch_id: str, minute: int) -> int:
    """The active seconds of that minute that are known, a bit each."""
    found = tx.value(
        "SELECT seconds FROM active_minutes WHERE launch_id = :launch_id AND minute = :minute",
        launch_id=launch_id,
        minute=minute,
    )
    return int(found or 0)


def set_seconds(tx: Tx, launch_id: str, minute: int, seconds: int) -> None:
    tx.run(
        """INSERT INTO active_minutes (launch_id, minute, seconds) VALUES (:launch_id, :minute, :seconds)
           ON CONFLICT (launch_id, minute) DO UPDATE SET seconds = excluded.seconds""",
        launch_id=launch_id,
        minute=minute,
        seconds=seconds,
    )


def remove_old_minutes(tx: Tx, before: int, limit: int) -> int:
    """Removes at most `limit` minutes before that one; how many they were."""
    return tx.run(
        """DELETE FROM active_minutes WHERE (launch_id, minute) IN (
             SELECT launch_id, minute FROM active_minutes WHERE minute < :before ORDER BY minute LIMIT :limit)""",
        before=before,
        limit=limit,
    )


def add_to_day(tx: Tx, sums: Sums, at: datetime, *, client_id: str, demo_id: str | None) -> None:
    """Adds to the UTC day of `at`: the client's, and that of all clients together.

    What belongs to no demo is kept under the empty demo.
    """
    about = {"demo_id": demo_id or "", "day": at.astimezone(UTC).date().isoformat(), "at": at}
    about |= {"opens": sums.opens, "active_seconds": sums.active_seconds}
    about |= {"logins": sums.logins, "failures": sums.failures}
    tx.run(
        """INSERT INTO usage_daily
             (client_id, demo_id, day, opens, active_seconds, logins, failures, first_at, last_at)
           VALUES (:client_id, :demo_id, :day, :opens, :active_seconds, :logins, :failures, :at, :at)
           ON CONFLICT (client_id, demo_id, day) DO UPDATE SET
             opens = usage_daily.opens + excluded.opens,
             active_seconds = usage_daily.active_seconds + excluded.active_seconds,
             logins = usage_daily.logins + excluded.logins,
             failures = usage_daily.failures + excluded.failures,
             first_at = CASE WHEN excluded.first_at < usage_daily.first_at
               THEN excluded.first_at ELSE usage_daily.first_at END,
             last_at = CASE WHEN excluded.last_at > usage_daily.last_at
               THEN excluded.last_at ELSE usage_daily.last_at END""",
        client_id=client_id,
        **about,
    )
    tx.run(
        """INSERT INTO usage_days (day, demo_id, opens, active_seconds, logins, failures, first_at, last_at)
           VALUES (:day, :demo_id, :opens, :active_seconds, :logins, :failures, :at, :at)
           ON CONFLICT (day, demo_id) DO UPDATE SET
             opens = usage_days.opens + excluded.opens,
             active_seconds = usage_days.active_seconds + excluded.active_seconds,
             logins = usage_days.logins + excluded.logins,
             failures = usage_days.failures + excluded.failures,
             first_at = CASE WHEN excluded.first_at < usage_days.first_at
               THEN excluded.first_at ELSE usage_days.first_at END,
             last_at = CASE WHEN excluded.last_at > usage_days.last_at
               THEN excluded.last_at ELSE usage_days.last_at END""",
        **about,
    )
