"""The commands of the guide, typed as they stand there, one block after the other."""

import sys
from pathlib import Path

import pytest

from ecatalog.kit.db import Database
from ecatalog.launches.serving import ensure_identity
from tests.cast import SettableClock, load_cast
from tests.guides.typing_blocks import blocks, environment, typed

pytestmark = pytest.mark.proof
GUIDE = "docs/guide/backup-and-recovery.md"
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

    said = typed("\n".join([ECATALOG.format(python=sys.executable), *blocks(GUIDE)]), tmp_path, environment())

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
