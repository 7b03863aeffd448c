"""The commands of the guide, run as they stand there, one block after the other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecatalog.kit.db import Database
from ecatalog.launches.serving import ensure_identity
from tests.architecture.code import ROOT
from tests.architecture.test_documents import FENCE
from tests.cast import SettableClock, load_cast

pytestmark = pytest.mark.proof
GUIDE = ROOT / "docs/guide/backup-and-recovery.md"
# The doctor finds what a test does not have, such as mail.
ECATALOG = """ecatalog() {{
  local status=0
  {python} -m ecatalog "$@" || status=$?
  [ $status -eq 0 ] || [ "$1 $status" = "doctor 1" ]
}}"""


async def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    db = Database(tmp_path / "var" / "ltplabs.db", clock=SettableClock())
    await db.start()
    await ensure_identity(db)
    await db.write(load_cast)
    await db.stop()
    blocks = FENCE.findall(GUIDE.read_text())
    script = "\n".join(["set -euxo pipefail", ECATALOG.format(python=sys.executable), *blocks])
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ECATALOG_", "BACKUP_", "DB_"))}

    ended = subprocess.run(
        [shutil.which("bash") or "bash", "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert len(blocks) == 7
    said = ended.stdout
    for sentence in (
        "tested.",
        "is whole:",
        "All sessions have ended.",
        "What was there is kept as",
        "Clients' access is on hold.",
        "Clients may open their demos again.",
        "There is nothing as old as that.",
    ):
        assert sentence in said, said
