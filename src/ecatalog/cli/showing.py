"""Answers for people as tables, for machines as JSON."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

# Of a list; the rest of each item is in its own table, or in the JSON.
MOST_COLUMNS = 7
_FIRST = ("id", "name", "full_name", "email", "company", "state", "status", "access_status", "kind", "event_type")
_WIDE = 200


def console(*, is_error: bool = False) -> Console:
    """As wide as the terminal; wide where there is none, so that nothing is cut for a pipe."""
    stream = sys.stderr if is_error else sys.stdout
    return Console(stderr=is_error, width=None if stream.isatty() else _WIDE, highlight=False)


def show_json(answer: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def show_line(answer: Any) -> None:
    """One line of JSON, for streams."""
    typer.echo(msgspec.json.encode(answer).decode())


def show(answer: Any) -> None:
    """A table of whatever it is; nothing for no answer."""
    plain = msgspec.to_builtins(answer, builtin_types=(datetime,))
    if plain is None:
        console().print("Done.")
    elif isinstance(plain, list):
        show_items(plain)
    else:
        show_fields(plain)


def show_fields(fields: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in fields.items():
        table.add_row(name.replace("_", " "), in_words(value))
    console().print(table)


def show_items(items: Sequence[Any]) -> None:
    if not items:
        console().print("Nothing.")
        return
    rows = [item if isinstance(item, dict) else {"": item} for item in items]
    names = columns_of(rows[0])
    table = Table(*(name.replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(in_words(row.get(name)) for name in names))
    console().print(table)


def columns_of(row: dict[str, Any]) -> list[str]:
    """The columns of a list: what tells items apart first, then whatever is short."""
    first = [name for name in _FIRST if name in row]
    rest = [name for name, value in row.items() if name not in first and not isinstance(value, dict | list)]
    return (first + rest)[:MOST_COLUMNS]


def in_words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z" if value.utcoffset() is not None else str(value)
    if isinstance(value, float):
        return str(round(value, 6))
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode() if value else ""
    return str(value)
