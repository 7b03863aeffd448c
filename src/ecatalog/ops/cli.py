"""`ecatalog db …`: looking at the database file and keeping it, with or without a running catalog."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from ecatalog.cli.options import Data
from ecatalog.kit.clock import utc_now
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.inspect import check as check_file
from ecatalog.kit.inspect import status as status_of
from ecatalog.ops.copies import CopyFailed, copy_database
from ecatalog.ops.health import file_problems
from ecatalog.ops.preparing import Prepared, prepare_database
from ecatalog.settings import Settings

app = typer.Typer(help="Look at the database, prepare it, check it, copy it.", no_args_is_help=True)
REFUSED = 78
_DONE = {
    Prepared.CREATED: "{path} was created.",
    Prepared.MIGRATED: "{path} was migrated, after a copy was made beside it.",
    Prepared.CURRENT: "{path} was there and has the schema of this program. Nothing was changed.",
    Prepared.IN_USE: "{path} is in use by a catalog that runs. Nothing was changed.",
}


@app.command()
def status(data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Sizes, versions and the position of the log. Works beside a running catalog."""
    path = _existing(data)
    found = status_of(path)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(show_header=False)
    for name, value in msgspec.structs.asdict(found).items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


@app.command()
def check(data: Data = None) -> None:
    """Read every page and every reference; exit status 1 when something is wrong."""
    path = _existing(data)
    problems = check_file(path)
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{path} is whole.")


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the schema up to date, after a copy. The gateway does the same at its start."""
    path = _path(data)
    try:
        asyncio.run(_open_once(path))
    except RefusedToStart as refusal:
        _refuse(str(refusal))
    typer.echo(f"{path} has the schema of this program.")


@app.command()
def prepare(data: Data = None) -> None:
    """Make the database if there is none (with sample data when LOAD_SEED_DATA says so), migrate one that exists."""
    settings = Settings.read(os.environ, data=data)
    path = settings.database
    try:
        done = prepare_database(path, with_samples=settings.load_seed_data)
    except RefusedToStart as refusal:
        _refuse(str(refusal))
    problems = file_problems(path)
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(_DONE[done].format(path=path))


@app.command()
def health(data: Data = None) -> None:
    """Whether the database can be read and has room, by a quick look; exit status 1 when something is wrong."""
    path = _path(data)
    problems = file_problems(path)
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    found = status_of(path)
    typer.echo(f"{path} is healthy: {found.bytes} bytes, schema version {found.schema_version}.")


@app.command()
def copy(
    folder: Annotated[Path, typer.Argument(help="Where to put the copy.")],
    data: Data = None,
) -> None:
    """Copy the database as it is at this moment into a folder, beside a running catalog or without one."""
    path = _existing(data)
    try:
        made = copy_database(path, folder, utc_now())
    except CopyFailed as failure:
        _refuse(str(failure))
    typer.echo(f"Copied to {made} ({made.stat().st_size} bytes).")


async def _open_once(path: Path) -> None:
    db = Database(path)
    await db.start()
    await db.stop()


def _path(data: Path | None) -> Path:
    return Settings.read(os.environ, data=data, load_seed_data=False).database


def _existing(data: Path | None) -> Path:
    path = _path(data)
    if not path.exists():
        _refuse(f"There is no database at {path}. Name its directory with --data, or set DB_PATH.")
    return path


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"ecatalog db: {sentence}", err=True)
    raise typer.Exit(REFUSED)
