"""The examples in the client's docstrings and in its README do what they say, towards a gateway."""

import asyncio
import doctest
from collections.abc import AsyncIterator
from importlib import import_module

import pytest
from structlog.testing import capture_logs

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from tests.cast import Cast
from tests.client.served import Served, served
from tests.guides.typing_blocks import blocks

TOKEN = "token-of-the-examples"
MODULES = ("ecatalog_client.catalog", "ecatalog_client.retry", "ecatalog_client.sse", "ecatalog.clients.cli")


@pytest.fixture
async def at(gateway: Gateway, people: Cast) -> AsyncIterator[Served]:
    await gateway.db.write(create_api_token, SYSTEM, "examples", ["clients:write"], TOKEN)
    async with served(gateway) as place:
        yield place


@pytest.mark.parametrize("name", MODULES)
async def test_the_examples_of_a_module_are_true(at: Served, name: str) -> None:
    given = {"url": at.url, "token": TOKEN}
    options = doctest.ELLIPSIS

    def run() -> doctest.TestResults:
        return doctest.testmod(import_module(name), extraglobs=given, optionflags=options)

    with capture_logs():  # They go where the examples print.
        result = await asyncio.to_thread(run)

    assert result.attempted > 0
    assert result.failed == 0


async def test_the_readme_begins_with_a_program_that_runs(at: Served, capsys: pytest.CaptureFixture[str]) -> None:
    program = blocks("packages/ecatalog-client/README.md", language="python")[0]
    program = program.replace("https://catalog.example.com", at.url).replace('token="…"', f"token={TOKEN!r}")

    await asyncio.to_thread(exec, program, {})

    assert "Client of acme active" in capsys.readouterr().out
