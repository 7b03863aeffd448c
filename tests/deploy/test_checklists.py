"""The checklists name only what exists: tests, files, commands with their options, tasks, services, findings."""

import re
import shlex
from collections.abc import Iterable
from typing import Any

import yaml

from tests.architecture.code import ROOT
from tests.architecture.test_documents import CODE, missing_paths, unknown_commands, whole_command_line
from tests.deploy.rendering import of_kind
from tests.guides.typing_blocks import blocks

GUIDE = "docs/guide/checklists.md"
TEXT = (ROOT / GUIDE).read_text()
IN_CODE = CODE.findall(TEXT)
BLOCKS = blocks(GUIDE, language="text")
# What stands in front of our own words, on Docker and in cron.
BEFORE = re.compile(r"^.*?(?:\becatalog |--rm gateway )(?=[a-z…])")


def commands(lines: Iterable[str]) -> list[list[str]]:
    """The words behind `ecatalog`, of the lines that type it."""
    typed = [line for line in lines if BEFORE.search(line) and not line.startswith(("journalctl", "kubectl scale"))]
    return [words for line in typed if (words := shlex.split(BEFORE.sub("", line))) != ["…"]]


def is_understood(words: list[str]) -> bool:
    """Whether there is such a command, with such options."""
    command: Any = whole_command_line()
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    options = {name for each in command.params for name in each.opts}
    is_group = hasattr(command, "commands") and not (words and words[0].startswith("--"))
    return not is_group and {word for word in words if word.startswith("--")} <= options


def test_every_path_and_command_exists() -> None:
    assert missing_paths(TEXT) == []
    assert unknown_commands(TEXT) == []
    assert len(re.findall(r"`tests/[\w/]+\.py`", TEXT)) > 30


def test_every_command_is_understood_with_its_options() -> None:
    typed = commands([*IN_CODE, *"".join(BLOCKS).splitlines()])

    assert len(typed) > 15
    assert [words for words in typed if not is_understood(words)] == []


def test_every_task_by_itself_is_one_of_the_cluster_and_the_other_way_round() -> None:
    told = set(re.findall(r"CronJob `([a-z-]+)`", TEXT)) | set(re.findall(r"kubectl get cronjob ([a-z-]+)", TEXT))

    assert told == set(of_kind("production", "CronJob"))


def test_what_is_typed_towards_containers_exists() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    deployments = of_kind("production", "Deployment")
    asked = "\n".join(IN_CODE)

    assert set(re.findall(r"docker compose.* (?:exec(?: -T)?|logs|stop|run --rm) ([a-z]+)", asked)) <= set(services)
    assert set(re.findall(r"deployment/([a-z-]+)", asked)) <= set(deployments)


def test_every_finding_about_people_coming_is_known() -> None:
    known = (ROOT / "docs/reference/findings.md").read_text()

    assert [code for code in re.findall(r"\bD\d{3}\b", TEXT) if f"`{code}`" not in known] == []


def test_a_planted_command_is_found_out() -> None:
    planted = commands(["sudo ecatalog backup drill --for-ever", "docker compose run --rm gateway backup forget"])

    assert [is_understood(words) for words in planted] == [False, False]
    assert is_understood(["backup", "drill", "--into", "drills"])
