"""`ecatalog users …`: what an operator does to accounts on the machine itself, while the gateway does not run."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ecatalog.accounts import actions
from ecatalog.accounts.model import normal_email, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.cli.options import Data
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.kit.errors import CatalogError
from ecatalog.settings import BadSetting, Settings
from ecatalog_client.types.accounts import User

app = typer.Typer(help="Users: the vendor's own people.", no_args_is_help=True)

_ROLES = ("admin", "sales", "viewer")


@app.callback()
def users() -> None:
    """Keeps `add` a command of its own: a Typer application with one command would be that command."""


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="The e-mail address to log in with.")],
    name: Annotated[str, typer.Option(help="The full name.")],
    role: Annotated[str, typer.Option(help="admin, sales or viewer.")] = "viewer",
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password; without it, it is asked for.")
    ] = None,
    data: Data = None,
) -> None:
    """Add a user while the gateway is stopped. Beside a running gateway, `ecatalog users create` does."""
    try:
        settings = Settings.load(os.environ, data=data)
        refuse_unknown_role(role)
        password = _password(password_file)
        refuse_weak(password, normal_email(email), name)
        user = asyncio.run(add_user(settings.database, email, name, role, password))
    except (CatalogError, BadSetting, RefusedToStart, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{user.full_name} ({user.email}) may now log in as {user.role}.")


def refuse_unknown_role(role: str) -> None:
    if role not in _ROLES:
        raise BadSetting(f"There is no role {role!r}: choose {', '.join(_ROLES)}.")


async def add_user(path: Path, email: str, full_name: str, role: str, password: str) -> User:
    """Opens the database as its only writer, adds the user, closes it. Raises RefusedToStart while another writes."""
    hasher = Hasher()
    db = Database(path)
    try:
        password_hash = await hasher.hash(password)
        await db.start()
        return await db.write(actions.create_user, SYSTEM, email, full_name, role, password_hash)
    finally:
        await db.stop()
        hasher.close()


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise BadSetting("There is no terminal to ask for the password on: use --password-file.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
