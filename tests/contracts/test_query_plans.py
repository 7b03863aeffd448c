"""No statement reads a whole table that grows: SQLite's plan of each, before and after the database was analysed."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from ecatalog.analytics import queries as analytics
from ecatalog.console import dashboard_queries
from ecatalog.kit.clock import utc_now
from ecatalog.kit.migrations import migrate, shipped_migrations
from tests.contracts.statements import record, statements

GROWING = frozenset(
    {
        *("clients", "client_credentials", "sessions", "one_time_codes", "client_demo_access", "launches"),
        *("access_requests", "usage_analytics", "usage_daily", "usage_days", "audit_log", "outbox", "idempotency_keys"),
        *("active_minutes", "notice_marks", "decision_codes"),
    }
)
# A scan of the table itself, or of an index that the statement does not narrow; "a" and such are names in it.
# An automatic index is made for the one statement, from the whole table.
SCAN = re.compile(r"(?:SCAN|SEARCH(?= \w+ USING AUTOMATIC)) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
# A search that begins with more or less than something: of what it passes over nobody knows how much it is.
SPAN = re.compile(r"SEARCH (\w+) USING (?:(?:COVERING )?INDEX (\w+)|PRIMARY KEY) \(\w+[<>]")
# Such a table with its other name in the statement, after FROM, JOIN, UPDATE or a comma.
NAMED = re.compile(rf"\b({'|'.join(sorted(GROWING))})\"?\s+(?:AS\s+)?(\w+)")
# What looks at all of a table, and why it may: the function, and the table.
ALLOWED = {
    # The watch of an edge begins with a snapshot of all that it may serve.
    ("list_served_clients", "clients"),
    ("list_served_grants", "client_demo_access"),
    # Once a minute; those that are over are removed, so that the table holds the living.
    ("list_overdue_sessions", "sessions"),
    # Only while there are no users yet.
    ("remove_codes", "one_time_codes"),
    # A report of some days, for which nobody waits.
    ("list_failed_launches", "launches"),
    # A page, newest first: it ends at its limit.
    ("list_clients", "clients"),
    ("list_launches", "launches"),
    ("list_requests", "access_requests"),
    # What is over is removed, all of it.
    ("remove_old_codes", "one_time_codes"),
    ("idempotency.py", "idempotency_keys"),
    ("remove_old_minutes", "active_minutes"),
    # Once after a restore, before anybody is served.
    ("use_all_codes", "one_time_codes"),
    ("use_all_codes", "decision_codes"),
    ("list_standings", "clients"),
    ("list_standings", "client_demo_access"),
    ("remove_old_marks", "notice_marks"),
    ("remove_old_decisions", "decision_codes"),
    # The last row alone.
    # The living, which are few beside the dead.
    ("list_served_sessions", "sessions"),
    ("count_states", "sessions"),
    # Windows that begin and end in a span of days, in a thread of its own; the digest on Mondays.
    ("list_started", "clients"),
    ("list_ended", "clients"),
    ("list_ending", "clients"),
    ("list_endings", "clients"),
    ("list_doings", "usage_daily"),
    # The use of all clients, in a thread of its own.
    ("sums_of_all", "usage_daily"),
    ("sums_of_all", "usage_days"),
    ("days_of_all", "usage_days"),
    ("top_clients", "usage_days"),
    ("top_demos", "usage_days"),
    # The month of the dashboard, remembered: once a minute at most, in a thread of its own.
    ("list_days", "usage_days"),
    ("list_top_demos", "usage_days"),
    ("list_top_clients", "usage_days"),
    # A page of the console's table, found and counted among all clients, in a thread of its own.
    ("list_lines", "clients"),
    ("count_lines", "clients"),
    # Those whose window is not over, by the index; the dashboard reads them in a thread of its own.
    ("count_all", "clients"),
    ("list_ending", "clients"),
    ("list_never_seen", "clients"),
    # The newest that are answered: it ends at its limit.
    ("list_answered", "access_requests"),
    # One step along the index for each kind there is.
    ("list_kinds", "audit_log"),
}


@pytest.fixture(scope="module", params=["new", "analysed"])
def connection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    file: Path = tmp_path_factory.mktemp("plans") / "c.db"
    migrate(file, utc_now(), shipped_migrations())
    opened = apsw.Connection(str(file))
    if request.param == "analysed":
        pretend_to_be_large(opened)
        opened.close()
        opened = apsw.Connection(str(file))  # Such numbers are read when a database is opened.
    yield opened
    opened.close()


def pretend_to_be_large(connection: apsw.Connection) -> None:
    """What ANALYZE would find in tables of 20,000 rows: each further column of an index narrows them 60 times."""
    connection.execute("ANALYZE")
    indexes = connection.execute(
        """SELECT m.tbl_name, m.name, (SELECT count(*) FROM pragma_index_info(m.name)) FROM sqlite_schema m
           WHERE m.type = 'index' AND m.tbl_name NOT LIKE 'sqlite_%'"""
    ).fetchall()
    for table, index, columns in indexes:
        left = [max(1, 20_000 // 60**column) for column in range(int(str(columns)) + 1)]
        stat = " ".join(map(str, [*left[:-1], 1]))
        connection.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, stat))


def scans(connection: apsw.Connection, sql: str) -> dict[str, str]:
    """The tables that grow and that the statement reads from an end or over a span, with the line of the plan.

    A partial index holds what is live or pending only: to read all of it is what it is for.
    """
    names = {alias: table for table, alias in NAMED.findall(sql)}
    names |= {table: table for table in GROWING}
    parameters = dict.fromkeys(re.findall(r":([a-z_][a-z_0-9]*)", re.sub(r"'[^']*'", "''", sql)))
    found = {}
    for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters):
        scan = SCAN.match(str(row[3])) or SPAN.match(str(row[3]))
        if scan and names.get(scan[1]) in GROWING and scan[2] not in _partial_indexes(connection):
            found[names[scan[1]]] = str(row[3])
    return found


def _partial_indexes(connection: apsw.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'")
    return {str(name) for (name,) in rows}


def _name(place: str) -> str:
    return place.rpartition("/")[2].partition(":")[0] if "/" in place else place.rpartition(".")[2]


def test_no_statement_reads_a_whole_table_that_grows(connection: apsw.Connection) -> None:
    found = [
        f"{statement}\n    {line}"
        for statement in statements()
        for table, line in scans(connection, statement.sql).items()
        if (_name(statement.place), table) not in ALLOWED
    ]

    assert found == [], "\n" + "\n".join(found)


@pytest.mark.parametrize("connection", ["new"], indirect=True)
def test_what_is_allowed_still_scans(connection: apsw.Connection) -> None:
    """A list of exceptions that are gone would hide the next one."""
    found = {
        (_name(statement.place), table) for statement in statements() for table in scans(connection, statement.sql)
    }

    assert found >= ALLOWED


# What adds up the days of all clients reads the days that are asked for, and what is added stands in the index.
@pytest.mark.parametrize(
    ("function", "table", "way"),
    [
        (dashboard_queries.list_days, "usage_days", r"USING PRIMARY KEY \(day>\?\)"),
        (dashboard_queries.list_top_demos, "usage_days", r"USING PRIMARY KEY \(day>\?\)"),
        (dashboard_queries.list_top_clients, "usage_days", r"USING PRIMARY KEY \(day>\?\)"),
        (analytics.days_of_all, "usage_days", r"USING PRIMARY KEY \(day>\? AND day<\?\)"),
        (analytics.sums_of_all, "usage_daily", r"USING COVERING INDEX usage_daily_by_day \(day>\? AND day<\?\)"),
        (analytics.top_clients, "usage_days", r"USING PRIMARY KEY \(day>\? AND day<\?\)"),
    ],
)
def test_what_adds_up_days_reads_no_row_of_others(
    connection: apsw.Connection, function: Callable[..., Any], table: str, way: str
) -> None:
    (sql,) = record(function)
    assert re.fullmatch(rf"SEARCH {table} {way}", scans(connection, sql)[table])


@pytest.mark.parametrize("function", [dashboard_queries.list_top_clients, analytics.top_clients])
def test_who_used_most_is_added_up_from_the_index_of_days(
    connection: apsw.Connection, function: Callable[..., Any]
) -> None:
    (sql,) = record(function)
    parameters = dict.fromkeys(("first", "last", "limit"))
    plan = "\n".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
    assert "SEARCH u USING COVERING INDEX usage_daily_by_day (day=?" in plan


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM clients WHERE company = :company",
        "SELECT count(*) FROM usage_analytics u WHERE u.event_type = :event",
        "SELECT sum(opens) FROM usage_daily WHERE day >= :day",
        "UPDATE sessions SET agent = '' WHERE agent = :agent",
        "SELECT sum(opens) FROM usage_days WHERE day >= :day",
        "UPDATE clients AS c SET notes = '' WHERE c.company = :company",
        "SELECT 1 FROM users u, launches l WHERE l.reason = :reason",
        "SELECT c.id FROM clients c WHERE c.company = :x UNION ALL SELECT c.id FROM demos c WHERE c.id = :id",
    ],
)
def test_a_planted_scan_is_found(connection: apsw.Connection, sql: str) -> None:
    assert scans(connection, sql)
