"""`ecatalog report …`: what to read each week and each month. A report tells, and changes nothing."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import apsw
import msgspec
import typer

from ecatalog.cli.options import Data
from ecatalog.cli.showing import console, show_fields, show_items, show_json
from ecatalog.kit.clock import utc_now
from ecatalog.kit.db import Tx
from ecatalog.ops import reports
from ecatalog.ops.report_metrics import NoMetrics, read_metrics, slowest
from ecatalog.settings import Settings

app = typer.Typer(help="What went wrong, what was used, what is slow.", no_args_is_help=True)
FAILED = 1
REFUSED = 78

Days = Annotated[int, typer.Option("--days", min=1, max=3660, help="Of so many days until now.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


@app.command()
def errors(days: Days = 7, data: Data = None, as_json: Json = False) -> None:
    """Sum up what went wrong: backups, messages, demos, launches, the file itself."""
    found = _reported(data, days, reports.troubles)
    if as_json:
        show_json(found)
        return
    if found:
        show_items(msgspec.to_builtins(found, builtin_types=(datetime,)))
    times = sum(each.times for each in found)
    typer.echo(f"{times} {'error' if times == 1 else 'errors'} in the last {days} days.")


@app.command()
def usage(days: Days = 31, data: Data = None, as_json: Json = False) -> None:
    """Sum up what clients used: in all, the demos and the clients with most active time."""
    found = _reported(data, days, reports.usage)
    if as_json:
        show_json(found)
        return
    plain = msgspec.to_builtins(found, builtin_types=(datetime,))
    show_fields({name: value for name, value in plain.items() if not isinstance(value, list)})
    for name in ("top_demos", "top_clients"):
        console().print(name.replace("_", " "))
        show_items(plain[name])


@app.command()
def queries(
    metrics: Annotated[str, typer.Option("--metrics", envvar="ECATALOG_METRICS_URL", help="Its metrics.")] = "",
    most: Annotated[int, typer.Option("--most", min=1, help="Show no more than that.")] = 20,
    as_json: Json = False,
) -> None:
    """Tell which queries took longest since the gateway started."""
    settings = Settings.read(os.environ, load_seed_data=False)
    try:
        found = slowest(read_metrics(metrics or f"http://127.0.0.1:{settings.internal_port}/metrics"), most)
    except NoMetrics as nobody:
        _end(str(nobody), FAILED)
    if as_json:
        show_json(found)
    else:
        show_items([msgspec.structs.asdict(each) for each in found])


def _reported(data: Path | None, days: int, report: Callable[[Tx, datetime], Any]) -> Any:
    path = Settings.read(os.environ, data=data, load_seed_data=False).database
    if not path.exists():
        _end(f"There is no database at {path}. Name its directory with --data, or set DB_PATH.", REFUSED)
    try:
        return reports.reported(path, utc_now(), days, report)
    except (apsw.Error, RuntimeError) as error:
        _end(f"{path} cannot be read ({error}). Look at it: ecatalog db check", FAILED)


def _end(sentence: str, status: int) -> NoReturn:
    typer.echo(f"ecatalog report: {sentence}", err=True)
    raise typer.Exit(status)
