"""Readiness is a write that reached the disk and room for a copy; whether the process lives is another question."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ecatalog.app import Gateway
from ecatalog.kit.db import Database
from ecatalog.ops import health
from ecatalog.ops.health import check_readiness
from tests.asgi import Caller


@pytest.fixture
def operator(gateway: Gateway) -> Caller:
    return Caller(gateway.internal)


async def test_a_gateway_that_works_is_ready(operator: Caller) -> None:
    answer = await operator.get("/readyz")

    assert answer.status == 200
    assert answer.json() == {"status": "ready", "problems": []}


async def test_readiness_is_proved_by_a_write(db: Database) -> None:
    before = db.stats.commits

    assert await check_readiness(db) == []

    assert db.stats.commits == before + 1


async def test_being_alive_touches_nothing(gateway: Gateway, operator: Caller) -> None:
    before = gateway.db.stats.actions
    await gateway.db.stop()

    assert (await operator.get("/livez")).status == 200
    assert gateway.db.stats.actions == before


async def test_a_gateway_without_its_database_is_not_ready(gateway: Gateway, operator: Caller) -> None:
    await gateway.db.stop()

    answer = await operator.get("/readyz")

    assert answer.status == 503
    assert answer.json()["problems"] == [
        "The database does not take a write: The catalog is stopping or starting. Try again in a moment."
    ]


def free(mebibytes: int) -> Callable[[Path], int]:
    return lambda folder: mebibytes << 20


async def test_a_disk_without_room_for_a_copy_is_a_problem(db: Database) -> None:
    problems = await check_readiness(db, free_bytes=free(63))

    assert problems == [f"The disk of {db.path.parent} has 63 MiB free; 64 MiB are wanted. Make room."]


async def test_the_room_wanted_grows_with_the_database(db: Database) -> None:
    with db.path.open("ab") as file:
        file.truncate(100 << 20)

    assert health.disk_problems(db.path, free(221)) == []
    assert len(health.disk_problems(db.path, free(219))) == 1


async def test_a_database_that_is_gone_is_a_problem(db: Database) -> None:
    db.path.unlink()

    assert "The database file cannot be looked at: No such file or directory." in await check_readiness(db)
