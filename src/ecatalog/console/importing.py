"""Clients from a table: what each line would become is shown before anything is written."""

import csv
import io
from typing import Any

import msgspec

from ecatalog.clients.actions import create_client
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import CatalogError, Invalid
from ecatalog.kit.search import fold
from ecatalog_client.types.clients import CreateClient

COLUMNS = ("name", "email", "company", "access_start_date", "access_end_date", "timezone", "locale", "notes")
_REQUIRED = COLUMNS[:5]
MOST_LINES = 200


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table by its number, and what stands against it; empty when it becomes a client."""

    number: int
    values: dict[str, str]
    problem: str = ""


def read_lines(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text by column; a comma, a semicolon or a tab separates. Raises Invalid (`table`)."""
    head = text.lstrip("\ufeff").lstrip()
    separator = max(",;\t", key=head.partition("\n")[0].count)
    try:
        rows = [row for row in csv.reader(io.StringIO(head), delimiter=separator, strict=True) if any(row)]
    except csv.Error:
        raise _unreadable("a quotation mark is not closed") from None
    if not rows:
        raise _unreadable("paste at least the line with the names of the columns")
    columns = [fold(name).replace(" ", "_") for name in rows[0]]
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise _unreadable(f"these columns are missing: {', '.join(missing)}")
    if len(rows) - 1 > MOST_LINES:
        raise _unreadable(f"more than {MOST_LINES} lines: import them in parts")
    return [_named(columns, row) for row in rows[1:]]


def _named(columns: list[str], row: list[str]) -> dict[str, str]:
    """The values by column; what is of no column that we know is left away, as an export has more of them."""
    return {name: value.strip() for name, value in zip(columns, row, strict=False) if name in COLUMNS}


def _unreadable(why: str) -> Invalid:
    return Invalid("The table cannot be read.", fields={"table": why})


def import_lines(tx: Tx, actor: Actor, rows: list[dict[str, str]]) -> list[Line]:
    """Creates a client of each line that may become one; the fate of every line."""
    return [
        Line(number=number, values=values, problem=_problem(tx, actor, values)) for number, values in enumerate(rows, 2)
    ]


def _problem(tx: Tx, actor: Actor, values: dict[str, str]) -> str:
    try:
        create_client(tx, actor, **_fields(values))
    except CatalogError as error:
        return error.message
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _fields(values: dict[str, str]) -> dict[str, Any]:
    given = msgspec.convert({name: value for name, value in values.items() if value}, CreateClient)
    return {name: value for name, value in msgspec.structs.asdict(given).items() if value is not msgspec.UNSET}


class Previewed(Exception):
    """Carries the fates out of a transaction that is undone by it."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__("previewed")
        self.lines = lines


def try_lines(tx: Tx, actor: Actor, rows: list[dict[str, str]]) -> None:
    """What an import would do, by doing it. Raises Previewed, always, so that nothing of it is kept."""
    raise Previewed(import_lines(tx, actor, rows))
