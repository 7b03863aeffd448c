"""No statement reads a whole table that grows: SQLite's plan of each, in a database that has never been analysed."""

import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.clock import utc_now
from ecatalog.kit.migrations import migrate, shipped_migrations
from tests.contracts.statements import statements

GROWING = frozenset(
    {
        *("clients", "client_credentials", "sessions", "one_time_codes", "client_demo_access", "launches"),
        *("access_requests", "usage_analytics", "usage_daily", "audit_log", "outbox", "idempotency_keys"),
    }
)
# A scan of the table itself, or of an index that the statement does not narrow; "a" and such are names in it.
# An automatic index is made for the one statement, from the whole table.
SCAN = re.compile(r"(?:SCAN|SEARCH(?= \w+ USING AUTOMATIC)) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
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
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    file: Path = tmp_path_factory.mktemp("plans") / "c.db"
    migrate(file, utc_now(), shipped_migrations())
    opened = apsw.Connection(str(file))
    yield opened
    opened.close()


def scans(connection: apsw.Connection, sql: str) -> dict[str, str]:
    """The tables that grow and that the statement reads from one end to the other, with the line of the plan.

    A partial index holds what is live or pending only: to read all of it is what it is for.
    """
    names = {alias: table for table, alias in NAMED.findall(sql)}
    names |= {table: table for table in GROWING}
    parameters = dict.fromkeys(re.findall(r":([a-z_]+)", re.sub(r"'[^']*'", "''", sql)))
    found = {}
    for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters):
        scan = SCAN.match(str(row[3]))
        if scan and names.get(scan[1]) in GROWING and scan[2] not in _partial_indexes(connection):
            found[names[scan[1]]] = str(row[3])
    return found


def _partial_indexes(connection: apsw.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'")
    return {str(name) for (name,) in rows}


def test_no_statement_reads_a_whole_table_that_grows(connection: apsw.Connection) -> None:
    found = [
        f"{statement}\n    {line}"
        for statement in statements()
        for table, line in scans(connection, statement.sql).items()
        if (statement.place.rsplit(".", 1)[-1], table) not in ALLOWED
    ]

    assert found == [], "\n" + "\n".join(found)


def test_what_is_allowed_still_scans(connection: apsw.Connection) -> None:
    """A list of exceptions that are gone would hide the next one."""
    found = {
        (statement.place.rsplit(".", 1)[-1], table)
        for statement in statements()
        for table in scans(connection, statement.sql)
    }

    assert found >= ALLOWED


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM clients WHERE company = :company",
        "SELECT count(*) FROM usage_analytics u WHERE u.event_type = :event",
        "UPDATE sessions SET agent = '' WHERE agent = :agent",
        "UPDATE clients AS c SET notes = '' WHERE c.company = :company",
        "SELECT 1 FROM users u, launches l WHERE l.reason = :reason",
        "SELECT c.id FROM clients c WHERE c.company = :x UNION ALL SELECT c.id FROM demos c WHERE c.id = :id",
    ],
)
def test_a_planted_scan_is_found(connection: apsw.Connection, sql: str) -> None:
    assert scans(connection, sql)
