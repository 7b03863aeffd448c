"""One gateway from its start to its end: what it tells, what it refuses, and that its end is orderly."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ecatalog.app import Gateway, build
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.run import greet
from ecatalog.settings import BadSetting, Settings
from tests.cast import SettableClock


def note_samples(tx: Tx) -> None:
    tx.record("samples.loaded", SYSTEM)


@pytest.fixture
async def open_gateway(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    """A gateway that other machines would reach, were its listeners begun."""
    built = build(Settings(data=tmp_path, host="192.0.2.1", grpc_port=0, jwt_secret="s" * 43), clock=clock)
    await built.start()
    yield built
    await built.stop()


@pytest.fixture
def welcome() -> Iterator[tuple[int, int]]:
    """The ends of the pipe that `serve` hears by."""
    heard, told = os.pipe()
    yield heard, told
    os.close(heard)
    os.close(told)


async def test_the_link_for_the_set_up_is_told(gateway: Gateway, welcome: tuple[int, int]) -> None:
    await greet(gateway, welcome[1])

    told = json.loads(os.read(welcome[0], 4096))
    assert told == {"setup_link": gateway.setup_link, "has_samples": False}
    assert "/setup?code=" in told["setup_link"]


async def test_sample_data_of_an_earlier_start_is_told(gateway: Gateway, welcome: tuple[int, int]) -> None:
    await gateway.db.write(note_samples)

    await greet(gateway, welcome[1])

    assert json.loads(os.read(welcome[0], 4096))["has_samples"] is True


async def test_sample_data_of_an_earlier_start_is_not_shown_to_other_machines(open_gateway: Gateway) -> None:
    await greet(open_gateway, None)
    await open_gateway.db.write(note_samples)

    with pytest.raises(BadSetting, match="say --allow-sample-logins"):
        await greet(open_gateway, None)


class Process:
    """A gateway as a process of its own, on loopback, whose lifeline this test holds."""

    def __init__(self, data: Path, port: int = 0) -> None:
        given, self.lifeline = os.pipe()
        names = {"DATA": str(data), "PORT": str(port), "GRPC_PORT": "0", "INTERNAL_PORT": "0"}
        names |= {"CATALOG_URL": "http://localhost:8080", "LOG_JSON": "true"}
        env = os.environ | {f"ECATALOG_{name}": value for name, value in names.items()}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "ecatalog.service", "gateway"],
            env=env | {"ECATALOG_LIFELINE_FD": str(given)},
            pass_fds=(given,),
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(given)

    def until(self, event: str) -> None:
        """Waits for a line of the log that names this event."""
        assert self.popen.stderr is not None
        said = []
        for line in self.popen.stderr:
            said.append(line)
            if event in line:
                return
        raise AssertionError("".join(said))

    def ended(self) -> tuple[int, str]:
        """The exit status, and what was said until then."""
        _, said = self.popen.communicate(timeout=20)
        return self.popen.returncode, said


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    started = Process(tmp_path / "data")
    yield started
    started.popen.kill()
    started.popen.communicate()


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "lifeline"])
async def test_it_ends_in_order(process: Process, tmp_path: Path, way: str) -> None:
    await asyncio.to_thread(process.until, "gateway.ready")

    if way == "lifeline":
        os.close(process.lifeline)
    else:
        process.popen.send_signal(signal.Signals[way])
        os.close(process.lifeline)

    status, said = await asyncio.to_thread(process.ended)
    assert status == 0
    assert "gateway.stopping" in said
    assert "Traceback" not in said
    wal = tmp_path / "data/ltplabs.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0


def test_a_taken_port_is_a_sentence_and_makes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = Process(tmp_path / "data", port)
        status, said = process.ended()
        os.close(process.lifeline)

    assert status == 78
    assert said.startswith(f"ecatalog gateway: cannot listen on 127.0.0.1:{port} (Address already in use).")
    assert not (tmp_path / "data/ltplabs.db").exists()
