"""An installation of which there are backups: its data directory, and where the backups are."""

from pathlib import Path

import pytest

from ecatalog.ops.backups import Place
from tests.ops.backing_up import place_beside


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "catalog"


@pytest.fixture
def place(data: Path) -> Place:
    return place_beside(data / "ltplabs.db")
