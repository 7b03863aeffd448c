"""`ecatalog users add`: an operator on the machine itself, while the gateway does not run."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ecatalog.accounts import queries
from ecatalog.accounts.cli import app
from ecatalog.accounts.passwords import Hasher
from ecatalog.kit.db import Database

PASSWORD = "four calm words together"


def add(data: Path, *more: str, email: str = "ada@example.test", password: str = PASSWORD) -> Result:
    file = data.parent / "password"
    file.write_text(password + "\n")
    words = ["add", email, "--name", "Ada", "--data", str(data), "--password-file", str(file), *more]
    return CliRunner().invoke(app, words, env={"JWT_SECRET": "0123456789abcdef" * 3})


async def credential_of(data: Path, email: str) -> tuple[str, bool]:
    db, hasher = Database(data / "ltplabs.db"), Hasher()
    await db.start()
    try:
        found = await db.read(queries.find_credential, email)
        assert found is not None
        async with hasher.turn() as turn:
            return found.role, await turn.verify(found.password_hash, PASSWORD)
    finally:
        await db.stop()


def test_a_user_is_added_and_the_database_made_when_there_is_none(tmp_path: Path) -> None:
    result = add(tmp_path / "data", "--role", "admin")
    assert result.exit_code == 0
    assert result.output.endswith("Ada (ada@example.test) may now log in as admin.\n")
    assert asyncio.run(credential_of(tmp_path / "data", "ada@example.test")) == ("admin", True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"email": "ada"}, "no e-mail address"),
        ({"password": "short"}, "at least 10 characters"),
        ({"password": "Password123!"}, "tries first"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(tmp_path: Path, given: dict[str, str], words: str) -> None:
    result = add(tmp_path / "data", **given)
    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_an_unknown_role_is_refused_with_those_there_are(tmp_path: Path) -> None:
    result = add(tmp_path / "data", "--role", "client")
    assert (result.exit_code, "admin, sales, viewer" in result.output) == (1, True)


def test_an_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    assert add(tmp_path / "data").exit_code == 0
    again = add(tmp_path / "data", email="ADA@example.test")
    assert (again.exit_code, "belongs to somebody already" in again.output) == (1, True)


def test_without_a_terminal_the_password_comes_from_a_file(tmp_path: Path) -> None:
    words = ["add", "ada@example.test", "--name", "Ada", "--data", str(tmp_path / "data")]
    result = CliRunner().invoke(app, words, env={"JWT_SECRET": "0123456789abcdef" * 3})
    assert (result.exit_code, "--password-file" in result.output) == (1, True)


async def test_beside_a_running_gateway_it_says_who_holds_the_database(tmp_path: Path) -> None:
    db = Database(tmp_path / "data" / "ltplabs.db")
    await db.start()
    try:
        result = await asyncio.to_thread(add, tmp_path / "data")
    finally:
        await db.stop()
    assert result.exit_code == 1
    assert "another" in result.output.lower(), result.output
