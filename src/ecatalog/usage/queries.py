"""All SQL that writes `usage_analytics` and `usage_daily`."""

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


def add_to_day(tx: Tx, sums: Sums, at: datetime, *, client_id: str, demo_id: str | None) -> None:
    """Adds to the UTC day of `at`; what belongs to no demo is kept under the empty demo."""
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
        demo_id=demo_id or "",
        day=at.astimezone(UTC).date().isoformat(),
        opens=sums.opens,
        active_seconds=sums.active_seconds,
        logins=sums.logins,
        failures=sums.failures,
        at=at,
    )
