"""Every operation by every caller, over REST and over gRPC: the same status by both, and refusals in the same words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from ecatalog.app import OPERATIONS
from ecatalog.web.api import with_shell_operations
from ecatalog.web.operation import Operation
from tests.contracts.matrix import INPUTS, MATRIX
from tests.contracts.stand import Doors, Told, Worlds, make_worlds, opened

ALL = {each.name: each for each in with_shell_operations(OPERATIONS, version="0", url="http://localhost:8080")}
DOORS = ("rest", "grpc")
PHASES = ("inside", "before", "after")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return await make_worlds(tmp_path_factory.mktemp("worlds"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unchanged(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Doors]]:
    """A catalog for each phase that all share who read and who are refused: they must leave it as it is."""
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("unchanged")
        yield {phase: await stack.enter_async_context(opened(worlds, phase, folder)) for phase in PHASES}


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert {"without a row": ALL.keys() - MATRIX.keys(), "without an operation": MATRIX.keys() - ALL.keys()} == {
        "without a row": set(),
        "without an operation": set(),
    }
    assert INPUTS.keys() <= MATRIX.keys()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in MATRIX if name in ALL])
async def test_each_caller_gets_what_the_matrix_says(
    worlds: Worlds, unchanged: Mapping[str, Doors], tmp_path: Path, name: str
) -> None:
    operation, row = ALL[name], MATRIX[name]
    told = {caller: await _tell(worlds, unchanged, tmp_path, caller, operation) for caller in row}
    wrong = [
        f"{caller} over {door}: {answer.status} {answer.message!r}, not {row[caller]}"
        for caller, answers in told.items()
        for door, answer in answers.items()
        if answer.status != row[caller]
    ]
    assert not wrong, "\n".join(wrong)
    for caller, answers in told.items():
        assert answers["rest"] == answers["grpc"], caller
        if operation.kind == "read":
            assert answers["rest"].body == answers["grpc"].body, caller


async def _tell(
    worlds: Worlds, unchanged: Mapping[str, Doors], folder: Path, caller: str, operation: Operation
) -> dict[str, Told]:
    """What both doors answer; each change is made to a fresh copy of the catalog."""
    phase = caller if caller in PHASES else "inside"
    if operation.method != "GET" and MATRIX[operation.name][caller] < 400:
        return {door: await _tell_fresh(worlds, phase, folder, door, caller, operation) for door in DOORS}
    doors = unchanged[phase]
    position = doors.gateway.db.position
    told = {door: await doors.tell(door, caller, operation) for door in DOORS}
    # A login that was refused is the one refusal that is remembered.
    assert doors.gateway.db.position == position or operation.name == "POST /api/auth/login", f"{caller} changed it"
    return told


async def _tell_fresh(worlds: Worlds, phase: str, folder: Path, door: str, caller: str, operation: Operation) -> Told:
    async with opened(worlds, phase, folder) as doors:
        return await doors.tell(door, caller, operation)
