"""The systemd unit: its program and settings exist, it is locked in, and systemd itself finds nothing wrong with it."""

import configparser
import subprocess
from pathlib import Path

import pytest

from ecatalog.cli.main import REFUSED
from tests.architecture.code import ROOT

UNIT = ROOT / "deploy/ecatalog.service"


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(UNIT)
    return parser["Service"]


def test_a_refusal_is_not_tried_again(service: configparser.SectionProxy) -> None:
    assert service["RestartPreventExitStatus"] == str(REFUSED)


def test_it_has_no_rights_but_its_data(service: configparser.SectionProxy) -> None:
    assert service["User"] == "ecatalog"
    assert service["CapabilityBoundingSet"] == ""
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
    assert "ReadWritePaths" not in service


@pytest.mark.proof
def test_systemd_takes_it_as_it_is(tmp_path: Path) -> None:
    # With a program and an account that are there.
    text = UNIT.read_text().replace("/opt/ecatalog/.venv/bin/ecatalog", "/bin/true").replace("=ecatalog\n", "=root\n")
    (tmp_path / "ecatalog.service").write_text(text)
    told = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "ecatalog.service"], capture_output=True, text=True, check=False
    )

    assert [line for line in told.stderr.splitlines() if "ecatalog.service" in line] == []
