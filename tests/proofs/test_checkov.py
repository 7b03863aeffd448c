"""What checkov finds in the manifests as kustomize renders them: nothing, but for what says why it is skipped."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.code import ROOT
from tests.deploy.rendering import FOLDER, OVERLAYS, rendered

pytestmark = pytest.mark.proof

SKIP = "checkov.io/skip"


@pytest.fixture(scope="module")
def checkov() -> str:
    """The command, installed from its own lock."""
    made = subprocess.run([ROOT / "scripts/need-checkov.sh"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def found(checkov: str, folder: Path, *objects: dict[str, Any]) -> tuple[set[str], dict[str, int]]:
    """The checks that failed, and how many there were of each result."""
    (folder / "rendered.yaml").write_text(yaml.safe_dump_all(objects))
    told = subprocess.run(
        [checkov, "--config-file", FOLDER / "checkov.yaml", "-f", "rendered.yaml", "-o", "json", "--quiet"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(told.stdout)
    failed = {f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]}
    assert told.returncode == bool(failed), told.stderr
    return failed, report["summary"]


def test_nothing_is_found(checkov: str, tmp_path: Path) -> None:
    objects = [each for overlay in (*OVERLAYS, "production+litestream") for each in rendered(overlay)]

    failed, summary = found(checkov, tmp_path, *objects)

    assert failed == set()
    assert summary["passed"] > 2700
    assert summary["parsing_errors"] == 0
    assert summary["skipped"] == len([each for each in objects if SKIP + "1" in annotations(each)])


def test_a_planted_weakness_is_found(checkov: str, tmp_path: Path) -> None:
    planted = json.loads(json.dumps(rendered("production")))
    (edge,) = [each for each in planted if (each["kind"], each["metadata"]["name"]) == ("Deployment", "ecatalog-edge")]
    edge["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True

    failed, _ = found(checkov, tmp_path, *planted)

    assert failed == {"CKV_K8S_16 Deployment.ecatalog.ecatalog-edge"}


def test_every_skip_is_explained() -> None:
    lines = (FOLDER / "checkov.yaml").read_text().splitlines()
    explained = [lines[number - 1].lstrip().startswith("# ") for number, line in enumerate(lines) if "- CKV" in line]
    reasons = [
        annotation
        for each in rendered("production+litestream")
        for name, annotation in annotations(each).items()
        if name.startswith(SKIP)
    ]

    assert explained == [True, True, True]
    assert reasons
    assert all(re.fullmatch(r"CKV_K8S_\d+=.{20,}", each) for each in reasons)


def annotations(found: dict[str, Any]) -> dict[str, str]:
    return dict(found["metadata"].get("annotations") or {})
