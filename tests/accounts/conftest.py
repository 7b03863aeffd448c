"""The gateway of these tests hashes passwords cheaply: they log in hundreds of times."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.accounts.passwords import Hasher
from ecatalog.app import Gateway, build
from ecatalog.settings import Settings
from tests.cast import SettableClock


@pytest.fixture
async def gateway(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    """A started gateway on free ports, empty until the test asks for `people`."""
    settings = Settings(data=tmp_path / "gateway", grpc_port=0, jwt_secret="s" * 43)
    built = build(settings, clock=clock, hasher=Hasher(memory_kib=64))
    await built.start()
    yield built
    await built.stop()
