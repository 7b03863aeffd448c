"""What `serve` tells its children, and how it starts, reaps and ends them. Whole installations are in the proofs."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.listening import bind, refuse_taken
from ecatalog.ops import samples, samples_content
from ecatalog.processes import Brood, is_ready
from ecatalog.serve import SAMPLE_LOGINS, environments, listeners
from ecatalog.settings import BadSetting, Settings

SECRETS = {"JWT_SECRET": "j" * 32, "ENCRYPTION_KEY_FILE": "/run/key", "BACKUP_PASSWORD": "b", "ECATALOG_TOKEN": "t"}
IGNORES_SIGTERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
async def brood() -> AsyncIterator[Brood]:
    """Children of this test, reaped as in the supervisor."""
    loop = asyncio.get_running_loop()
    found = Brood()
    loop.add_signal_handler(signal.SIGCHLD, found.reap)
    yield found
    loop.remove_signal_handler(signal.SIGCHLD)


def test_the_gateway_alone_is_told_the_secrets() -> None:
    told = environments(Settings(), SECRETS | {"LANG": "C"}, 7, 9)

    assert told["gateway"].items() >= SECRETS.items()
    for name in ("edge", "launcher"):
        assert not told[name].keys() & SECRETS.keys()
        assert told[name]["LANG"] == "C"


def test_each_service_is_told_where_things_are() -> None:
    settings = Settings(data=Path("/srv/catalog"), edge_port=81, grpc_port=90, internal_port=100, log_level="debug")

    told = environments(settings, {}, 7, 9)

    assert told["gateway"]["ECATALOG_WELCOME_FD"] == "9"
    assert told["edge"]["ECATALOG_EDGE_PORT"] == "81"
    for offset, name in enumerate(("gateway", "edge", "launcher")):
        assert told[name]["ECATALOG_LIFELINE_FD"] == "7"
        assert told[name]["ECATALOG_DATA"] == "/srv/catalog"
        assert told[name]["ECATALOG_INTERNAL_PORT"] == str(100 + offset)
    for name in ("edge", "launcher"):
        assert told[name]["ECATALOG_GATEWAY"] == "127.0.0.1:90"
        assert told[name]["ECATALOG_TOKEN_FILE"] == f"/srv/catalog/tokens/{name}"
        assert told[name]["ECATALOG_LOG_LEVEL"] == "debug"
        assert "ECATALOG_WELCOME_FD" not in told[name]


def test_the_gateway_reads_back_the_settings_that_serve_was_given() -> None:
    settings = Settings(data=Path("/d"), host="127.0.0.2", port=1, edge_port=2, grpc_port=3, internal_port=4)

    assert Settings.read(environments(settings, {}, 7, 9)["gateway"]) == settings


def test_the_sample_logins_that_are_told_exist() -> None:
    told = {word for word in SAMPLE_LOGINS.split() if "@" in word}

    assert told <= {email for _, email, _ in samples_content.USERS} | {each.email for each in samples_content.CLIENTS}
    assert len(told) == 5
    assert f"`{samples.PASSWORD}`" in SAMPLE_LOGINS


def test_two_listeners_with_one_port_are_refused() -> None:
    with pytest.raises(BadSetting, match="the catalog and health of the edge would both listen on port"):
        refuse_taken(listeners(Settings(port=29101, edge_port=29102, grpc_port=29103, internal_port=29100)))


def test_a_taken_port_is_refused_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSetting, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\)"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadSetting, match=r"cannot listen on 192\.0\.2\.1:0 \(Cannot assign requested address\)"):
        bind("192.0.2.1", 0)


async def test_the_end_of_a_child_is_told_with_its_status(brood: Brood) -> None:
    _, ended = brood.start([sys.executable, "-c", "raise SystemExit(3)"], {}, keeps=())
    pid, killed = brood.start([sys.executable, "-c", "import time; time.sleep(60)"], {}, keeps=())
    os.kill(pid, signal.SIGKILL)

    assert await ended == 3
    assert await killed == -signal.SIGKILL


async def test_a_child_keeps_the_descriptors_that_it_is_given_and_no_others(brood: Brood) -> None:
    given, theirs = os.pipe()
    other, ours = os.pipe()
    look = f"import os\nfor each in ({theirs}, {ours}):\n  try: os.write(each, b'here')\n  except OSError: pass"

    _, ended = brood.start([sys.executable, "-c", look], {}, keeps=(theirs,))
    assert await ended == 0

    os.set_blocking(other, False)
    assert os.read(given, 10) == b"here"
    with pytest.raises(BlockingIOError):
        os.read(other, 10)
    for each in (given, theirs, other, ours):
        os.close(each)


async def test_children_are_ended_by_force_when_they_are_deaf(brood: Brood) -> None:
    heard, told = os.pipe()
    pid, death = brood.start([sys.executable, "-c", _printing_to(told, IGNORES_SIGTERM)], {}, keeps=(told,))
    os.close(told)
    assert await asyncio.to_thread(os.read, heard, 10) == b"deaf\n"
    os.close(heard)

    assert await brood.ended([pid], 0.05) is False
    assert await death == -signal.SIGKILL


async def test_ending_nobody_is_done_at_once(brood: Brood) -> None:
    pid, death = brood.start([sys.executable, "-c", ""], {}, keeps=())
    await death

    assert await brood.ended([pid], 0.05) is True


async def test_a_service_is_ready_when_it_says_so() -> None:
    lines = iter([b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b""])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(lines))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert [await is_ready("127.0.0.1", port) for _ in range(3)] == [True, False, False]
    assert await is_ready("127.0.0.1", port) is False


def _printing_to(descriptor: int, program: str) -> str:
    return f"import os; os.dup2({descriptor}, 1)\n{program}"
