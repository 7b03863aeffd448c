"""The commands of the guide, typed as they stand there, one block after the other."""

import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.db import Database
from ecatalog.launches.serving import ensure_identity
from tests.cast import SettableClock, load_cast
from tests.guides.typing_blocks import blocks, environment, filled_in, inline, typed, typed_at_a_terminal

pytestmark = pytest.mark.proof
GUIDE = "docs/guide/backup-and-recovery.md"
(OPENING,) = blocks(GUIDE, "Without this program")
# Typed in tests/proofs/test_litestream.py.
WITH_LITESTREAM = blocks(GUIDE, "To an instant, with Litestream")
NAMED = "ecatalog-20260310T020000Z-1a2b3c4d.ecb"
PASSWORD = "four calm words together"
# The doctor finds what a test does not have, such as mail.
ECATALOG = """ecatalog() {{
  local status=0
  {python} -m ecatalog "$@" || status=$?
  [ $status -eq 0 ] || [ "$1 $status" = "doctor 1" ]
}}"""


async def test_every_command_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    await make_catalog(tmp_path)
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

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/owner.key").symlink_to(tmp_path / "owner.key")
    typed(filled_in(OPENING, {NAMED: str(newest(tmp_path / "var/backups"))}), tmp_path / "elsewhere", environment())
    assert is_whole(tmp_path / "elsewhere/ltplabs.db")
    assert (tmp_path / "elsewhere" / picture).read_bytes() == b"RIFF....WEBP"


async def test_a_backup_with_a_password_opens_without_this_program(tmp_path: Path) -> None:
    """The question of `age` comes on the terminal."""
    await make_catalog(tmp_path)
    typed("ecatalog backup create --data var", tmp_path, environment(BACKUP_PASSWORD=PASSWORD))
    unpacking, _, _ = OPENING.splitlines()
    (asking,) = inline(GUIDE, "age")
    lines = f"{filled_in(unpacking, {NAMED: str(newest(tmp_path / 'var/backups'))})}\n{asking} | zstd -d > ltplabs.db"

    typed_at_a_terminal(lines, tmp_path, environment(), {"Enter passphrase": PASSWORD})

    assert is_whole(tmp_path / "ltplabs.db")


async def make_catalog(folder: Path) -> None:
    """With everybody of the cast, below `var`."""
    db = Database(folder / "var/ltplabs.db", clock=SettableClock())
    await db.start()
    await ensure_identity(db)
    await db.write(load_cast)
    await db.stop()


def newest(backups: Path) -> Path:
    return max(backups.glob("*.ecb"))


def is_whole(database: Path) -> bool:
    with closing(apsw.Connection(str(database))) as connection:
        return bool(connection.pragma("integrity_check") == "ok")
