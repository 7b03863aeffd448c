"""The process: what its environment says, how it is known, how it starts and stops, and what it tells operators."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

import aiohttp
import pytest
import structlog

from ecatalog_client.breaker import BreakerState
from ecatalog_client.environment import BadSetting
from ecatalog_client.metrics import Calls
from ecatalog_client.process import ServiceId
from ecatalog_edge.app import main
from ecatalog_edge.edge import Edge
from ecatalog_edge.hosts import DemoHosts
from ecatalog_edge.internal import Internal
from ecatalog_edge.journal import Ended, Journal
from ecatalog_edge.settings import Settings
from ecatalog_edge.state import Denial
from tests.edge.twins import CatalogTwin, SettableTime, an_acme, change_of, settle
from tests.edge.visitors import Line, request

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def internal_of(edge: Edge, copies: IPv4Network | None = None) -> AsyncIterator[str]:
    internal = Internal(edge, copies=copies)
    await internal.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{internal.port}"
    await internal.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_it_is_alive_at_once_and_ready_once_it_may_serve(empty_edge: Edge, catalog: CatalogTwin) -> None:
    async with internal_of(empty_edge) as url:
        assert await get(url + "/livez") == (200, "ok\n")
        assert await get(url + "/readyz") == (503, "not synced with the gateway\n")
        await catalog.begin()
        await settle(lambda: empty_edge.is_ready)
        assert await get(url + "/readyz") == (200, "ok\n")


async def test_copies_of_demos_are_told_nothing_by_it(edge: Edge) -> None:
    here = Settings.load({"ECATALOG_DEMO_SUBNET": "127.0.0.0/8"}).demo_subnet
    async with internal_of(edge, here) as url:
        for path in ("/livez", "/readyz", "/metrics", "/nothing"):
            assert await get(url + path) == (403, "Copies of demos are told nothing.\n")
    async with internal_of(edge, IPv4Network("10.213.0.0/16")) as url:
        assert (await get(url + "/metrics"))[0] == 200


async def test_it_counts_what_is_live_what_was_cut_and_what_is_past_its_end(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    await line.ask("POST", "/mirror", body=b"12345")
    await line.upgrade("/ws")
    async with internal_of(edge) as url:
        before = (await get(url + "/metrics"))[1]
        await catalog.tell(an_acme(is_revoked=True))
        after = (await get(url + "/metrics"))[1]
    assert 'ecatalog_edge_live_connections{kind="websocket"} 1.0' in before
    assert 'ecatalog_edge_live_connections{kind="websocket"} 0.0' in after
    assert 'ecatalog_edge_bytes_total{direction="in"} 5.0' in before
    assert 'ecatalog_edge_requests_total{status="200"} 1.0' in before
    assert 'ecatalog_edge_cut_connections_total{kind="websocket",why="access_revoked"} 1.0' in after
    assert "ecatalog_edge_cut_seconds_count 1.0" in after
    assert "ecatalog_edge_live_connections_past_end 0.0" in after


async def test_what_is_live_past_its_end_would_be_counted(edge: Edge, line: Line, catalog: CatalogTwin) -> None:
    """The gauge that pages people is not always 0: here the cutting itself is kept from happening."""
    await line.upgrade("/ws")
    edge.guard.state.clients["client-acme"] = an_acme(is_revoked=True)
    assert edge.guard.count_past_end() == 1


async def test_upstream_errors_are_counted(edge: Edge, line: Line) -> None:
    line.send(request("GET", "/custom"))
    assert (await line.reply()).status == 502
    assert edge.stats.upstream_errors == {"closed": 1}


def an_end(path: str) -> Ended:
    return Ended(event="request.ended", method="GET", path=path, status=200, outcome="served", ms=1, bytes_out=2)


async def test_requests_are_told_as_json_lines_in_one_write() -> None:
    written: list[bytes] = []
    journal = Journal(written.append)
    for number in range(3):
        journal.tell(
            Ended(
                event="request.ended", method="GET", path=f"/{number}", status=200, outcome="served", ms=1, bytes_out=2
            )
        )
    await settle(lambda: bool(written))
    lines = [json.loads(line) for line in written[0].splitlines()]
    assert [line["path"] for line in lines] == ["/0", "/1", "/2"]
    assert {line["event"] for line in lines} == {"request.ended"}
    assert {(line["level"], line["service"]) for line in lines} == {("info", "edge")}


async def test_a_silent_journal_tells_nothing() -> None:
    ended = an_end("/")
    with structlog.testing.capture_logs() as events:
        Journal(is_silent=True).tell(ended)
        Journal().tell(ended)
    assert [event["event"] for event in events] == ["request.ended"]


# The process itself.


@asynccontextmanager
async def running(tmp_path: Path, **more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, object]]]:
    """The edge as `ecatalog serve` starts it, with no gateway to be found; the event that says it serves."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'packages/ecatalog-client/src'}",
        "ECATALOG_GATEWAY": "127.0.0.1:9",
        "ECATALOG_TOKEN": "canary-token",
        "ECATALOG_DATA": str(tmp_path),
        "ECATALOG_EDGE_PORT": "0",
        "ECATALOG_INTERNAL_PORT": "0",
        "ECATALOG_LOG_JSON": "true",
        **more,
    }
    lifeline = int(more.get("ECATALOG_LIFELINE_FD", "-1"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ecatalog_edge.app"),
        env=env,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(lifeline,) if lifeline >= 0 else (),
    )
    assert process.stderr is not None
    try:
        event: dict[str, object] = {}
        while event.get("event") != "edge.serving":
            event = json.loads(await asyncio.wait_for(process.stderr.readline(), 20))
        yield process, event
    finally:
        if process.returncode is None:
            process.kill()
        log = await process.stderr.read()
        await process.wait()
        assert b"canary-token" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    async with running(tmp_path) as (process, event):
        assert await get(f"http://127.0.0.1:{event['internal_port']}/livez") == (200, "ok\n")
        async with await Line.open(int(str(event["port"]))) as line:
            assert (await line.ask("GET", "/")).status == 503
            began = time.monotonic()
            process.send_signal(number)
            assert await asyncio.wait_for(process.wait(), 10) == 0
        assert time.monotonic() - began < 5


async def test_the_end_of_the_lifeline_ends_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    async with running(tmp_path, ECATALOG_LIFELINE_FD=str(reading)) as (process, _):
        os.close(writing)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    os.close(reading)


async def test_an_address_that_is_taken_is_said_and_ends_it(tmp_path: Path, edge: Edge) -> None:
    env = {
        "ECATALOG_GATEWAY": "127.0.0.1:9",
        "ECATALOG_EDGE_PORT": str(edge.port),
        "ECATALOG_INTERNAL_PORT": "0",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'packages/ecatalog-client/src'}",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ecatalog_edge.app", env=env, stderr=asyncio.subprocess.PIPE
    )
    _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"edge.cannot_listen" in log


def test_a_bad_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"ECATALOG_EDGE_PORT": "many"}) == 2
    assert "ECATALOG_EDGE_PORT" in capsys.readouterr().err


# Settings and names.


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    settings = Settings.load(
        {
            "ECATALOG_GATEWAY": "gateway:9090",
            "ECATALOG_TOKEN_FILE": str(tmp_path / "token"),
            "ECATALOG_DATA": str(tmp_path),
            "ECATALOG_EDGE_HOST": "0.0.0.0",
            "ECATALOG_EDGE_PORT": "80",
            "ECATALOG_INTERNAL_HOST": "::1",
            "ECATALOG_INTERNAL_PORT": "0",
            "ECATALOG_DEMOS_URL": "https://demos.example.com",
            "ECATALOG_LOG_LEVEL": "warning",
            "ECATALOG_LOG_JSON": "no",
            "ECATALOG_LIFELINE_FD": "7",
        }
    )
    assert settings == Settings(
        "gateway:9090",
        "from-file",
        tmp_path,
        "0.0.0.0",
        80,
        "::1",
        0,
        "https://demos.example.com",
        "warning",
        False,
        7,
    )
    assert Settings.load({}) == Settings()


@pytest.mark.parametrize(
    "env",
    [
        {"ECATALOG_EDGE_PORT": "-1"},
        {"ECATALOG_INTERNAL_PORT": "70000"},
        {"ECATALOG_LIFELINE_FD": "x"},
        {"ECATALOG_LOG_JSON": "perhaps"},
        {"ECATALOG_DEMOS_URL": "demos.example.com"},
        {"ECATALOG_DEMOS_URL": "https://demos.example.com/path"},
        {"ECATALOG_TOKEN_FILE": "/nowhere/at/all"},
        {"ECATALOG_DEMO_SUBNET": "10.213.0.1/16"},
        {"ECATALOG_DEMO_SUBNET": "10.213.0.0/25"},
        {"ECATALOG_DEMO_SUBNET": "1.2.0.0/16"},
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(env: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(iter(env))):
        Settings.load(env)


def test_an_edge_keeps_its_name_and_a_second_one_has_another(tmp_path: Path) -> None:
    with ServiceId(tmp_path / "edge_id") as first, ServiceId(tmp_path / "edge_id") as second:
        assert first != second
    with ServiceId(tmp_path / "edge_id") as again:
        assert again == first
    with ServiceId(None) as free:
        assert free != first


@pytest.mark.parametrize(
    ("url", "label", "origin"),
    [
        ("http://demos.localhost:8081", "abc", b"http://abc.demos.localhost:8081"),
        ("https://demos.example.com", "abc", b"https://abc.demos.example.com"),
        ("https://demos.example.com:443/", "abc", b"https://abc.demos.example.com"),
        ("http://demos.example.com:80", "abc", b"http://abc.demos.example.com"),
    ],
)
def test_a_demo_has_one_origin(url: str, label: str, origin: bytes) -> None:
    assert DemoHosts(url).origin_of(label) == origin


class Stubborn:
    """A connection that cannot be cut."""

    kind = "request"

    def cut(self, denial: Denial) -> None:
        raise RuntimeError("it does not let go")


async def test_an_edge_that_cannot_cut_fails_instead_of_acknowledging(
    edge: Edge, line: Line, catalog: CatalogTwin
) -> None:
    """The process then ends with status 1, and the system closes what is left. The others are cut all the same."""
    await line.upgrade("/ws")
    (live,) = edge.registry.all()
    live.connections.add(Stubborn())
    before = len(catalog.acks.sent)
    with structlog.testing.capture_logs() as events:
        catalog.say(change_of(catalog.position + 1, [an_acme(is_revoked=True)]))
        await asyncio.wait_for(edge.failed.wait(), 5)
    assert await line.close_code() == 4403
    assert len(catalog.acks.sent) == before
    assert "edge.failed" in [event["event"] for event in events]


async def test_a_timer_that_cannot_cut_fails_too(edge: Edge, line: Line, edge_time: SettableTime) -> None:
    await line.upgrade("/ws")
    (live,) = edge.registry.all()
    live.connections.add(Stubborn())
    with structlog.testing.capture_logs():
        edge_time.wall_offset = 7200.0
        await asyncio.wait_for(edge.failed.wait(), 5)


async def test_calls_to_the_gateway_are_counted(edge: Edge) -> None:
    calls = Calls("ecatalog_edge")
    hooks = calls.hooks()
    hooks.attempt("Redeem", "ok", 0.01)
    hooks.retry("Leave")
    hooks.breaker("127.0.0.1:9090", BreakerState.OPEN)
    hooks.watch("edge", True)
    internal = Internal(edge, calls)
    await internal.start("127.0.0.1", 0)
    _, metrics = await get(f"http://127.0.0.1:{internal.port}/metrics")
    await internal.stop()
    assert 'ecatalog_edge_calls_total{method="Redeem",outcome="ok"} 1.0' in metrics
    assert 'ecatalog_edge_call_retries_total{method="Leave"} 1.0' in metrics
    assert 'ecatalog_edge_breaker{state="open",upstream="127.0.0.1:9090"} 1.0' in metrics
    assert 'ecatalog_edge_breaker{state="closed",upstream="127.0.0.1:9090"} 0.0' in metrics
    assert "ecatalog_edge_watch_connected 1.0" in metrics
