"""`ecatalog archive`: moves old use into files, and asks what is in them together with what is not."""

import asyncio
import os
from typing import Annotated, NoReturn

import apsw
import typer
from rich.console import Console
from rich.table import Column, Table

from ecatalog.cli.options import Data
from ecatalog.cli.showing import cell
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import utc_now
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.errors import CatalogError
from ecatalog.ops.archive import Archive, Part, archive_use
from ecatalog.ops.archive_queries import ask, both
from ecatalog.settings import Settings

app = typer.Typer()
REFUSED = 78


@app.callback(invoke_without_command=True)
def archive(
    context: typer.Context,
    older_than: Annotated[str, typer.Option(help="How many months stay in the database, such as 12m.")] = "12m",
    data: Data = None,
) -> None:
    """Move the use of older months into compressed files. Beside a running gateway, `ecatalog archive create` does."""
    if context.invoked_subcommand is not None:
        return
    settings = Settings.read(os.environ, data=data, load_seed_data=False)
    if not settings.database.exists():
        _refuse(f"There is no database at {settings.database}.")
    try:
        made = asyncio.run(_archive(settings, _months(older_than)))
    except (CatalogError, RefusedToStart, OSError) as refusal:
        _refuse(str(refusal))
    for part in made:
        typer.echo(f"{part.month}: {part.rows} events are in {settings.data / 'archive' / part.file}.")
    typer.echo(f"{len(made)} months were archived." if made else "There is nothing as old as that.")


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT; `usage_analytics` holds the archived events too.")],
    data: Data = None,
    most: Annotated[int, typer.Option("--most", help="Show no more rows than that.")] = 1000,
) -> None:
    """Ask the database, as if nothing had been archived. Works beside a running catalog."""
    settings = Settings.read(os.environ, data=data, load_seed_data=False)
    try:
        with both(settings.database, Archive(settings.data / "archive").all_events) as connection:
            names, rows = ask(connection, sql)
    except (CatalogError, apsw.Error, OSError) as refusal:
        _refuse(str(refusal))
    table = Table(*(Column(cell(name)) for name in names))
    for row in rows[:most]:
        table.add_row(*(cell(str(each)) for each in row))
    Console().print(table)


async def _archive(settings: Settings, months: int) -> list[Part]:
    db = Database(settings.database)
    await db.start()
    try:
        return await archive_use(db, Archive(settings.data / "archive"), SYSTEM, utc_now(), months)
    finally:
        await db.stop()


def _months(text: str) -> int:
    number = text.removesuffix("m")
    if not number.isdigit() or number == text or int(number) < 1:
        raise typer.BadParameter(f"{text!r} is no number of months: write 12m.")
    return int(number)


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"ecatalog archive: {sentence}", err=True)
    raise typer.Exit(REFUSED)
