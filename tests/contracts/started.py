"""A gateway as a process of its own with sample data, on a free port of loopback."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proofs.installation import free_ports
from tests.proofs.raw import Line


@contextmanager
def started_gateway(folder: Path) -> Iterator[int]:
    """The port on which it answers, until the block ends; its log is beside its data."""
    (port,) = free_ports(1)
    given, lifeline = os.pipe()
    names = {"DATA": str(folder / "data"), "PORT": str(port), "GRPC_PORT": "0", "INTERNAL_PORT": "0"}
    names |= {"CATALOG_URL": f"http://localhost:{port}", "LIFELINE_FD": str(given)}
    env = os.environ | {"LOAD_SEED_DATA": "true"} | {f"ECATALOG_{name}": value for name, value in names.items()}
    with (folder / "gateway.log").open("wb") as log:
        command = [sys.executable, "-m", "ecatalog.service", "gateway"]
        process = subprocess.Popen(command, env=env, pass_fds=(given,), stdout=log, stderr=log)
    os.close(given)
    try:
        _wait_until_it_lives(port, process, folder / "gateway.log")
        yield port
    finally:
        os.close(lifeline)
        process.wait(timeout=20)


def _wait_until_it_lives(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not _lives(port):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "not alive in time"
        time.sleep(0.05)


def _lives(port: int) -> bool:
    try:
        line = Line(port, "localhost")
    except OSError:
        return False
    try:
        return line.ask("GET", "/livez").status == 200
    finally:
        line.close()
