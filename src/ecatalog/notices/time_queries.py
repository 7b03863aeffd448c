"""All SQL on `notice_marks`, and finding what time has brought. A mark is claimed once; who claims it tells of it."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A client and an instant of its window; `at` is what the mark is for."""

    id: str
    at: datetime
    timezone: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A request without an answer."""

    id: str
    client_id: str
    at: datetime


def add_mark(tx: Tx, what: str, subject: str, at: datetime) -> int:
    """1 for whoever was first."""
    return tx.run(
        """INSERT INTO notice_marks (what, subject, at, created_at) VALUES (:what, :subject, :at, :now)
           ON CONFLICT (what, subject, at) DO NOTHING""",
        what=what,
        subject=subject,
        at=at,
        now=tx.now,
    )


def has_mark(tx: Tx, what: str, subject: str, at: datetime) -> bool:
    found = tx.value(
        "SELECT 1 FROM notice_marks WHERE what = :what AND subject = :subject AND at = :at",
        what=what,
        subject=subject,
        at=at,
    )
    return found is not None


def remove_old_marks(tx: Tx, before: datetime, limit: int) -> int:
    return tx.run(
        """DELETE FROM notice_marks WHERE (what, subject, at) IN (
             SELECT what, subject, at FROM notice_marks WHERE created_at < :before ORDER BY created_at LIMIT :limit)""",
        before=before,
        limit=limit,
    )


def list_started(tx: Tx, since: datetime, limit: int) -> list[Reached]:
    """Clients whose window has begun since then and is not over, and who were not told."""
    return tx.all(
        Reached,
        """SELECT c.id, c.access_starts_at AS at, c.timezone FROM clients c
           WHERE c.access_starts_at > :since AND c.access_starts_at <= :now AND c.access_ends_at > :now
             AND c.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM notice_marks m
               WHERE m.what = 'started' AND m.subject = c.id AND m.at = c.access_starts_at)
           ORDER BY c.access_starts_at LIMIT :limit""",
        since=since,
        now=tx.now,
        limit=limit,
    )


def list_ended(tx: Tx, since: datetime, limit: int) -> list[Reached]:
    """Clients whose window has ended since then, and who were not told."""
    return tx.all(
        Reached,
        """SELECT c.id, c.access_ends_at AS at, c.timezone FROM clients c
           WHERE c.access_ends_at > :since AND c.access_ends_at <= :now
             AND c.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM notice_marks m
               WHERE m.what = 'ended' AND m.subject = c.id AND m.at = c.access_ends_at)
           ORDER BY c.access_ends_at LIMIT :limit""",
        since=since,
        now=tx.now,
        limit=limit,
    )


def list_ending(tx: Tx, what: str, until: datetime) -> list[Reached]:
    """Clients inside their window, which ends until then, and who were not told."""
    return tx.all(
        Reached,
        """SELECT c.id, c.access_ends_at AS at, c.timezone FROM clients c
           WHERE c.access_ends_at > :now AND c.access_ends_at <= :until AND c.access_starts_at <= :now
             AND c.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM notice_marks m
               WHERE m.what = :what AND m.subject = c.id AND m.at = c.access_ends_at)
           ORDER BY c.access_ends_at""",
        what=what,
        until=until,
        now=tx.now,
    )


def is_as_it_was(tx: Tx, what: str, reached: Reached) -> bool:
    """Whether the instant that was found is still the client's, and its access was not revoked."""
    found = tx.value(
        """SELECT 1 FROM clients WHERE id = :id AND revoked_at IS NULL
             AND CASE WHEN :what = 'started' THEN access_starts_at ELSE access_ends_at END = :at""",
        id=reached.id,
        what=what,
        at=reached.at,
    )
    return found is not None


def list_waiting(tx: Tx, what: str, before: datetime, limit: int) -> list[Waiting]:
    """Requests that were made before then, wait still, and of which nobody was reminded."""
    return tx.all(
        Waiting,
        """SELECT r.id, r.client_id, r.created_at AS at FROM access_requests r
           WHERE r.status = 'pending' AND r.created_at <= :before AND NOT EXISTS (SELECT 1 FROM notice_marks m
             WHERE m.what = :what AND m.subject = r.id AND m.at = r.created_at)
           ORDER BY r.created_at LIMIT :limit""",
        what=what,
        before=before,
        limit=limit,
    )
