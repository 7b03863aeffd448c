"""The servers under measurement: how each is started on its core, known to be ready, and stopped."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.world import JWT_SECRET, World

HERE = Path(__file__).parent
_SECONDS_TO_START = 30.0
_SECONDS_TO_STOP = 15


@dataclass(frozen=True)
class Contender:
    """A program to measure. `request_mark` is in every log line that tells of a request, and in no other.

    In `env`, {database} and {port} stand for this run's.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    request_mark: bytes


ECATALOG = Contender(
    "E-Catalog",
    (sys.executable, "-m", "ecatalog", "gateway"),
    {
        "DB_PATH": "{database}",
        "LOAD_SEED_DATA": "false",
        "JWT_SECRET": JWT_SECRET,
        "ECATALOG_DATA": "{folder}",
        "ECATALOG_PORT": "{port}",
        "ECATALOG_GRPC_PORT": "{second_port}",
        "ECATALOG_INTERNAL_PORT": "{third_port}",
        "ECATALOG_LOG_JSON": "true",
    },
    b'"event":"request"',
)
FASTIFY = Contender(
    "Fastify + better-sqlite3",
    ("node", str(HERE / "peers" / "fastify" / "server.mjs")),
    {"DB_PATH": "{database}", "PORT": "{port}", "NODE_ENV": "production"},
    b'"msg":"request"',
)
FASTIFY_CACHED = Contender(
    "the same with a cache",
    FASTIFY.command,
    {**FASTIFY.env, "CACHE": "1"},
    FASTIFY.request_mark,
)
CONTENDERS = (ECATALOG, FASTIFY, FASTIFY_CACHED)


@dataclass(frozen=True)
class Server:
    """A running contender, its database and its log."""

    contender: Contender
    pid: int
    port: int
    database: Path
    log: Path

    def ask(self, method: str, path: str, token: str) -> tuple[int, bytes]:
        """One request; the status and body of its answer. Raises OSError while nobody listens."""
        return ask(self.port, method, path, token)


def ask(port: int, method: str, path: str, token: str) -> tuple[int, bytes]:
    """One request; the status and body of its answer. Raises OSError while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def running(contender: Contender, world: World, folder: Path, log: Path, core: int) -> Iterator[Server]:
    """The contender on that core alone, with a copy of the world in `folder`, while the block lasts.

    Raises RuntimeError when it does not start, or does not end by itself with status 0.
    """
    database, ports = folder / "catalog.db", free_ports(3)
    world.copy_to(database)
    words: dict[str, object] = {"database": database, "folder": folder}
    words |= {"port": ports[0], "second_port": ports[1], "third_port": ports[2]}
    env = {name: text.format_map(words) for name, text in contender.env.items()}
    with log.open("ab") as sink:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *contender.command],
            env={"PATH": os.environ["PATH"], "HOME": str(folder)} | env,
            stdout=sink,
            stderr=sink,
            stdin=subprocess.DEVNULL,
        )
    server = Server(contender, process.pid, ports[0], database, log)  # taskset becomes the server itself.
    try:
        _wait_until_ready(server, process, world.callers[0].token)
        yield server
    finally:
        _stop(process)
    if process.returncode != 0:
        raise RuntimeError(f"{contender.name} ended with status {process.returncode}:\n{_last_words(log)}")


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], token: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if server.ask("GET", "/api/auth/me", token)[0] == 200:
                return
        except OSError:
            pass  # It does not listen yet.
        time.sleep(0.01)
    raise RuntimeError(f"{server.contender.name} does not answer:\n{_last_words(server.log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, held all at once so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(bound.getsockname()[1]) for bound in held]
    for bound in held:
        bound.close()
    return ports
