"""Types what a document says into a shell, as its reader does: block by block, with what is the reader's own filled in.

A module that types a document takes its blocks apart by name, `FIRST, SECOND = blocks("docs/…")`. So a block that is
added is not left untyped: there are then too few names for it, and the module does not even load.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.architecture.code import ROOT
from tests.terminal import Terminal

SHELL = ("sh", "bash", "console")
# What the environment of whoever runs the tests must not decide.
_OURS = ("ECATALOG_", "BACKUP_", "DB_", "LOAD_SEED_DATA", "JWT_SECRET", "ENCRYPTION_KEY")


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Each block of code in a document: its language, empty where none is named, and its lines."""
    language, lines = None, list[str]()
    for line in text.splitlines():
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, lines = line.removeprefix("```").strip(), []
        else:
            yield language, "".join(f"{each}\n" for each in lines)
            language = None


def commands(text: str) -> list[str]:
    """Its blocks that are for a shell."""
    return [lines for language, lines in fences(text) if language in SHELL]


def blocks(document: str, heading: str = "", language: str | None = None) -> list[str]:
    """The commands of a document, or those below one of its headings; or its blocks in a language (`""`: in none)."""
    text = (ROOT / document).read_text()
    if heading:
        text = re.split(rf"^## {re.escape(heading)}\n", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    return commands(text) if language is None else [lines for named, lines in fences(text) if named == language]


def inline(document: str, *beginnings: str) -> list[str]:
    """The commands between backticks in sentences and tables, each once: those that begin with one of these words."""
    outside = re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`([^`\n]+)`", outside)
    return list(dict.fromkeys(each for each in found if each.startswith(tuple(f"{word} " for word in beginnings))))


def filled_in(lines: str, values: Mapping[str, str]) -> str:
    """With what a reader puts for each of these words, all of which must be there."""
    for word, value in values.items():
        assert word in lines, f"{word!r} is not in:\n{lines}"
        lines = lines.replace(word, value)
    return lines


def add_program(folder: Path, name: str, text: str) -> None:
    """A program of the shell for a PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def environment(*programs: Path, **more: str) -> dict[str, str]:
    """That of the tests without its settings, with these folders of programs before ours on the PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = ":".join([*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | {"PATH": path} | more


def in_bash(lines: str) -> list[str]:
    """The command that types these lines into one bash, which stops at the first of them that fails."""
    return ["bash", "-euo", "pipefail", "-c", lines]


def said(
    command: Sequence[str],
    folder: Path = Path(),
    env: Mapping[str, str] = os.environ,
    statuses: tuple[int, ...] = (0,),
    given: str = "",
) -> str:
    """What a command prints, which ends with one of these statuses."""
    told = subprocess.run(
        command, cwd=folder, env=env, input=given, capture_output=True, text=True, timeout=300, check=False
    )
    typing = "\n".join(command)
    assert told.returncode in statuses, f"{told.returncode} of\n{typing}\n{told.stdout[-3000:]}{told.stderr[-3000:]}"
    return told.stdout


def typed(lines: str, folder: Path, env: Mapping[str, str], statuses: tuple[int, ...] = (0,), given: str = "") -> str:
    """What the lines print, typed there into one bash."""
    return said(in_bash(lines), folder, env, statuses, given)


def typed_at_a_terminal(lines: str, folder: Path, env: Mapping[str, str], answers: Mapping[str, str]) -> str:
    """What the lines print to a terminal, where each of these questions is answered when it has been asked."""
    with Terminal(in_bash(lines), cwd=folder, env=env) as terminal:
        terminal.answer(answers)
        assert terminal.end() == 0, terminal.shown
    return terminal.shown
