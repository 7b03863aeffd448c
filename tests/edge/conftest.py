"""An edge on a free port, a catalog twin that feeds it, a real demo behind it. The loop is the product's: uvloop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop

from ecatalog_edge.edge import Edge
from tests.edge.demos import DemoServer
from tests.edge.twins import CatalogTwin, SettableTime, everything
from tests.edge.visitors import Line

Dial = Callable[[], Awaitable[Line]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def demo() -> AsyncIterator[DemoServer]:
    server = DemoServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def second_demo() -> AsyncIterator[DemoServer]:
    server = DemoServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def edge_time() -> SettableTime:
    return SettableTime()


@pytest.fixture
async def catalog(edge_time: SettableTime) -> CatalogTwin:
    return CatalogTwin(edge_time)


@pytest.fixture
async def empty_edge(catalog: CatalogTwin, edge_time: SettableTime) -> AsyncIterator[Edge]:
    """An edge that has heard nothing yet."""
    edge = Edge(catalog, "edge-1", "http://demos.localhost:8081", clock=edge_time.clock())
    await edge.start("127.0.0.1", 0)
    yield edge
    await edge.stop()


@pytest.fixture
async def edge(empty_edge: Edge, catalog: CatalogTwin, demo: DemoServer) -> Edge:
    """An edge that may serve Acme's running copy of the planner."""
    await catalog.begin(*everything(demo.address))
    return empty_edge


@pytest.fixture
async def dial(empty_edge: Edge) -> AsyncIterator[Dial]:
    """Opens connections to the edge, and closes them after the test."""
    lines: list[Line] = []

    async def open_line() -> Line:
        lines.append(await Line.open(empty_edge.port))
        return lines[-1]

    yield open_line
    for line in lines:
        line.writer.transport.abort()
    await asyncio.sleep(0)


@pytest.fixture
async def line(dial: Dial) -> Line:
    return await dial()
