"""What the documents name exists: paths, links, make targets, commands; and the reference says what the code says."""

import importlib.util
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from ecatalog.cli.main import command_line, every_group
from ecatalog.ops.samples_content import USERS
from tests.architecture.code import ROOT
from tests.guides.typing_blocks import commands

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "packages/ecatalog-client/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "database").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
]
# `path/of.py` or `folder/`, as in docs/map.md; what has a placeholder, or is a network, is no path.
PATH = re.compile(r"`((?![0-9.]+/[0-9]+`)(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|toml))`")
LINK = re.compile(r"\]\(([^)#\s]+)")
MAKE = re.compile(r"\bmake ([a-z-]+)\b")
COMMAND = re.compile(r"\becatalog ((?:[a-z-]+ )*[a-z]+(?:-[a-z]+)*)\b")
CODE = re.compile(r"`([^`\n]+)`")
SAMPLE_LOGIN = re.compile(r"[\w.]+@ecatalog\.\w+")
# What an installation makes, media types, labels, and names of images: they are in no clone.
NOT_OF_THE_PROJECT = ("ltplabs/", "application/", "tokens/", "secrets/", "copies/", "text/", "ecatalog.io/")


def missing_paths(text: str, folder: Path = ROOT) -> list[str]:
    """The paths in backticks that exist neither in the project nor beside the document."""
    found = [path for path in PATH.findall(text) if not path.startswith(NOT_OF_THE_PROJECT)]
    return [path for path in found if not ((ROOT / path).exists() or (folder / path).exists())]


def broken_links(text: str, folder: Path) -> list[str]:
    """The relative links that lead nowhere."""
    return [link for link in LINK.findall(text) if "://" not in link and not (folder / link).exists()]


def unknown_commands(text: str) -> list[str]:
    """The make targets and the commands of `ecatalog` that do not exist, of those in code."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join([*commands(text), *CODE.findall(text)])
    wrong = [f"make {target}" for target in MAKE.findall(code) if target not in targets]
    return wrong + [f"ecatalog {words}" for words in COMMAND.findall(code) if not is_command(words.split())]


@lru_cache
def whole_command_line() -> Any:
    return typer.main.get_command(command_line(every_group()))


def is_command(words: Iterable[str]) -> bool:
    """Whether these words, or their beginning that ends in a command, exist; the rest are its arguments."""
    command: Any = whole_command_line()
    for word in words:
        below = getattr(command, "commands", None)
        if not below:
            return True
        if word not in below:
            return False
        command = below[word]
    return True


def reference_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts/write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_exists(document: Path) -> None:
    text = document.read_text()

    assert missing_paths(text, document.parent) == []
    assert broken_links(text, document.parent) == []
    assert unknown_commands(text) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_login_that_a_document_names_is_in_the_sample_data(document: Path) -> None:
    logins = {email for _, email, _ in USERS}

    assert set(SAMPLE_LOGIN.findall(document.read_text())) - logins == set()


def test_the_map_names_every_room() -> None:
    rooms = {each.name for each in (ROOT / "src/ecatalog").iterdir() if (each / "__init__.py").exists()}
    text = (ROOT / "docs/map.md").read_text()

    assert [room for room in sorted(rooms - {"migrations"}) if f"`src/ecatalog/{room}/`" not in text] == []


def test_the_readme_begins_with_the_two_commands() -> None:
    first_code = commands((ROOT / "README.md").read_text())[0].splitlines()

    assert [line.split("#")[0].strip() for line in first_code] == ["make run", "make test"]


def test_every_make_target_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):(.*)$", text, re.MULTILINE)

    assert [name for name, rest in targets if "## " not in rest] == []
    assert {name for name, _ in targets} == set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())


def test_every_decision_is_numbered_and_says_why() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))

    assert [int(each.name[:4]) for each in decisions] == list(range(1, len(decisions) + 1))
    for each in decisions:
        text = each.read_text()
        assert text.startswith(f"# {int(each.name[:4])}. "), each.name
        for part in ("Context", "Decision", "Consequences", "Alternatives"):
            assert f"**{part}.**" in text, (each.name, part)


def test_the_reference_is_what_the_code_says() -> None:
    behind = [
        name
        for name, text in reference_writer().pages().items()
        if not (path := ROOT / "docs/reference" / name).exists() or path.read_text() != text
    ]

    assert behind == [], "run make reference"


def test_a_planted_path_is_found() -> None:
    assert missing_paths("see `src/ecatalog/nowhere.py` and `docs/map.md`") == ["src/ecatalog/nowhere.py"]


def test_a_planted_link_is_found() -> None:
    assert broken_links("see [it](nowhere.md), [that](map.md#floors)", ROOT / "docs") == ["nowhere.md"]


@pytest.mark.parametrize(
    "text", ["`make nothing`", "```sh\nmake nothing\n```", "`ecatalog nothing`", "`ecatalog db nothing`"]
)
def test_a_planted_command_is_found(text: str) -> None:
    assert len(unknown_commands(text)) == 1


@pytest.mark.parametrize("text", ["we make nothing", "`make run`", "`ecatalog db copy folder`", "the ecatalog nothing"])
def test_commands_that_exist_and_plain_words_are_let_through(text: str) -> None:
    assert unknown_commands(text) == []
