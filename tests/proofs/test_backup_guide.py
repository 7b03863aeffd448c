"""The commands of the guide, typed as they stand there, one block after the other."""

import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.db import Database
from ecatalog.launches.serving import ensure_identity
from tests.cast import SettableClock, load_cast
from tests.guides.typing_blocks import blocks, environment, filled_in, typed

pytestmark = pytest.mark.proof
GUIDE = "docs/guide/backup-and-recovery.md"
(OPENING,) = blocks(GUIDE, "Without this program")
# Typed in tests/proofs/test_litestream.py.
WITH_LITESTREAM = blocks(GUIDE, "To an instant, with Litestream")
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
    picture = f"pictures/{'a' * 64}.webp"
    (tmp_path / "var" / picture).parent.mkdir()
    (tmp_path / "var" / picture).write_bytes(b"RIFF....WEBP")

    ours = [block for block in blocks(GUIDE) if block not in (OPENING, *WITH_LITESTREAM)]

    said = typed("\n".join([ECATALOG.format(python=sys.executable), *ours]), tmp_path, environment())

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

    backup = max((tmp_path / "var/backups").glob("*.ecb"))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "owner.key").symlink_to(tmp_path / "owner.key")
    typed(filled_in(OPENING, {"ecatalog-20260310T020000Z-1a2b3c4d.ecb": str(backup)}), folder, environment())
    with closing(apsw.Connection(str(folder / "ltplabs.db"))) as connection:
        assert connection.pragma("integrity_check") == "ok"
    assert (folder / picture).read_bytes() == b"RIFF....WEBP"
