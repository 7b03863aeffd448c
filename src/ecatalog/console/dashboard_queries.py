"""The SQL of the dashboard and of the inbox: what is open now, and what needs somebody's decision."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx
from ecatalog_client.types.analytics import DayUsage


def count_waiting(tx: Tx, *, owner_id: str) -> int:
    """How many requests wait for an answer, of one owner's clients or of all."""
    return int(
        tx.value(
            """SELECT count(*) FROM access_requests r JOIN clients c ON c.id = r.client_id
               WHERE r.status = 'pending' AND (:owner_id = '' OR c.owner_id = :owner_id)""",
            owner_id=owner_id,
        )
        or 0
    )


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """A request with the names of its client and of whoever answered."""

    id: str
    client_id: str
    client_name: str
    company: str
    owner_id: str | None
    timezone: str
    access_ends_at: datetime
    request_type: str
    status: str
    message: str
    requested_end_date: str | None
    by_client: bool
    asked_by: str | None
    resolved_by_name: str | None
    resolved_at: datetime | None
    resolution: str
    created_at: datetime


_REQUESTS = """SELECT r.id, r.client_id, c.name AS client_name, c.company, c.owner_id, c.timezone, c.access_ends_at,
     r.request_type, r.status, r.message, r.requested_end_date, r.by_client, a.full_name AS asked_by,
     u.full_name AS resolved_by_name, r.resolved_at, r.resolution, r.created_at
   FROM access_requests r JOIN clients c ON c.id = r.client_id
     LEFT JOIN users u ON u.id = r.resolved_by LEFT JOIN users a ON a.id = r.created_by """


def list_waiting(tx: Tx, limit: int) -> list[RequestLine]:
    """What waits for an answer, the oldest first."""
    return tx.all(
        RequestLine, _REQUESTS + "WHERE r.status = 'pending' ORDER BY r.created_at, r.id LIMIT :limit", limit=limit
    )


def list_answered(tx: Tx, limit: int) -> list[RequestLine]:
    """What was answered, the newest first."""
    return tx.all(RequestLine, _REQUESTS + "WHERE r.status <> 'pending' ORDER BY r.id DESC LIMIT :limit", limit=limit)


def list_of_client(tx: Tx, client_id: str, limit: int, *, only_own: bool) -> list[RequestLine]:
    """Those about one client, the newest first; with `only_own` those that it made itself."""
    return tx.all(
        RequestLine,
        _REQUESTS
        + """WHERE r.client_id = :client_id AND (:only_own = 0 OR r.by_client = 1)
             ORDER BY r.id DESC LIMIT :limit""",
        client_id=client_id,
        only_own=int(only_own),
        limit=limit,
    )


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A client whose window needs a look."""

    id: str
    name: str
    company: str
    timezone: str
    access_ends_at: datetime
    created_at: datetime


def list_ending(tx: Tx, before: datetime, limit: int) -> list[Ending]:
    """Clients whose access ends before that instant, the next one first."""
    return tx.all(
        Ending,
        """SELECT id, name, company, timezone, access_ends_at, created_at FROM clients
           WHERE access_ends_at > :now AND access_ends_at < :before AND revoked_at IS NULL
           ORDER BY access_ends_at, id LIMIT :limit""",
        now=tx.now,
        before=before,
        limit=limit,
    )


_NEVER_SEEN = """SELECT c.id, c.name, c.company, c.timezone, c.access_ends_at, c.created_at FROM clients c
   WHERE c.access_ends_at > :now AND c.access_starts_at <= :now AND c.revoked_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM usage_daily d
       WHERE d.client_id = c.id AND d.demo_id = '' AND d.logins > 0)"""


def list_never_seen(tx: Tx, limit: int) -> list[Ending]:
    """Clients inside their window who have never logged in, the next end first. It looks for each client."""
    return tx.all(Ending, _NEVER_SEEN + " ORDER BY c.access_ends_at, c.id LIMIT :limit", now=tx.now, limit=limit)


def find_never_seen(tx: Tx, client_id: str) -> Ending | None:
    """The same of one client: None when it has logged in, or its window is over."""
    return tx.one(Ending, _NEVER_SEEN + " AND c.id = :client_id", now=tx.now, client_id=client_id)


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """A demo whose last check found no answer."""

    id: str
    name: str
    status: str
    result: str
    checked_at: datetime


def list_failing(tx: Tx, limit: int) -> list[Failing]:
    return tx.all(
        Failing,
        """SELECT d.id, d.name, d.status, k.result, k.checked_at
           FROM demo_checks k JOIN demos d ON d.id = k.demo_id
           WHERE k.is_fine = 0 AND d.status IN ('active', 'maintenance') ORDER BY k.checked_at DESC LIMIT :limit""",
        limit=limit,
    )


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """A demo or client, and what was used of or by it."""

    id: str
    name: str
    opens: int
    active_seconds: int


def list_days(tx: Tx, first: str) -> list[DayUsage]:
    """The use of each UTC day from that one on."""
    return tx.all(
        DayUsage,
        """SELECT day, sum(opens) AS opens, sum(active_seconds) AS active_seconds FROM usage_days
           WHERE day >= :first AND demo_id <> '' GROUP BY day""",
        first=first,
    )


# The sums come before the names: to join each row of use took half as long again.


def list_top_demos(tx: Tx, first: str) -> list[Top]:
    """The eight demos that were used most from that UTC day on."""
    return tx.all(
        Top,
        """SELECT s.demo_id AS id, d.name, s.opens, s.active_seconds
           FROM (SELECT demo_id, sum(opens) AS opens, sum(active_seconds) AS active_seconds FROM usage_days
             WHERE day >= :first AND demo_id <> '' GROUP BY demo_id HAVING sum(opens) > 0
             ORDER BY sum(active_seconds) DESC, demo_id LIMIT 8) AS s
           JOIN demos d ON d.id = s.demo_id ORDER BY s.active_seconds DESC, s.demo_id""",
        first=first,
    )


def list_top_clients(tx: Tx, first: str) -> list[Top]:
    """The eight clients that used most from that UTC day on."""
    # Day by day: else SQLite reads the days of all years, in the order of clients, to be spared the sorting.
    return tx.all(
        Top,
        """SELECT s.client_id AS id, c.name, s.opens, s.active_seconds
           FROM (SELECT u.client_id, sum(u.opens) AS opens, sum(u.active_seconds) AS active_seconds
             FROM (SELECT DISTINCT day FROM usage_days WHERE day >= :first) AS n CROSS JOIN usage_daily u
             WHERE u.day = n.day AND u.demo_id > '' GROUP BY u.client_id HAVING sum(u.opens) > 0
             ORDER BY sum(u.active_seconds) DESC, u.client_id LIMIT 8) AS s
           JOIN clients c ON c.id = s.client_id ORDER BY s.active_seconds DESC, s.client_id""",
        first=first,
    )


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many clients may open demos now, and how many demos they may be given."""

    active_clients: int
    active_demos: int


def count_all(tx: Tx) -> Counts:
    found = tx.one(
        Counts,
        """SELECT (SELECT count(*) FROM clients
               WHERE access_ends_at > :now AND access_starts_at <= :now AND revoked_at IS NULL) AS active_clients,
             (SELECT count(*) FROM demos WHERE status = 'active') AS active_demos""",
        now=tx.now,
    )
    return found or Counts(active_clients=0, active_demos=0)
