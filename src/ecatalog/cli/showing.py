"""Answers for people as tables, for machines as JSON.

Others chose many of the words, clients and demos among them: no word does anything to the terminal that shows it.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from unicodedata import category

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

# Of a list; the rest of each item is in its own table, or in the JSON.
MOST_COLUMNS = 7
_FIRST = ("id", "name", "full_name", "email", "company", "state", "status", "access_status", "kind", "event_type")
_WIDE = 200
_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# New lines, tabs, and what joins or parts letters and parts of words.
_HARMLESS = "\n\t\u200c\u200d\u00ad"


def console(*, is_error: bool = False) -> Console:
    """As wide as the terminal; wide where there is none, so that nothing is cut for a pipe."""
    stream = sys.stderr if is_error else sys.stdout
    return Console(stderr=is_error, width=None if stream.isatty() else _WIDE, highlight=False)


def harmless(text: str) -> str:
    r"""The text with what terminals obey (ECMA-48, UAX #9) spelled out: control characters, and changes of direction.

    >>> harmless("\x1b[2JAcme")
    '\\x1b[2JAcme'
    """
    return "".join(ascii(each)[1:-1] if _is_obeyed(each) else each for each in text)


def _is_obeyed(each: str) -> bool:
    return category(each) in _OBEYED and each not in _HARMLESS


def tell(text: str, *, is_error: bool = False) -> None:
    """A line of words that others may have chosen."""
    typer.echo(harmless(text), err=is_error)


def show_json(answer: Any) -> None:
    typer.echo(_spelled(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()))


def show_line(answer: Any) -> None:
    """One line of JSON, for streams."""
    typer.echo(_spelled(msgspec.json.encode(answer).decode()))


def _spelled(text: str) -> str:
    """The same JSON: inside its texts a character may be written by its number (RFC 8259, 7)."""
    return "".join(f"\\u{ord(each):04x}" if _is_obeyed(each) and each <= "\uffff" else each for each in text)


def show_csv(text: str) -> None:
    """As it came for a file or a program."""
    typer.echo(harmless(text) if sys.stdout.isatty() else text, nl=False)


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
        table.add_row(*map(cell, (name.replace("_", " "), in_words(value))))
    console().print(table)


def show_items(items: Sequence[Any]) -> None:
    if not items:
        console().print("Nothing.")
        return
    rows = [item if isinstance(item, dict) else {"": item} for item in items]
    names = columns_of(rows[0])
    table = Table(*(Column(cell(name.replace("_", " "))) for name in names))
    for row in rows:
        table.add_row(*(cell(in_words(row.get(name))) for name in names))
    console().print(table)


def cell(words: str) -> Text:
    """As it is: [brackets] are no markup of ours."""
    return Text(harmless(words))


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
