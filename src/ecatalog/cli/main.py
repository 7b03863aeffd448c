"""The root of `ecatalog`. Nothing heavy is imported before a command runs, so that `--help` is quick."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from ecatalog.settings import BadSetting, Settings, variable

app = typer.Typer(name="ecatalog", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
REFUSED = 78


def _option(flag: str, setting: str, text: str) -> Any:
    return typer.Option(flag, envvar=variable(setting), show_default=False, help=text)


Data = Annotated[Path | None, _option("--data", "data", "Where the database and its secrets live [default: var].")]
Host = Annotated[str | None, _option("--host", "host", "The address of the catalog [default: 127.0.0.1].")]
Port = Annotated[int | None, _option("--port", "port", "The port of the catalog [default: 8080].")]
EdgeHost = Annotated[str | None, _option("--edge-host", "edge_host", "The address of the demos [default: 127.0.0.1].")]
EdgePort = Annotated[int | None, _option("--edge-port", "edge_port", "The port of the demos [default: 8081].")]
GrpcPort = Annotated[int | None, _option("--grpc-port", "grpc_port", "The port for services [default: 9090].")]
InternalPort = Annotated[
    int | None,
    _option(
        "--internal-port", "internal_port", "Health and metrics; edge and launcher take the next two [default: 9100]."
    ),
]
SampleLogins = Annotated[
    bool | None,
    _option("--allow-sample-logins", "allow_sample_logins", "Let the sample logins be used from other machines."),
]


@app.command()
def serve(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    edge_host: EdgeHost = None,
    edge_port: EdgePort = None,
    grpc_port: GrpcPort = None,
    internal_port: InternalPort = None,
    allow_sample_logins: SampleLogins = None,
) -> None:
    """Run everything on this machine: gateway, edge and launcher, restarted when one dies."""
    from ecatalog import serve as supervisor

    given = {name: value for name, value in locals().items() if name != "supervisor"}
    settings = _settings(**given)
    raise typer.Exit(supervisor.main(settings, os.environ, _arguments(given)))


@app.command()
def gateway(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    edge_host: EdgeHost = None,
    edge_port: EdgePort = None,
    grpc_port: GrpcPort = None,
    internal_port: InternalPort = None,
    allow_sample_logins: SampleLogins = None,
) -> None:
    """Run the gateway alone: the API, and the only writer of the database."""
    from ecatalog import run

    given = {name: value for name, value in locals().items() if name != "run"}
    raise typer.Exit(run.main(_settings(**given), os.environ))


@app.command()
def edge() -> None:
    """Run an edge alone: the proxy to running demos. Its settings are environment variables."""
    from ecatalog_edge.app import main as run_edge

    raise typer.Exit(run_edge(os.environ))


@app.command()
def launcher() -> None:
    """Run a launcher alone: it starts and stops the demos. Its settings are environment variables."""
    from ecatalog_launcher.app import main as run_launcher

    raise typer.Exit(run_launcher(os.environ))


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """A self-hosted catalog of live demos, with access that ends exactly."""
    if show_version:
        typer.echo(f"ecatalog {version('ecatalog')}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of one command line."""
    _join_rooms(sys.argv[1:] if arguments is None else list(arguments))
    try:
        status = app(args=arguments, standalone_mode=False)
    except BadSetting as error:
        sys.stderr.write(f"ecatalog: {error}\n")
        return REFUSED
    except typer.Abort:
        return 130
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        error.show()  # type: ignore[attr-defined]  # a usage error of click, without depending on it by name
        return int(error.exit_code)
    return status if isinstance(status, int) else 0


def _join_rooms(arguments: Sequence[str]) -> None:
    """Rooms' commands are joined when one of them, or the help, is asked for: services start without them."""
    if arguments and arguments[0] in {"serve", "gateway", "edge", "launcher"}:
        return
    from ecatalog.accounts.cli import app as users
    from ecatalog.ops.cli import app as database

    app.add_typer(users, name="users")
    app.add_typer(database, name="db")


def _settings(**given: Any) -> Settings:
    return Settings.load(os.environ, **given)


def _arguments(given: dict[str, Any]) -> list[str]:
    """The same choices for a child process."""
    words: list[str] = []
    for name, value in given.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
