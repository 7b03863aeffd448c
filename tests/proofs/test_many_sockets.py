"""Five hundred WebSockets through one edge for ten minutes, a message a second on each: nothing grows, nothing is left.

Every message comes back from the demo. At the end one revocation closes them all.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from tests.edge.demos import DemoServer
from tests.edge.visitors import Line
from tests.proofs.installation import Person
from tests.proofs.pair import Pair, running_pair
from tests.proofs.sizes import Size
from tests.proofs.traces import wait_for

pytestmark = pytest.mark.proof

SOCKETS = 500
ACCESS_ENDED = 4403
MOST_GROWTH = 1.10


@dataclass(frozen=True)
class Span:
    """How long it goes on, and how long until the edge has the size that it keeps; in seconds."""

    whole: float
    warming: float


SPANS = {"ci": Span(20, 5), "full": Span(600, 60)}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_pair(tmp_path) as started:
        yield started


def test_many_sockets_leave_the_edge_as_it_was(pair: Pair, scale: str) -> None:
    uvloop.run(hold(pair, SPANS[scale]))


async def hold(pair: Pair, span: Span) -> None:
    demo = DemoServer()
    await demo.start()
    pid = pair.processes["edge"].pid
    client = await asyncio.to_thread(pair.login, "client@acme.example")
    launch = await asyncio.to_thread(pair.open_running, client, "live-operations", demo.address)
    host, cookie = await asyncio.to_thread(pair.enter, client, launch)
    before = Size.of(pid)
    lines = [await opened(pair, host, cookie) for _ in range(SOCKETS)]
    ends = time.monotonic() + span.whole
    talking = [asyncio.create_task(talk(line, number, ends)) for number, line in enumerate(lines)]
    sizes = await watched(pid, ends, span.warming)
    messages = sum(await asyncio.gather(*talking))

    assert messages >= SOCKETS * (span.whole - 2), f"{messages} messages came back"
    grown = max(size.resident for size in sizes) / sizes[0].resident
    assert grown <= MOST_GROWTH, f"the edge has grown to {grown:.3f} of {sizes[0].resident} bytes"
    assert {size.descriptors for size in sizes} == {sizes[0].descriptors}
    await all_are_cut(pair, client, lines)
    # What a metric or a redeemed code needed for a moment may come and go; sockets of visitors and demos may not.
    await asyncio.to_thread(wait_for, lambda: Size.of(pid).descriptors <= before.descriptors + 2, "all is closed")
    for line in lines:
        line.writer.transport.abort()
    await demo.stop()
    mib = sizes[0].resident / 2**20
    print(f"{SOCKETS} sockets, {span.whole:.0f} s, {messages} messages; {mib:.1f} MiB, grown by {grown - 1:+.1%}")


async def opened(pair: Pair, host: str, cookie: str) -> Line:
    line = await Line.open(pair.edge_port)
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Origin": f"http://{host}",
    }
    assert (await line.ask("GET", "/ws", asked, host=host, cookies=cookie)).status == 101
    return line


async def talk(line: Line, number: int, ends: float) -> int:
    """A message a second, each awaited before the next, spread over the second; how many came back."""
    await asyncio.sleep(number / SOCKETS)
    count, due = 0, time.monotonic()
    while due < ends:
        said = f"socket {number}, message {count}, {'x' * 100}".encode()
        line.send_frame(0x81, said)
        assert await line.frame() == (0x81, said)
        count, due = count + 1, due + 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return count


async def watched(pid: int, ends: float, warming: float) -> list[Size]:
    """The sizes of the process from the end of the warming on, one each second."""
    await asyncio.sleep(warming)
    sizes = []
    while time.monotonic() < ends:
        sizes.append(Size.of(pid))
        await asyncio.sleep(1)
    return sizes


async def all_are_cut(pair: Pair, client: Person, lines: list[Line]) -> None:
    assert await asyncio.to_thread(pair.metric, 'ecatalog_edge_live_connections{kind="websocket"}') == SOCKETS
    admin = await asyncio.to_thread(pair.login, "admin@ecatalog.example")
    answer = await asyncio.to_thread(admin.patch, f"/api/clients/{client.id}/revoke", {"reason": "over"})
    cut = answer.json()["cut"]
    assert (cut["connections"], cut["waiting_for"]) == (SOCKETS, [])
    codes = await asyncio.gather(*(line.close_code() for line in lines))
    assert set(codes) == {ACCESS_ENDED}
    assert await asyncio.to_thread(pair.metric, 'ecatalog_edge_live_connections{kind="websocket"}') == 0
