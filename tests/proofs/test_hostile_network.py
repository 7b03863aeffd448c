"""What the client promises when the network is broken and the gateway dead: bounds, no change twice, no event lost.

SCALE=ci makes a hundred calls over each transport, SCALE=full two thousand.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from ecatalog_client import AsyncCatalog, Hooks
from ecatalog_client.breaker import BreakerState
from ecatalog_client.errors import CatalogError, Unavailable
from ecatalog_client.types.events import AccessEvent
from tests.proofs.broken_wire import BrokenWire, Fate, broken_wire
from tests.proofs.pair import Pair, running_pair

pytestmark = pytest.mark.proof

CALLS = {"ci": 100, "full": 2000}
CHANGES = {"ci": 60, "full": 1000}
AT_ONCE = 8
DEADLINE = 4.0  # A catalog that is silent for 2 s, and a second more of connecting.
AT_ONCE_SECONDS = 0.005
TRANSPORTS = ("http", "grpc")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


@asynccontextmanager
async def admin_at(
    pair: Pair, transport: str, port: int = 0, hooks: Hooks | None = None
) -> AsyncIterator[AsyncCatalog]:
    """The administrator's catalog, by the wire on `port` if there is one."""
    token = pair.login("admin@ecatalog.example").token
    port = port or port_of(pair, transport)
    url = f"{transport}://127.0.0.1:{port}"
    async with AsyncCatalog(url, token, deadline=DEADLINE, hooks=hooks) as catalog:
        yield catalog


def port_of(pair: Pair, transport: str) -> int:
    return pair.port if transport == "http" else pair.grpc_port


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_silent_gateway_costs_one_deadline_and_one_probe_brings_it_back(pair: Pair, transport: str) -> None:
    states: list[BreakerState] = []
    hooks = Hooks(breaker=lambda _, state: states.append(state))
    async with (
        broken_wire(port_of(pair, transport)) as wire,
        admin_at(pair, transport, wire.port, hooks) as catalog,
    ):
        await catalog.auth.me()
        await _breaks(wire, Fate.SILENT)

        lost = await _seconds_of_failure(catalog)
        refused = [await _seconds_of_failure(catalog) for _ in range(50)]

        wire.fate = Fate.FINE
        wire.cut_all()
        await _until_it_answers(catalog)
        print(f"{transport}: lost {lost:.2f} s once, then refused in {max(refused) * 1000:.2f} ms at most; {states}")
        assert lost <= DEADLINE + 0.2
        assert max(refused) < AT_ONCE_SECONDS
        assert states[0] is BreakerState.OPEN
        assert states[-2:] == [BreakerState.HALF_OPEN, BreakerState.CLOSED]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_killed_gateway_is_refused_at_once_and_found_again(pair: Pair, transport: str) -> None:
    async with admin_at(pair, transport) as catalog:
        await catalog.auth.me()
        pair.kill("gateway")
        began = time.monotonic()
        while catalog.breaker.state is not BreakerState.OPEN:
            await _seconds_of_failure(catalog)
        lost = time.monotonic() - began
        refused = [await _seconds_of_failure(catalog) for _ in range(50)]
        pair.start("gateway")
        await _until_it_answers(catalog)
        print(f"{transport}: open after {lost:.2f} s, then refused in {max(refused) * 1000:.2f} ms at most")
        assert lost <= DEADLINE + 0.2
        assert max(refused) < AT_ONCE_SECONDS


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_no_change_is_made_twice(pair: Pair, transport: str, scale: str) -> None:
    done: dict[str, str] = {}
    outcomes: Counter[str] = Counter()
    retries: list[str] = []
    left = iter(range(CALLS[scale]))
    async with (
        broken_wire(port_of(pair, transport), broken=0.4) as wire,
        admin_at(pair, transport, wire.port, Hooks(retry=retries.append)) as catalog,
    ):
        wire.fate = None

        async def work() -> None:
            for number in left:
                if catalog.breaker.state is not BreakerState.CLOSED:
                    await _until_it_answers(catalog)  # What the breaker refuses is never sent, and proves nothing.
                name = f"{transport} call {number:04}"
                try:
                    done[name] = (await catalog.demos.create(name=name)).id
                    outcomes["done"] += 1
                except CatalogError as error:
                    outcomes[error.code] += 1
                if number % 20 == 0:
                    wire.cut_all()  # gRPC keeps one connection: a new fate for it.

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        print(f"{transport}: {dict(outcomes)}, {len(retries)} retries, wires {dict(wire.drawn)}")

    async with admin_at(pair, transport) as catalog:
        made = [(demo.name, demo.id) async for demo in catalog.demos.list(name=f"{transport} call", limit=200)]
    times = Counter(name for name, _ in made)
    assert not [name for name, count in times.items() if count > 1], "made twice"
    assert done.items() <= dict(made).items(), "what was answered as done is there"
    assert outcomes.total() == CALLS[scale]
    assert outcomes["done"] > CALLS[scale] // 2
    assert retries


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_watch_loses_no_event_and_tells_none_twice(pair: Pair, transport: str, scale: str) -> None:
    connected: list[bool] = []
    hooks = Hooks(watch=lambda _, is_connected: connected.append(is_connected))
    async with (
        admin_at(pair, transport) as straight,
        broken_wire(port_of(pair, transport), broken=0.6) as wire,
        admin_at(pair, transport, wire.port, hooks) as catalog,
    ):
        client = (await straight.clients.list(limit=1).first()).items[0]
        async with catalog.watch(["access"]) as watch:
            wire.fate = None
            changing = asyncio.create_task(_change(straight, client.id, CHANGES[scale], wire))
            heard: list[int] = []
            async with asyncio.timeout(300):
                while len(heard) < CHANGES[scale]:
                    event = await anext(watch)
                    assert isinstance(event, AccessEvent)
                    heard += [event.position] if event.kind == "client.edited" else []
            await changing
        facts = [
            fact.position async for fact in straight.audit.list(kind="client.edited", client_id=client.id, limit=200)
        ]
    print(f"{transport}: {len(heard)} events over {connected.count(True)} connections, wires {dict(wire.drawn)}")
    assert heard == sorted(facts)[-CHANGES[scale] :]
    assert connected.count(True) > 2


async def _change(catalog: AsyncCatalog, client_id: str, count: int, wire: BrokenWire) -> None:
    """Changes that nothing stands in the way of, while the watch's connections are cut again and again."""
    for number in range(count):
        await catalog.clients.update(client_id, notes=f"note {time.monotonic()}")
        await asyncio.sleep(0.01)
        if number % 10 == 0:
            wire.cut_all()


async def _breaks(wire: BrokenWire, fate: Fate) -> None:
    wire.fate = fate
    wire.cut_all()
    await asyncio.sleep(0.1)  # The caller's side hears of it.


async def _seconds_of_failure(catalog: AsyncCatalog) -> float:
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await catalog.auth.me()
    return time.monotonic() - began


async def _until_it_answers(catalog: AsyncCatalog) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            await catalog.auth.me()
            return
        except Unavailable:
            assert time.monotonic() < deadline, "it never comes back"
            await asyncio.sleep(0.1)
