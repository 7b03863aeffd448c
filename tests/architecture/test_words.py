"""What no file of the project holds: work that was put off, tests that do not run, names of somebody's machine."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.architecture.code import ROOT

# Written in pieces, so that this file may be read by its own guard.
FORBIDDEN: Mapping[str, str] = {
    r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b": "do it, or leave it out",
    r"pytest\.mark\.sk" + r"ip|pytest\.sk" + r"ip\(|unittest\.sk" + r"ip": "a test runs or is removed",
    r"type:\s*ig" + r"nore(?!\[)": "name what is ignored, as in ignore[arg-type]",
    r"(?<![\w.:/-])/(?:ho" + r"me|ro" + r"ot|Us" + r"ers|wo" + r"rk)/[\w.-]+": "no paths of somebody's machine",
    r"\b(?:py" + r"pi\.org|files\.python" + r"hosted\.org|registry\.npm" + r"js\.org)\b": "registries are settings",
}
FOLDERS = ("src", "packages", "tests", "scripts", "docs", "bench", "samples", "proto", "deploy", "database", ".ci")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", ".gitignore")
TEXT = frozenset(
    {
        ".py",
        ".md",
        ".toml",
        ".sh",
        ".html",
        ".css",
        ".js",
        ".json",
        ".lua",
        ".proto",
        ".sql",
        ".yaml",
        ".yml",
        ".in",
        "",
    }
)
# Made by tools or by others, and checked by their hashes.
PASSED_OVER = ("node_modules", "__pycache__", "v1", "vendor")


def forbidden_words(texts: Iterable[tuple[str, str]]) -> list[str]:
    """A sentence for each forbidden word in these texts (name, content)."""
    found = []
    for name, text in texts:
        for pattern, advice in FORBIDDEN.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {match[0]!r}: {advice}")
    return found


def project_texts() -> list[tuple[str, str]]:
    paths = [ROOT / name for name in FILES if (ROOT / name).exists()]
    for folder in FOLDERS:
        paths += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file() and is_written(path))
    return [(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths]


def is_written(path: Path) -> bool:
    return path.suffix in TEXT and not any(part in PASSED_OVER for part in path.relative_to(ROOT).parts)


def test_no_file_holds_a_forbidden_word() -> None:
    texts = project_texts()

    assert len(texts) > 100
    assert not (found := forbidden_words(texts)), "\n".join(found)


@pytest.mark.parametrize(
    "planted",
    [
        "# TO" + "DO: later",
        "raise NotImplementedError  # FIX" + "ME",
        "@pytest.mark.sk" + "ip",
        "x = y  # type: ig" + "nore",
        "see /ho" + "me/somebody/notes",
        "index = https://py" + "pi.org/simple",
    ],
)
def test_a_planted_word_is_found(planted: str) -> None:
    assert len(forbidden_words([("planted.py", f"first\n{planted}\n")])) == 1


@pytest.mark.parametrize("fine", ["x = y  # type: ig" + "nore[arg-type]", "GET /api/users/me", "https://host/root/x"])
def test_other_words_are_let_through(fine: str) -> None:
    assert forbidden_words([("fine.py", fine)]) == []
