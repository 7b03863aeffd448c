"""All SQL of a room is in its `queries.py` (or `…_queries.py`), and one room alone writes a table."""

import re
from collections.abc import Iterable, Mapping

import pytest

from tests.architecture.code import ROOT, Module, product_modules, strings

SQL = re.compile(
    r"""\s*(?:SELECT\s+\S+.*(?:\bFROM\b|\bEXISTS\b|\()|SELECT\s+\d|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s
    |DELETE\s+FROM\s|WITH\s+(?:RECURSIVE\s+)?\w+\s*(?:\([^)]*\))?\s+AS\s*\(
    |(?:CREATE|DROP|ALTER)\s+(?:UNIQUE\s+|TEMP\s+)?(?:TABLE|INDEX|VIEW|TRIGGER)\s
    |PRAGMA\s+\w+|VACUUM\b|BEGIN\s+(?:IMMEDIATE|EXCLUSIVE|DEFERRED)|SAVEPOINT\s+\w+$)""",
    re.VERBOSE | re.DOTALL,
)
WRITES = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|DELETE\s+FROM|(?<!DO\s)UPDATE(?!\s+OF\b))\s+(\w+)", re.DOTALL
)
# Who writes each table. Everybody may read any of them.
OWNERS: Mapping[str, tuple[str, ...]] = {
    "users": ("accounts",),
    "client_credentials": ("accounts",),
    "sessions": ("accounts",),
    "api_tokens": ("accounts",),
    "one_time_codes": ("accounts",),
    "clients": ("clients",),
    "docker_images": ("demos",),
    "demos": ("demos",),
    "client_demo_access": ("demos",),
    "launches": ("launches",),
    "edges": ("launches",),
    "launchers": ("launches",),
    "launch_specs": ("launches",),
    "trials": ("launches",),
    "demo_checks": ("launches",),
    "warm_plans": ("launches",),
    "registries": ("demos",),
    "access_requests": ("access",),
    "active_minutes": ("usage",),
    "usage_analytics": ("usage",),
    "usage_daily": ("usage",),
    "usage_days": ("usage",),
    "audit_log": ("kit",),
    "idempotency_keys": ("kit",),
    "outbox": ("notices",),
    "notice_marks": ("notices",),
    "notice_choices": ("notices",),
    "decision_codes": ("notices",),
    # Its rows are the rooms' own, each under keys of its own: the epoch of the watches, the probe of health, how far
    # facts have become messages, what a company decided.
    "settings": ("branding", "launches", "notices", "ops"),
    "webhooks": ("notices",),
}


def sql_outside_of_queries(modules: Iterable[Module]) -> list[str]:
    """A sentence for each statement in a module that is not for SQL."""
    return [
        f"{module.path}:{line} holds SQL: it belongs in a queries.py of its room: {text.strip()[:60]!r}"
        for module in modules
        if not (module.file.endswith("queries") or module.name.startswith("ecatalog.kit."))
        for text, line in strings(module)
        if SQL.match(text)
    ]


def foreign_writes(modules: Iterable[Module]) -> list[str]:
    """A sentence for each change of a table by a room that does not own it."""
    return [
        f"{module.path}:{line}: {module.room or module.name} writes {table}, which belongs to {' and '.join(owners)}"
        for module in modules
        for text, line in strings(module)
        if SQL.match(text)
        for table in WRITES.findall(text)
        if module.room not in (owners := OWNERS.get(table, ("nobody",)))
    ]


def test_sql_is_in_queries_only() -> None:
    found = sql_outside_of_queries(product_modules())

    assert not found, "\n".join(found)


def test_one_room_writes_a_table() -> None:
    found = foreign_writes(product_modules())

    assert not found, "\n".join(found)


def test_every_table_has_an_owner() -> None:
    schema = "\n".join(path.read_text() for path in sorted((ROOT / "src/ecatalog/migrations/sqlite").glob("*.sql")))

    assert set(re.findall(r"CREATE TABLE (\w+)", schema)) == set(OWNERS)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM clients WHERE id = :id",
        "\n  select_is_a_word",
        "INSERT INTO clients (id) VALUES (:id)",
        "UPDATE clients SET name = :name",
        "DELETE FROM sessions",
        "WITH late AS (SELECT 1) SELECT * FROM late",
        "PRAGMA foreign_keys = off",
    ],
)
def test_a_planted_statement_is_found(text: str) -> None:
    planted = Module("ecatalog.clients.actions", f"def f(tx):\n    return tx.rows({text!r})")

    assert len(sql_outside_of_queries([planted])) == (0 if "select_is" in text else 1)


def test_a_planted_formatted_statement_is_found() -> None:
    planted = Module("ecatalog.clients.actions", 'def f(tx, name):\n    return tx.rows(f"SELECT {name} FROM clients")')

    assert len(sql_outside_of_queries([planted])) == 1


@pytest.mark.parametrize("text", ["Select a client from the list.", "Update the page.", "With care.", "Begin here."])
def test_words_of_people_are_no_sql(text: str) -> None:
    assert sql_outside_of_queries([Module("ecatalog.clients.pages", f"WORDS = {text!r}")]) == []


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE launches SET wanted = 'stopped'",
        "INSERT INTO launches (id) VALUES (:id)",
        "INSERT OR IGNORE INTO launches (id) VALUES (:id)",
        "DELETE FROM launches WHERE id = :id",
        "WITH old AS (SELECT 1) DELETE FROM launches",
    ],
)
def test_a_planted_foreign_write_is_found(text: str) -> None:
    planted = Module("ecatalog.access.queries", f"SQL = {text!r}")

    assert foreign_writes([planted]) == ["planted.py:1: access writes launches, which belongs to launches"]


def test_an_upsert_is_one_write() -> None:
    text = "INSERT INTO clients (id) VALUES (:id) ON CONFLICT (id) DO UPDATE SET name = excluded.name"

    assert foreign_writes([Module("ecatalog.clients.queries", f"SQL = {text!r}")]) == []


def test_the_statements_of_the_product_are_seen() -> None:
    """A guard that reads nothing would be content too."""
    seen = {
        (module.room, table)
        for module in product_modules()
        for text, _ in strings(module)
        if SQL.match(text)
        for table in WRITES.findall(text)
    }

    assert {("clients", "clients"), ("accounts", "sessions"), ("launches", "launches"), ("kit", "audit_log")} <= seen
