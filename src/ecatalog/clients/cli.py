"""`ecatalog clients import FILE`: clients from a CSV file, each line's fate told before anything is written."""

import csv
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ecatalog.accounts.model import normal_email
from ecatalog.cli import showing
from ecatalog.cli.calling import Wanted, connected, finish
from ecatalog.cli.remote import AsJson, Deadline, Token, Url
from ecatalog.clients.model import window
from ecatalog.kit.clock import utc_now
from ecatalog_client import AsyncCatalog
from ecatalog_client.errors import CatalogError, Invalid
from ecatalog_client.types.clients import CreateClient

app = typer.Typer(no_args_is_help=True)

CREATED, SKIPPED, REFUSED, FAILED = "create", "skip", "refuse", "failed"
COLUMNS = tuple(field.name for field in msgspec.structs.fields(CreateClient))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, what becomes of it and why."""

    number: int
    email: str
    fate: str
    reason: str = ""
    given: CreateClient | None = None


@app.callback()
def clients() -> None:
    """Keeps `import` a command of its own."""


@app.command("import")
def import_clients(
    file: Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.")],
    is_wanted: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    as_json: AsJson = False,
    url: Url = "",
    token: Token = "",
    deadline: Deadline = 10.0,
) -> None:
    """Create the clients of a CSV file, once you have seen what would become of each line."""
    wanted = Wanted(url=url, token=token, deadline=deadline, as_json=as_json)
    lines = finish(import_file(file, wanted, is_wanted))
    if any(line.fate in (REFUSED, FAILED) for line in lines):
        raise typer.Exit(Invalid.exit_status)


async def import_file(file: Path, wanted: Wanted, is_wanted: bool) -> list[Line]:
    """The lines with what became of them, or would. Lines that are refused are left out, the others are written."""
    text = _text_of(file)
    lines = read_lines(text, utc_now())
    async with connected(wanted) as catalog:
        lines = [await _known(catalog, line) for line in lines]
        count = sum(line.fate == CREATED for line in lines)
        if not is_wanted:
            _show(lines, wanted.as_json)
            if not (count and sys.stdin.isatty() and typer.confirm(f"Create {count} clients?")):
                typer.echo("Nothing was written. Say --yes to write.", err=True)
                return lines
        mark = hashlib.sha256(text.encode()).hexdigest()[:32]
        lines = [await _written(catalog, line, mark) for line in lines]
    _show(lines, wanted.as_json)
    return lines


def read_lines(text: str, now: datetime) -> list[Line]:
    """Every line with its fate, as far as the file alone tells. Raises Invalid for columns that are unknown or missing.

    >>> read_lines("name,email\\n", datetime(2026, 3, 1))
    Traceback (most recent call last):
    ecatalog_client.errors.Invalid: The file has no column company, access_start_date, access_end_date.
    """
    rows = csv.DictReader(text.splitlines())
    _refuse_columns(rows.fieldnames or ())
    lines: list[Line] = []
    for row in rows:
        lines.append(_line(rows.line_num, row, now, {line.email for line in lines if line.fate == CREATED}))
    return lines


def _refuse_columns(names: Iterable[str]) -> None:
    required = {field.name for field in msgspec.structs.fields(CreateClient) if field.required}
    if unknown := [name for name in names if name not in COLUMNS]:
        raise Invalid(f"There is no column {', '.join(unknown)}: choose from {', '.join(COLUMNS)}.")
    if missing := [name for name in COLUMNS if name in required and name not in names]:
        raise Invalid(f"The file has no column {', '.join(missing)}.")


def _line(number: int, row: dict[str, Any], now: datetime, earlier: set[str]) -> Line:
    given = {name: value.strip() for name, value in row.items() if isinstance(value, str) and value.strip()}
    email = given.get("email", "")
    if None in row:
        return Line(number, email, REFUSED, "it has more values than there are columns")
    try:
        client = msgspec.convert(given, CreateClient)
        email = normal_email(client.email)
        span = window(client.access_start_date, client.access_end_date, given.get("timezone", "UTC"))
    except (msgspec.ValidationError, CatalogError) as error:
        return Line(number, email, REFUSED, str(error))
    if span.ends_at <= now:
        return Line(number, email, REFUSED, "access would already be over")
    if email in earlier:
        return Line(number, email, REFUSED, "an earlier line has the same address")
    return Line(number, email, CREATED, given=client)


async def _known(catalog: AsyncCatalog, line: Line) -> Line:
    """The line, to be skipped when there is such a client already."""
    if line.fate != CREATED:
        return line
    async for client in catalog.clients.list(q=line.email):
        if client.email.lower() == line.email:
            return Line(line.number, line.email, SKIPPED, "there is such a client already")
    return line


async def _written(catalog: AsyncCatalog, line: Line, mark: str) -> Line:
    """The line once it is written. Its key is of file and line, so that the same import again does nothing twice."""
    if line.given is None:
        return line
    try:
        await catalog.clients.create(key=f"import-{mark}-{line.number}", **_fields_of(line.given))
    except CatalogError as error:
        return Line(line.number, line.email, FAILED, error.message)
    return Line(line.number, line.email, "created")


def _fields_of(given: CreateClient) -> Any:
    return {name: value for name in COLUMNS if (value := getattr(given, name)) is not msgspec.UNSET}


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as text: {error}") from None


def _show(lines: list[Line], as_json: bool) -> None:
    told = [{"line": each.number, "email": each.email, "fate": each.fate, "reason": each.reason} for each in lines]
    (showing.show_json if as_json else showing.show_items)(told)
