"""An empty catalog of the present schema: made once by the migrations, then copied to where a test begins with one."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ecatalog.kit.migrations import migrate, shipped_migrations


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
