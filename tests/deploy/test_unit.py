"""The systemd units: their program and settings exist, they are locked in, and systemd itself finds nothing wrong with
them; and the command for operators runs as the catalog's unit does.
"""

import configparser
import os
import re
import subprocess
from pathlib import Path

import pytest

from ecatalog.cli.main import REFUSED
from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks

OURS = ("ecatalog.service", "ecatalog-engine-guard.service")
UNITS = (*OURS, "ecatalog-litestream.service")
DOCUMENT = "docs/guide/install-on-one-machine.md"
GUIDE = (ROOT / DOCUMENT).read_text()


def service_of(unit: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(ROOT / "deploy" / unit)
    return parser["Service"]


def noted_by_systemd_run(folder: Path, *words: str) -> list[str]:
    """What systemd-run is asked for when an operator types `ecatalog` and these words."""
    note = folder / "systemd-run"
    note.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    note.chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    typed = [str(ROOT / "deploy/ecatalog-here.sh"), *words]
    told = subprocess.run(typed, env=env, capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


def test_what_an_operator_types_is_no_variable_of_the_unit(tmp_path: Path) -> None:
    """systemd would put `$JWT_SECRET` into a name, and take `pa$$word` for `pa$word` (systemd.service(5))."""
    told = noted_by_systemd_run(tmp_path, "users", "add", "$JWT_SECRET ${X}", "pa$$word", "--scope")

    assert told[-5:] == ["users", "add", "$$JWT_SECRET $${X}", "pa$$$$word", "--scope"]


@pytest.mark.parametrize("unit", OURS)
def test_a_refusal_is_not_tried_again(unit: str) -> None:
    assert service_of(unit)["RestartPreventExitStatus"] == str(REFUSED)


@pytest.mark.parametrize("unit", UNITS)
def test_it_has_no_rights_but_its_data(unit: str) -> None:
    service = service_of(unit)

    assert service["CapabilityBoundingSet"] == ""
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
    assert "ReadWritePaths" not in service


def test_the_catalog_does_not_get_to_the_engine() -> None:
    catalog, guard = map(service_of, OURS)

    assert catalog["User"] == "ecatalog"
    assert "SupplementaryGroups" not in catalog
    assert (guard["DynamicUser"], guard["SupplementaryGroups"]) == ("yes", "docker")


def test_litestream_has_the_database_and_none_of_the_secrets() -> None:
    catalog, litestream = service_of("ecatalog.service"), service_of("ecatalog-litestream.service")

    assert litestream["User"] == catalog["User"]
    assert catalog["StateDirectory"] in litestream["StateDirectory"].split()
    assert litestream["EnvironmentFile"] not in (catalog["EnvironmentFile"], "")
    assert f"EnvironmentFile=-{litestream['EnvironmentFile']}\n" in (ROOT / "deploy/ecatalog.service").read_text()
    assert litestream["Environment"] == f"DB_PATH=/var/lib/{catalog['StateDirectory']}/ltplabs.db"
    assert litestream["ExecStart"].endswith(" -config /opt/ecatalog/deploy/litestream.yml")


def test_the_command_of_operators_runs_as_the_catalog_does(tmp_path: Path) -> None:
    unit = service_of("ecatalog.service")

    asked = noted_by_systemd_run(tmp_path, "users", "add", "--name", "Ada Winter")
    text = (ROOT / "deploy/ecatalog.service").read_text()

    program = unit["ExecStart"].removesuffix(" serve")
    assert asked[asked.index(program) :] == [program, "users", "add", "--name", "Ada Winter"]
    for told in (
        f"--uid={unit['User']}",
        f"--gid={unit['Group']}",
        f"--setenv={unit['Environment']}",
        *(f"--property={line}" for line in text.splitlines() if line.startswith("EnvironmentFile=")),
        f"--property=UMask={unit['UMask']}",
    ):
        assert told in asked


def test_the_guide_installs_all_of_it_and_names_settings_that_exist() -> None:
    (settings,) = blocks(DOCUMENT, language="ini")
    known = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/reference/settings.md").read_text()))

    assert {line.split("=")[0] for line in settings.splitlines()} - known == set()
    assert [name for name in (*UNITS, "ecatalog-here.sh") if f"deploy/{name}" not in GUIDE] == []


@pytest.mark.proof
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_it_as_it_is(unit: str, tmp_path: Path) -> None:
    # With a program and an account that are there.
    text = (ROOT / "deploy" / unit).read_text()
    (tmp_path / unit).write_text(
        re.sub(r"/opt/ecatalog/.venv/bin/\w+", "/bin/true", text).replace("=ecatalog\n", "=root\n")
    )
    told = subprocess.run(["systemd-analyze", "verify", tmp_path / unit], capture_output=True, text=True, check=False)

    assert [line for line in told.stderr.splitlines() if unit in line] == []
