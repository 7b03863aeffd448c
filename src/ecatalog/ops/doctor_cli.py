"""`ecatalog doctor`: the findings in words or as JSON; the exit status says how bad the worst is."""

import os
from typing import Annotated

import msgspec
import typer

from ecatalog.cli.options import Data
from ecatalog.kit.clock import utc_now
from ecatalog.ops.doctor import examine, machine_here
from ecatalog.settings import Settings


def doctor(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of words.")] = False,
) -> None:
    """Look at disk, database, backups, clock, rights, settings, engine. Exit status: 0 fine, 1 warnings, 2 errors."""
    found = examine(machine_here(Settings.read(os.environ, data=data, load_seed_data=False), utc_now()))
    if as_json:
        told = [each.finding._asdict() | each._asdict() | {"level": each.finding.level.name.lower()} for each in found]
        typer.echo(msgspec.json.encode(told).decode())
    else:
        for each in found:
            typer.echo(f"{each.code} {each.finding.level.name.lower()}: {each.finding.what}. {each.detail}")
            typer.echo(f"     {each.finding.advice}")
        typer.echo(f"{len(found)} findings." if found else "All is well.")
    raise typer.Exit(max((int(each.finding.level) for each in found), default=0))
