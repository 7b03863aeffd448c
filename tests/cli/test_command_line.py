"""`ecatalog …`: what it offers, how it refuses, and that it is quick because it imports only what a command needs."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ecatalog.cli.main import GROUPS, ROOMS, main
from ecatalog_client.operations import OPERATIONS


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    said = capsys.readouterr().out
    for command in ("serve", "gateway", "edge", "launcher", "users", "db", "backup", "doctor", "archive", "--version"):
        assert command in said


FIRST = {
    "users": "add",
    "db": "migrate",
    "backup": "verify",
    "archive": "query",
    "report": "errors",
    "clients": "import",
}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_brings_its_own_commands(room: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([room, "--help"]) == 0

    assert FIRST[room] in capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"ecatalog {version('ecatalog')}\n"


def test_every_option_of_serve_names_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    main(["serve", "--help"])

    said = capsys.readouterr().out
    for name in ("DATA", "HOST", "PORT", "EDGE_HOST", "EDGE_PORT", "GRPC_PORT", "INTERNAL_PORT"):
        assert f"[env var: ECATALOG_{name}]" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["serve", "--port", "abc"], "--port"),
        (["serve", "--bogus"], "No such option: --bogus"),
        (["db", "copy"], "Missing argument 'folder'"),
    ],
)
def test_a_command_that_does_not_exist_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    assert told in capsys.readouterr().err


def test_a_bad_setting_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOAD_SEED_DATA", "true")

    assert main(["serve", "--data", str(tmp_path), "--host", "0.0.0.0"]) == 78

    said = capsys.readouterr().err
    assert said.startswith("ecatalog: The sample data has logins")
    assert said.count("\n") == 1


def test_the_groups_are_those_of_the_operations() -> None:
    assert set(GROUPS) == {each.group.replace("_", "-") for each in OPERATIONS}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_ECATALOG_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("ecatalog la", ["launcher", "launches"]), ("ecatalog clients re", ["renew", "restore", "revoke"])],
)
def test_bash_completes_groups_and_their_commands(typed: str, offered: list[str]) -> None:
    words = typed.split()
    asked = {"_ECATALOG_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}

    found = subprocess.run(
        [sys.executable, "-m", "ecatalog"], env=os.environ | asked, capture_output=True, text=True, check=True
    )

    assert sorted(found.stdout.split()) == offered


@pytest.mark.parametrize("start", ["from ecatalog.cli.main import main; main(['--help'])", "import ecatalog.serve"])
def test_the_database_and_the_pages_are_not_imported_for_it(start: str) -> None:
    """Who starts the services, or asks for help, does not wait for what a gateway needs."""
    heavy = ["apsw", "jinja2", "argon2", "grpc", "uvicorn", "cryptography", "aiohttp", "publicsuffixlist"]
    heavy += ["ecatalog_client.operations", "ecatalog_client.catalog"]
    look = f"import sys\n{start}\nprint([name for name in {heavy} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.splitlines()[-1] == "[]"
