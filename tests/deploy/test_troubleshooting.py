"""What the guides quote is what the programs say."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.code import ROOT

GUIDE = ROOT / "docs/guide/troubleshooting.md"
# Here `…` and numbers stand for what differs.
OTHERS = ("docs/guide/first-steps.md", "docs/guide/backup-and-recovery.md")
ENTRIES = (
    "Database is locked",
    "Pod stuck in Pending",
    "Database file not found",
    "Permission denied",
    "Out of memory",
)
# The first cell of a table, when it is a sentence of ours.
QUOTED = re.compile(r"^\| `([A-Za-z][^`]{11,})` \|", re.MULTILINE)


@cache
def said() -> str:
    """Every text in the sources, with each value in it as `…`; the texts of one expression joined as Python does."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize("sentence", QUOTED.findall(GUIDE.read_text()))
def test_each_message_in_the_guide_is_one_of_ours(sentence: str) -> None:
    assert sentence in said()


@pytest.mark.parametrize("name", OTHERS)
def test_each_message_in_another_guide_is_one_of_ours_but_for_its_values(name: str) -> None:
    text = (ROOT / name).read_text().split("| it says |")[1]
    quoted = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)

    assert len(quoted) > 5
    assert [each for each in quoted if not is_said(each)] == []


def is_said(quoted: str) -> bool:
    """Whether one text of ours has these words in their order, whatever stands for the values."""
    words = ".*".join(map(re.escape, re.split(r"…|\d+", quoted)))
    return re.search(words, said()) is not None


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_usual_trouble_has_its_entry(entry: str) -> None:
    assert entry in re.sub('["#]', "", GUIDE.read_text())


def test_a_planted_message_is_found_out() -> None:
    assert QUOTED.findall("| `The catalog has eaten the database.` | x |") == ["The catalog has eaten the database."]
    assert "The catalog has eaten the database." not in said()
    assert not is_said("The catalog has eaten …")


def test_every_metric_and_finding_that_guides_name_exists() -> None:
    metrics = (ROOT / "docs/reference/metrics.md").read_text()
    findings = (ROOT / "docs/reference/findings.md").read_text()
    for path in [*sorted((ROOT / "docs/guide").glob("*.md")), ROOT / "deploy/monitoring/README.md"]:
        text = path.read_text()
        named = [name.removesuffix("_total") for name in re.findall(r"`(ecatalog_[a-z_]+)`", text)]
        assert [name for name in named if f"`{name}" not in metrics] == [], path
        assert [code for code in re.findall(r"\b(D0\d\d)\b", text) if f"`{code}`" not in findings] == [], path
