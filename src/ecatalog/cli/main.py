"""The root of `ecatalog`. Nothing heavy is imported before a command runs, so that `--help` is quick."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from ecatalog.cli.options import Data
from ecatalog.settings import BadSetting, Settings, variable

COMPLETE = "_ECATALOG_COMPLETE"
REFUSED = 78
"""The exit status of what was refused (EX_CONFIG of sysexits.h): the same command again would not help."""


def _option(flag: str, setting: str, default: str | bool, text: str) -> Any:
    return typer.Option(flag, envvar=variable(setting), show_default=default, help=text)


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


def engine_guard() -> None:
    """Stand between a launcher and a Docker engine, and pass on only what launchers need."""
    from ecatalog_launcher.engine_guard import main as guard_engine

    raise typer.Exit(guard_engine(os.environ))


def keeper(data: Data = None, host: Host = None, port: Port = None) -> None:
    """Answer the health of a database file that a gateway writes, and only ever read it."""
    given = dict(locals())
    from ecatalog.keep import main as keep

    raise typer.Exit(keep(Settings.read(os.environ, load_seed_data=False, **given)))


def root(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """A self-hosted catalog of live demos, with access that ends exactly."""
    if show_version:
        from importlib.metadata import version

        typer.echo(f"ecatalog {version('ecatalog')}")
        raise typer.Exit


# Each room's own commands: a room is imported when one of its commands is wanted.
ROOMS = {
    "users": "ecatalog.accounts.cli",
    "clients": "ecatalog.clients.cli",
    "db": "ecatalog.ops.cli",
    "backup": "ecatalog.ops.backup_cli",
    "archive": "ecatalog.ops.archive_cli",
    "report": "ecatalog.ops.report_cli",
}
# The groups of operations of a running catalog; a test holds them against the table.
GROUPS = {
    "analytics": "What was used, by client and by demo.",
    "archive": "Move old use into files, and ask them.",
    "audit": "What happened, by whom.",
    "auth": "Your own session and password.",
    "backups": "Make, check and list the backups of a running catalog, by its API.",
    "clients": "Clients: create, find, renew, revoke, import.",
    "demos": "The catalog: find, add, open.",
    "docker-images": "The images that demos run.",
    "events": "Follow what happens, as it happens.",
    "invitations": "Links by which people choose a password.",
    "launches": "Copies of demos: follow, enter, stop.",
    "messages": "What people were sent.",
    "registries": "The logins of registries.",
    "requests": "Requests for more time, or for the end of access.",
    "scopes": "What a token may be allowed.",
    "settings": "The name, the colour and the texts of the catalog.",
    "service": "The service itself.",
    "tokens": "Tokens of services.",
    "users": "Users: the vendor's own people.",
    "warm-plans": "When copies are kept warm.",
    "webhooks": "Which systems are told what happens.",
}
_LOCAL = {
    "db": "Look at the database, prepare it, check it, copy it.",
    "backup": "Make, check, prune and restore backups on this machine.",
    "report": "What went wrong, what was used, what is slow.",
}
# Commands of their own, by the module that has them.
_ALONE = {
    "login": (
        "ecatalog.cli.access",
        "Log in, and keep the token in a file that only you can read: every later command uses it.",
    ),
    "logout": ("ecatalog.cli.access", "Log out, close the demos of this session, and forget the token."),
    "call": ("ecatalog.cli.access", "Call an operation by its method and path. The answer is JSON."),
    "completion": ("ecatalog.cli.access", "Print what makes a shell complete our commands."),
    "doctor": ("ecatalog.ops.doctor_cli", "Tell by number what is not as it should be, and what to do."),
}


def every_group() -> list[str]:
    """The first words that lead to more commands."""
    return sorted({*ROOMS, *GROUPS, *_ALONE})


def command_line(words: Sequence[str]) -> typer.Typer:
    """The whole command line, with the commands of the groups among these words; of the others only the names."""
    app = typer.Typer(name="ecatalog", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(root)
    for service in (serve, gateway, edge, launcher, engine_guard, keeper):
        app.command()(service)
    for name, (module, about) in _ALONE.items():
        app.command(name, help=about)(getattr(import_module(module), name) if name in words else _nothing)
    for name in sorted({*ROOMS, *GROUPS}):
        app.add_typer(_group(name) if name in words else typer.Typer(), name=name, help={**GROUPS, **_LOCAL}[name])
    return app


def _nothing() -> None:
    """Stands for a command that is not wanted this time, and for what a group does by itself."""


def _group(name: str) -> typer.Typer:
    """The commands of one group: those of its room, and those of its operations."""
    room = import_module(ROOMS[name]).app if name in ROOMS else typer.Typer()
    app = typer.Typer(no_args_is_help=room.registered_callback is None)
    app.callback()(_nothing)  # Keeps a single command a command of its own.
    app.registered_callback = room.registered_callback or app.registered_callback
    app.registered_commands += room.registered_commands
    if name in GROUPS:
        import_module("ecatalog.cli.remote").add_commands(app, name)
    return app


def _words(arguments: Sequence[str]) -> Sequence[str]:
    """The words that choose what is imported: the first one, or those that a shell wants completed."""
    if COMPLETE not in os.environ:
        return arguments[:1]
    from typer._completion_classes import completion_init

    completion_init()
    return " ".join(os.environ.get(name, "") for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")).split()[1:2]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of one command line."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = command_line(_words(words))(args=words, prog_name="ecatalog", standalone_mode=False)
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
