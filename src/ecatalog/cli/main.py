"""The root of `ecatalog`. Nothing heavy is imported before a command runs, so that `--help` is quick."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ecatalog.settings import BadSetting, Settings, variable

app = typer.Typer(name="ecatalog", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
REFUSED = 78
"""The exit status of what was refused (EX_CONFIG of sysexits.h): the same command again would not help."""


def _option(flag: str, setting: str, default: str | bool, text: str) -> Any:
    return typer.Option(flag, envvar=variable(setting), show_default=default, help=text)


Data = Annotated[Path | None, _option("--data", "data", "var", "Where the database and its secrets live.")]
Host = Annotated[str | None, _option("--host", "host", "127.0.0.1", "The address of the catalog.")]
Port = Annotated[int | None, _option("--port", "port", "8080", "The port of the catalog.")]
EdgeHost = Annotated[str | None, _option("--edge-host", "edge_host", "127.0.0.1", "The address of the demos.")]
EdgePort = Annotated[int | None, _option("--edge-port", "edge_port", "8081", "The port of the demos.")]
GrpcPort = Annotated[int | None, _option("--grpc-port", "grpc_port", "9090", "The port for services.")]
InternalPort = Annotated[
    int | None,
    _option("--internal-port", "internal_port", "9100", "Health and metrics; `serve` takes the next two ports too."),
]
SampleLogins = Annotated[
    bool | None,
    _option(
        "--allow-sample-logins", "allow_sample_logins", False, "Let the sample logins be used from other machines."
    ),
]


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
    """Run everything on this machine: gateway, edge and launcher, each started again when it dies."""
    given = dict(locals())
    from ecatalog.serve import main as run_all

    raise typer.Exit(run_all(Settings.load(os.environ, **given), os.environ))


def gateway(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    grpc_port: GrpcPort = None,
    internal_port: InternalPort = None,
    allow_sample_logins: SampleLogins = None,
) -> None:
    """Run the gateway alone: pages and API, and the only writer of the database."""
    given = dict(locals())
    from ecatalog.run import main as run_gateway

    raise typer.Exit(run_gateway(Settings.load(os.environ, **given), os.environ))


def edge() -> None:
    """Run an edge alone: the proxy in front of running demos. Its settings are environment variables."""
    from ecatalog_edge.app import main as run_edge

    raise typer.Exit(run_edge(os.environ))


def launcher() -> None:
    """Run a launcher alone: it starts and stops the demos. Its settings are environment variables."""
    from ecatalog_launcher.app import main as run_launcher

    raise typer.Exit(run_launcher(os.environ))


def root(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """A self-hosted catalog of live demos, with access that ends exactly."""
    if show_version:
        from importlib.metadata import version

        typer.echo(f"ecatalog {version('ecatalog')}")
        raise typer.Exit


# Each room's own commands, and what they are for: a room is imported when one of its commands is wanted.
ROOMS = {
    "users": ("ecatalog.accounts.cli", "Users: the vendor's own people."),
    "db": ("ecatalog.ops.cli", "Look at the database, check it, migrate it, copy it."),
    "backup": ("ecatalog.ops.backup_cli", "Make, check, prune and restore backups."),
    "archive": ("ecatalog.ops.archive_cli", "Move old use into files, and ask them."),
    "doctor": ("ecatalog.ops.doctor_cli", "Tell by number what is not as it should be, and what to do."),
}


def command_line(rooms: Sequence[str]) -> typer.Typer:
    """The whole command line, with the commands of these rooms; of the others only the names."""
    app = typer.Typer(name="ecatalog", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(root)
    for service in (serve, gateway, edge, launcher):
        app.command()(service)
    for name, (module, about) in ROOMS.items():
        commands = import_module(module).app if name in rooms else typer.Typer()
        app.add_typer(commands, name=name, help=about)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of one command line."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = command_line(words[:1])(args=words, prog_name="ecatalog", standalone_mode=False)
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
