"""Use of long ago, made by the database itself: millions of events, and the daily sums that belong to them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import apsw

from ecatalog.kit.clock import to_text

DAYS = 90
DEMOS_PER_CLIENT = 4


def add_events(
    connection: apsw.Connection,
    clients: Sequence[str],
    demos: Sequence[str],
    count: int,
    now: datetime,
    *,
    per_visit: int = 1,
) -> None:
    """Adds events in the order of time, every tenth an open and the others active seconds, and their sums.

    Each client uses four demos; so many events in a row are of one visit to one of them. The indexes of the events are
    made at the end, which is much quicker.
    """
    indexes = [
        (str(name), str(sql))
        for name, sql in connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'usage_analytics' AND sql <> ''"
        )
    ]
    with connection:
        _number(connection, "who", clients)
        _number(connection, "what", demos)
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(
            _EVENTS,
            {
                "count": count,
                "clients": len(clients),
                "demos": len(demos),
                "each": DEMOS_PER_CLIENT,
                "per_visit": per_visit,
                "first": to_text(now - timedelta(days=DAYS)),
                "seconds": DAYS * 86_400.0 / count,
            },
        )
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute(_SUMS)
        connection.execute(SUMS_OF_ALL)
    connection.pragma("optimize")


def _number(connection: apsw.Connection, table: str, ids: Sequence[str]) -> None:
    connection.execute(f"CREATE TEMP TABLE {table} (n INTEGER PRIMARY KEY, id TEXT NOT NULL)")
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", list(enumerate(ids)))


# Multiplying by a large odd number scatters what counts upwards; the high bits of the product are the better ones.
_EVENTS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count),
made AS (
  SELECT i, ((i / :per_visit * 2654435761) % 4294967296) >> 9 AS chance FROM n
)
INSERT INTO usage_analytics (client_id, demo_id, event_type, timestamp, seconds)
SELECT who.id, what.id, CASE WHEN i % 10 = 0 THEN 'demo_opened' ELSE 'active' END,
  strftime('%Y-%m-%dT%H:%M:%fZ', julianday(:first) + i * :seconds / 86400.0),
  CASE WHEN i % 10 = 0 THEN 0 ELSE 1 + chance % 60 END
FROM made CROSS JOIN who ON who.n = chance % :clients
CROSS JOIN what ON what.n = (chance % :clients * 7 + chance / :clients % :each) % :demos
"""
_SUMS = """
INSERT INTO usage_daily (client_id, demo_id, day, opens, active_seconds, first_at, last_at)
SELECT client_id, demo_id, substr(timestamp, 1, 10), sum(event_type = 'demo_opened'), sum(seconds),
  min(timestamp), max(timestamp)
FROM usage_analytics GROUP BY client_id, demo_id, substr(timestamp, 1, 10)
"""
SUMS_OF_ALL = """
INSERT OR REPLACE INTO usage_days (day, demo_id, opens, active_seconds, logins, failures, first_at, last_at)
SELECT day, demo_id, sum(opens), sum(active_seconds), sum(logins), sum(failures), min(first_at), max(last_at)
FROM usage_daily GROUP BY day, demo_id
"""
