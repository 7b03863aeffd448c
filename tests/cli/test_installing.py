"""`scripts/install.sh` says what is missing on a fresh machine, before it installs anything."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.code import ROOT

# An interpreter that is what its name says: it answers the three questions that the script asks.
STAND_IN = """#!/bin/sh
case "$*" in
  *version_info*) exit {is_old} ;;
  *--version*) echo "Python {version}" ;;
  *ensurepip*) exit {lacks_venv} ;;
  *) echo "installed" > "{mark}" ;;
esac
"""


def install(python: str, venv: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts/install.sh"), python, str(venv), "requirements/run.lock"]
    return subprocess.run(command, capture_output=True, text=True, cwd=venv.parent, check=False)


@pytest.mark.parametrize(
    ("version", "is_old", "lacks_venv", "told"),
    [
        ("3.9.2", 1, 0, "Python 3.9.2 is too old: Python 3.11 or newer is needed."),
        ("3.11.2", 0, 1, "Debian, Ubuntu: apt-get install python3-venv. Then run this again."),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, version: str, is_old: int, lacks_venv: int, told: str) -> None:
    mark, python = tmp_path / "mark", tmp_path / "python"
    python.write_text(STAND_IN.format(version=version, is_old=is_old, lacks_venv=lacks_venv, mark=mark))
    python.chmod(0o755)

    done = install(str(python), tmp_path / "venv")

    assert done.returncode == 1
    assert told in done.stderr
    assert not mark.exists()
    assert not (tmp_path / "venv").exists()


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    done = install("no-such-python", tmp_path / "venv")

    assert done.returncode == 1
    assert "Python is missing. Debian, Ubuntu: apt-get install python3 python3-venv." in done.stderr
