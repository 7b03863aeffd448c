"""Commands that are no single operation: `login`, `logout`, `call` and `completion`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ecatalog.cli import profile
from ecatalog.cli.calling import Wanted, connected, finish, perform
from ecatalog.cli.remote import Deadline, Token, Url, find
from ecatalog_client.errors import Invalid
from ecatalog_client.operations import AUTH_LOGOUT


def login(
    url: Annotated[str, typer.Option(envvar="ECATALOG_URL", help="The address of the catalog.")],
    email: Annotated[str, typer.Option(help="Log in as this person.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password; without it, it is asked for.")
    ] = None,
    token: Annotated[str, typer.Option(help="Keep this token of a service instead; `-` reads it from the input.")] = "",
    deadline: Deadline = 10.0,
) -> None:
    """Log in, and keep the token in a file that only you can read: every later command uses it."""
    wanted = Wanted(url=url, token=token, deadline=deadline)
    kept = finish(_token(wanted, email, password_file))
    path = profile.path_of(os.environ)
    profile.keep(path, profile.Profile(url, kept))
    typer.echo(f"Logged in to {url}; the token is in {path}.")


async def _token(wanted: Wanted, email: str, password_file: Path | None) -> str:
    if wanted.token:
        is_to_be_read = wanted.token.strip("-") == ""
        return sys.stdin.readline().strip() if is_to_be_read else wanted.token
    async with connected(wanted) as catalog:
        catalog.token = ""
        name = email or str(typer.prompt("E-mail address"))
        signed = await catalog.auth.login(email=name, password=_password(password_file))
        return signed.token


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password on: use --password-file.")
    return str(typer.prompt("Password", hide_input=True))


def logout(deadline: Deadline = 10.0) -> None:
    """Log out, close the demos of this session, and forget the token."""
    finish(perform(AUTH_LOGOUT, (), {}, Wanted(deadline=deadline)))
    profile.path_of(os.environ).unlink(missing_ok=True)


def call(
    name: Annotated[str, typer.Argument(help='What to do, such as "PATCH /api/clients/ID/revoke".')],
    fields: Annotated[str, typer.Option("--json", help="The fields, as one JSON object.")] = "{}",
    url: Url = "",
    token: Token = "",
    deadline: Deadline = 10.0,
) -> None:
    """Call an operation by its method and path. The answer is JSON."""
    finish(_call(name, fields, Wanted(url=url, token=token, deadline=deadline, as_json=True)))


async def _call(name: str, fields: str, wanted: Wanted) -> None:
    found = find(name)
    if found is None:
        raise Invalid(f"There is no operation {name!r}: docs/reference/operations.md lists them.")
    try:
        given = msgspec.json.decode(fields, type=dict)
    except msgspec.MsgspecError as error:
        raise Invalid(f"--json is no JSON object: {error}.") from None
    await perform(*found, given, wanted)


def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print what makes a shell complete our commands: `source <(ecatalog completion bash)`."""
    from typer._completion_shared import get_completion_script

    if shell not in ("bash", "zsh", "fish"):
        finish(_refuse(f"There is no completion for {shell!r}: choose bash, zsh or fish."))
    typer.echo(get_completion_script(prog_name="ecatalog", complete_var="_ECATALOG_COMPLETE", shell=shell))


async def _refuse(message: str) -> None:
    raise Invalid(message)
