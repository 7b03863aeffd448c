"""A whole installation for proofs: `ecatalog serve` with sample data on free ports, and people who call its API."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.proofs.raw import Answer, Line

PASSWORD = "ecatalog-demo"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now, all different.

    Below those that the system gives to clients: whoever polls one of these before it is listened on may meet itself.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(10_000, 32_000)
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            ports += [] if port in ports else [port]
    return ports


@dataclass
class Person:
    """Somebody logged in, by a bearer token, over connections of their own."""

    port: int
    token: str
    id: str

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.ask("POST", path, body)

    def put(self, path: str, body: Any = None) -> Answer:
        return self.ask("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.ask("DELETE", path)

    def patch(self, path: str, body: Any = None) -> Answer:
        return self.ask("PATCH", path, body)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"}
        raw = b""
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        line = Line(self.port, "localhost")
        try:
            return line.ask(method, path, headers, raw)
        finally:
            line.close()


@dataclass
class Installation:
    """Where a running installation listens, and its supervisor."""

    data: Path
    process: subprocess.Popen[bytes]
    port: int
    edge_port: int
    grpc_port: int
    internal_port: int

    def login(self, email: str, password: str = PASSWORD) -> Person:
        line = Line(self.port, "localhost")
        body = json.dumps({"email": email, "password": password}).encode()
        answer = line.ask("POST", "/api/auth/login", {"Content-Type": "application/json"}, body)
        line.close()
        assert answer.status == 200, answer.body
        found = answer.json()
        return Person(self.port, found["token"], (found["client"] or found["user"])["id"])

    def is_ready(self) -> bool:
        """Whether gateway, edge and launcher all say that they are ready."""
        return all(self._says_ready(self.internal_port + offset) for offset in range(3))

    def wait_until_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            assert self.process.poll() is None, f"ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "not ready in time"
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, as Ctrl-C and every init system do; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    @staticmethod
    def _says_ready(port: int) -> bool:
        try:
            line = Line(port, "localhost")
            try:
                return line.ask("GET", "/readyz").status == 200
            finally:
                line.close()
        except OSError:
            return False


def start_installation(
    data: Path, *, ports: tuple[int, int, int, int] | None = None, settings: Mapping[str, str] | None = None
) -> Installation:
    """Starts `ecatalog serve` with sample data in `data`, under these settings; does not wait for it."""
    port, edge, grpc, internal = ports or free_quad()
    command = [sys.executable, "-m", "ecatalog", "serve", "--data", str(data), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--edge-port", str(edge)]
    command += ["--grpc-port", str(grpc), "--internal-port", str(internal)]
    log = (data.parent / f"{data.name}.log").open("ab")
    env = os.environ | {"LOAD_SEED_DATA": "true", **(settings or {})}
    process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    log.close()
    return Installation(data, process, port, edge, grpc, internal)


def free_quad() -> tuple[int, int, int, int]:
    """Four free ports, the last with two more free ones right behind it."""
    while True:
        port, edge, grpc, internal = free_ports(4)
        if {internal + 1, internal + 2} & {port, edge, grpc}:
            continue
        try:
            for offset in (1, 2):
                socket.create_server(("127.0.0.1", internal + offset)).close()
        except OSError:
            continue
        return port, edge, grpc, internal


@contextmanager
def running_installation(folder: Path) -> Iterator[Installation]:
    installation = start_installation(folder / "data")
    try:
        installation.wait_until_ready()
        yield installation
        assert installation.stop() == 0
    finally:
        if installation.process.poll() is None:
            installation.process.kill()
            installation.process.wait()
