"""Every block of commands in a document is typed by a test, and everything that is a command says that it is one."""

import re
from collections.abc import Mapping

import pytest

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import commands, fences

TYPED_BY: dict[str, tuple[str, ...]] = {
    "README.md": ("tests/proofs/test_readme.py",),
    "CONTRIBUTING.md": ("tests/guides/test_contributing.py",),
    "database/README.md": ("tests/proofs/test_database_image.py",),
    "deploy/monitoring/README.md": ("tests/proofs/test_monitoring.py",),
    "docs/guide/alerts.md": ("tests/proofs/test_beside_a_catalog.py",),
    "docs/guide/backup-and-recovery.md": ("tests/proofs/test_backup_guide.py", "tests/proofs/test_litestream.py"),
    "docs/guide/containers.md": ("tests/proofs/test_beside_a_catalog.py", "tests/deploy/test_guide.py"),
    "docs/guide/greeting-visitors.md": ("tests/proofs/test_beside_a_catalog.py", "tests/edge/test_greeting.py"),
    "docs/guide/install-on-kubernetes.md": ("tests/deploy/test_guide.py",),
    "docs/guide/install-on-one-machine.md": ("tests/proofs/test_one_machine.py",),
    "docs/guide/install-with-docker.md": ("tests/proofs/test_compose.py",),
    "docs/guide/messages.md": ("tests/proofs/test_beside_a_catalog.py",),
    "docs/guide/neighbours.md": ("tests/proofs/test_neighbours.py",),
    "docs/guide/troubleshooting.md": ("tests/proofs/test_database_image.py", "tests/proofs/test_beside_a_catalog.py"),
}
WHERE = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/guide/*.md",
    "database/*.md",
    "deploy/**/*.md",
    "packages/*/README.md",
    "samples/**/*.md",
)
PROGRAMS = (
    "age|apt-get|bash|chmod|chown|curl|docker|ecatalog|export|fuser|git|journalctl|kind|kubectl|litestream|ls|make|"
    "minikube|openssl|pip|prometheus|promtool|sqlite3|sudo|systemctl|tar"
)
COMMAND = re.compile(rf"^(?:\$ )?(?:{PROGRAMS})\s", re.MULTILINE)


def documents() -> dict[str, str]:
    """The text of each, by its path."""
    paths = {path for pattern in WHERE for path in ROOT.glob(pattern)}
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(paths)}


def untyped(texts: Mapping[str, str], rows: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The documents that have commands and no row, and those of rows that have none."""
    return {name for name, text in texts.items() if commands(text)} ^ set(rows)


def unnamed_commands(text: str) -> list[str]:
    """The lines that begin with a program, in blocks that do not say that they are for a shell."""
    plain = [lines for language, lines in fences(text) if language in ("", "text")]
    return [line for lines in plain for line in lines.splitlines() if COMMAND.match(line)]


def test_each_document_with_commands_has_its_row() -> None:
    assert untyped(documents(), TYPED_BY) == set()


@pytest.mark.parametrize("document", TYPED_BY)
def test_each_row_names_tests_that_read_the_document(document: str) -> None:
    for module in TYPED_BY[document]:
        assert f'"{document}"' in (ROOT / module).read_text(), module


@pytest.mark.parametrize("document", documents())
def test_what_is_a_command_says_so(document: str) -> None:
    assert unnamed_commands(documents()[document]) == []


def test_a_planted_document_is_found_out() -> None:
    planted = {"typed.md": "```sh\nmake run\n```\n", "new.md": "```console\nmake\n```\n", "bare.md": "make run\n"}

    assert untyped(planted, {"typed.md": ()}) == {"new.md"}
    assert untyped(planted, {"typed.md": (), "new.md": (), "bare.md": ()}) == {"bare.md"}


@pytest.mark.parametrize("line", ["ecatalog doctor", "$ kubectl get pods", "sudo chown x y", "curl -X PATCH \\"])
@pytest.mark.parametrize("language", ["", "text"])
def test_a_planted_command_is_found_out(language: str, line: str) -> None:
    assert unnamed_commands(f"```{language}\n{line}\n```\n") == [line]


def test_what_is_no_command_is_let_through() -> None:
    assert unnamed_commands("```\nPOST /api/webhooks\nA=b\n```\n```ini\nmake run\n```\nmake run\n") == []
