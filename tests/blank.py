"""An empty catalog of the present schema: made once by the migrations, then copied to where a test begins with one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ecatalog.kit.clock import Clock
from ecatalog.kit.migrations import migrate, shipped_migrations

if TYPE_CHECKING:
    from ecatalog.app import Gateway
    from ecatalog.settings import Settings


@asynccontextmanager
async def started(settings: "Settings", clock: Clock) -> AsyncIterator["Gateway"]:
    """A gateway in this process, on an empty catalog. It hashes cheaply."""
    # Imported here, so that tests of lower floors do not load the whole gateway.
    from ecatalog.accounts.passwords import Hasher
    from ecatalog.app import build

    lay_blank(settings.database)
    built = build(settings, clock=clock, hasher=Hasher(memory_kib=64))
    await built.start()
    yield built
    await built.stop()


def lay_blank(file: Path) -> Path:
    """Writes the file, as a first start would leave it to the second, and returns it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(_blank())
    return file


@cache
def _blank() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "blank.db"
        migrate(file, datetime(2026, 3, 10, 12, tzinfo=UTC), shipped_migrations())
        return file.read_bytes()
