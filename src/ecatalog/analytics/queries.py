"""All SQL of analytics. It reads sums of days only (`usage_days` holds those of all clients together), not events.

Days without a demo (logins) are kept under the empty demo and are not use of a demo.
"""

from datetime import datetime

import msgspec

from ecatalog.analytics.model import Span
from ecatalog.kit.db import Tx
from ecatalog_client.types.analytics import ClientSums, DayUsage, DemoSums

MOST_DAYS = 366
MOST_ROWS = 1000
TOP = 20


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a span at once."""

    opens: int
    active_seconds: int
    logins: int
    failures: int
    distinct_demos: int
    distinct_clients: int
    first_use: datetime | None
    last_use: datetime | None


def sums_of_client(tx: Tx, client_id: str, span: Span) -> Sums | None:
    return tx.one(
        Sums,
        """SELECT coalesce(sum(opens), 0) AS opens, coalesce(sum(active_seconds), 0) AS active_seconds,
             coalesce(sum(logins), 0) AS logins, coalesce(sum(failures), 0) AS failures,
             count(DISTINCT CASE WHEN opens > 0 AND demo_id <> '' THEN demo_id END) AS distinct_demos,
             count(DISTINCT client_id) AS distinct_clients, min(first_at) AS first_use, max(last_at) AS last_use
           FROM usage_daily WHERE client_id = :client_id AND day >= :first AND day <= :last""",
        client_id=client_id,
        first=span.first,
        last=span.last,
    )


def days_of_client(tx: Tx, client_id: str, span: Span) -> list[DayUsage]:
    # Ordered by an expression: by the column itself SQLite reads the days of all clients, to be spared the sorting.
    return tx.all(
        DayUsage,
        """SELECT day || '' AS day, sum(opens) AS opens, sum(active_seconds) AS active_seconds FROM usage_daily
           WHERE client_id = :client_id AND demo_id <> '' AND day >= :first AND day <= :last
           GROUP BY 1 ORDER BY 1 DESC LIMIT :limit""",
        client_id=client_id,
        first=span.first,
        last=span.last,
        limit=MOST_DAYS,
    )


def demos_of_client(tx: Tx, client_id: str, span: Span) -> list[DemoSums]:
    return tx.all(
        DemoSums,
        """SELECT u.demo_id, d.name AS demo_name, sum(u.opens) AS opens, sum(u.active_seconds) AS active_seconds,
             sum(u.failures) AS failures, min(u.first_at) AS first_use, max(u.last_at) AS last_use
           FROM usage_daily u JOIN demos d ON d.id = u.demo_id
           WHERE u.client_id = :client_id AND u.day >= :first AND u.day <= :last
           GROUP BY u.demo_id, d.name ORDER BY active_seconds DESC, opens DESC, u.demo_id LIMIT :limit""",
        client_id=client_id,
        first=span.first,
        last=span.last,
        limit=MOST_ROWS,
    )


def sums_of_demo(tx: Tx, demo_id: str, span: Span) -> Sums | None:
    return tx.one(
        Sums,
        """SELECT coalesce(sum(opens), 0) AS opens, coalesce(sum(active_seconds), 0) AS active_seconds,
             coalesce(sum(logins), 0) AS logins, coalesce(sum(failures), 0) AS failures,
             count(DISTINCT demo_id) AS distinct_demos,
             count(DISTINCT CASE WHEN opens > 0 THEN client_id END) AS distinct_clients,
             min(first_at) AS first_use, max(last_at) AS last_use
           FROM usage_daily WHERE demo_id = :demo_id AND day >= :first AND day <= :last""",
        demo_id=demo_id,
        first=span.first,
        last=span.last,
    )


def days_of_demo(tx: Tx, demo_id: str, span: Span) -> list[DayUsage]:
    return tx.all(
        DayUsage,
        """SELECT day, sum(opens) AS opens, sum(active_seconds) AS active_seconds FROM usage_daily
           WHERE demo_id = :demo_id AND day >= :first AND day <= :last
           GROUP BY day ORDER BY day DESC LIMIT :limit""",
        demo_id=demo_id,
        first=span.first,
        last=span.last,
        limit=MOST_DAYS,
    )


def clients_of_demo(tx: Tx, demo_id: str, span: Span) -> list[ClientSums]:
    return tx.all(
        ClientSums,
        """SELECT u.client_id, c.name AS client_name, c.company, sum(u.opens) AS opens,
             sum(u.active_seconds) AS active_seconds, min(u.first_at) AS first_use, max(u.last_at) AS last_use
           FROM usage_daily u JOIN clients c ON c.id = u.client_id
           WHERE u.demo_id = :demo_id AND u.day >= :first AND u.day <= :last
           GROUP BY u.client_id, c.name, c.company
           ORDER BY active_seconds DESC, opens DESC, u.client_id LIMIT :limit""",
        demo_id=demo_id,
        first=span.first,
        last=span.last,
        limit=MOST_ROWS,
    )


def sums_of_all(tx: Tx, span: Span) -> Sums | None:
    return tx.one(
        Sums,
        """SELECT coalesce(sum(opens), 0) AS opens, coalesce(sum(active_seconds), 0) AS active_seconds,
             coalesce(sum(logins), 0) AS logins, coalesce(sum(failures), 0) AS failures,
             count(DISTINCT CASE WHEN opens > 0 AND demo_id <> '' THEN demo_id END) AS distinct_demos,
             (SELECT count(DISTINCT client_id) FROM usage_daily WHERE day >= :first AND day <= :last)
               AS distinct_clients, min(first_at) AS first_use, max(last_at) AS last_use
           FROM usage_days WHERE day >= :first AND day <= :last""",
        first=span.first,
        last=span.last,
    )


def days_of_all(tx: Tx, span: Span) -> list[DayUsage]:
    return tx.all(
        DayUsage,
        """SELECT day, sum(opens) AS opens, sum(active_seconds) AS active_seconds FROM usage_days
           WHERE demo_id <> '' AND day >= :first AND day <= :last
           GROUP BY day ORDER BY day DESC LIMIT :limit""",
        first=span.first,
        last=span.last,
        limit=MOST_DAYS,
    )


def top_demos(tx: Tx, span: Span) -> list[DemoSums]:
    return tx.all(
        DemoSums,
        """SELECT u.demo_id, d.name AS demo_name, sum(u.opens) AS opens, sum(u.active_seconds) AS active_seconds,
             sum(u.failures) AS failures, min(u.first_at) AS first_use, max(u.last_at) AS last_use
           FROM usage_days u JOIN demos d ON d.id = u.demo_id WHERE u.day >= :first AND u.day <= :last
           GROUP BY u.demo_id, d.name ORDER BY active_seconds DESC, opens DESC, u.demo_id LIMIT :limit""",
        first=span.first,
        last=span.last,
        limit=TOP,
    )


def top_clients(tx: Tx, span: Span) -> list[ClientSums]:
    # The sums come from an index alone, day by day; the rest is looked up for those at the top.
    return tx.all(
        ClientSums,
        """SELECT s.client_id, c.name AS client_name, c.company, s.opens, s.active_seconds,
             (SELECT min(u.first_at) FROM usage_daily u
               WHERE u.client_id = s.client_id AND u.day >= :first AND u.day <= :last) AS first_use,
             (SELECT max(u.last_at) FROM usage_daily u
               WHERE u.client_id = s.client_id AND u.day >= :first AND u.day <= :last) AS last_use
           FROM (SELECT u.client_id, sum(u.opens) AS opens, sum(u.active_seconds) AS active_seconds
             FROM (SELECT DISTINCT day FROM usage_days WHERE day >= :first AND day <= :last) AS n
               CROSS JOIN usage_daily u WHERE u.day = n.day
             GROUP BY u.client_id ORDER BY 3 DESC, 2 DESC, 1 LIMIT :limit) AS s
           JOIN clients c ON c.id = s.client_id
           ORDER BY s.active_seconds DESC, s.opens DESC, s.client_id""",
        first=span.first,
        last=span.last,
        limit=TOP,
    )
