"""The pages that are asked for, who asks, and a gateway as a process of its own that answers."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from bench.servers import free_ports
from bench.world import JWT_SECRET
from bench_pages.world import World

# What a page asks for with a script, to replace a part of itself, begins with `~`.
_READ_BY_ALL = (
    *("/console", "~/console", "/console/clients", "~/console/clients?q=eva+gama", "~/console/clients?q=nobody-at-all"),
    *("~/console/clients?status=expired&sort=company&page=20", "~/console/clients?ending=soon&sort=ends"),
    *("/console/clients/{client}", "/console/requests", "/console/demos", "~/console/demos?q=live+operations+09"),
    *("/console/demos/{demo}", "/console/users", "/console/usage.csv", "/console/clients/{client}/usage.csv"),
    *("/console/demos/{demo}/usage.csv", "/account", "/nothing"),
)
_READ_BY_SELLERS = ("/console/clients/new", "/console/clients/import")
_READ_BY_VIEWERS = (
    *(
        "/console/audit",
        "~/console/audit?kind=session.started",
        "~/console/audit?q=eva",
        "~/console/audit?q=nobody-at-all",
    ),
)
_READ_BY_ADMINS = (
    *_READ_BY_VIEWERS,
    *("/console/clients/{client}/edit", "/console/clients/{client}/revoke", "/console/demos/new"),
    *("/console/demos/{demo}/edit", "/console/demos/{demo}/remove", "/console/users/new", "/console/users/{user}"),
    *("/console/messages", "~/console/messages?state=dead", "/console/messages/{message}", "/console/webhooks"),
    *("/console/webhooks/new", "/console/health", "/console/settings", "/console/components"),
)
PAGES: Mapping[str, Sequence[str]] = {
    "admin": (*_READ_BY_ALL, *_READ_BY_SELLERS, *_READ_BY_ADMINS),
    "seller": (*_READ_BY_ALL, *_READ_BY_SELLERS),
    "viewer": (*_READ_BY_ALL, *_READ_BY_VIEWERS),
    "client": ("/", "~/?q=live", "/demos/{demo}", "/access", "/account", "/notices"),
    "nobody": ("/", "/login", "/forgotten"),
}
_LINKED = re.compile(rb'(?:href|src)="(/static/[^"]+|/branding/[^"]+)"')
_SECONDS_TO_START = 60.0


@dataclass(frozen=True)
class Measured:
    """One page as one role sees it: times in milliseconds, `cpu…` what the gateway's process worked; bytes as they are
    sent, `first_load` with what the page links to.
    """

    path: str
    role: str
    first: float
    p50: float
    p95: float
    cpu50: float
    cpu95: float
    bytes: int
    first_load: int


@dataclass(frozen=True)
class First:
    """A first look: how many milliseconds it took, and the gateway's process worked."""

    took: float
    worked: float


class Gateway:
    """A gateway that runs, and one kept connection to it."""

    def __init__(self, port: int, pid: int, world: World) -> None:
        self._world = world
        self.pid = pid
        self._connection = http.client.HTTPConnection("localhost", port, timeout=60)
        self._linked: dict[str, int] = {}

    def measure(self, path: str, role: str, rounds: int) -> Measured:
        """Asks so many times, one after the other."""
        bare = path.removeprefix("~").format_map(self._world.ids)
        headers = self._headers(role, is_fragment=path.startswith("~"))
        took, worked = zip(*(self._time(bare, headers) for _ in range(rounds)), strict=True)
        size = len(self._ask(bare, headers))
        whole = size + sum(self._size_of(linked) for linked in self._links(bare, headers))
        fast = (took[0], median(took), _p95(took), median(worked), _p95(worked))
        return Measured(path, role, *fast, size, whole)

    def first_look(self, path: str, role: str) -> First:
        """Of a page that nobody has asked for since the start."""
        return First(*self._time(path, self._headers(role, is_fragment=False)))

    def _time(self, path: str, headers: Mapping[str, str]) -> tuple[float, float]:
        worked, started = self._worked(), time.perf_counter()
        self._ask(path, headers)
        return (time.perf_counter() - started) * 1000, self._worked() - worked

    def _headers(self, role: str, *, is_fragment: bool) -> dict[str, str]:
        headers = {"Accept-Encoding": "gzip", "Cookie": f"ecatalog={self._world.tokens.get(role, '')}"}
        return headers | ({"HX-Request": "true"} if is_fragment else {})

    def _ask(self, path: str, headers: Mapping[str, str]) -> bytes:
        """The body as it was sent. Raises RuntimeError for what is not the page."""
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != (404 if path == "/nothing" else 200):
            raise RuntimeError(f"{path} answered {answer.status}")
        return body

    def _links(self, path: str, headers: Mapping[str, str]) -> set[str]:
        plain = self._ask(path, {name: text for name, text in headers.items() if name != "Accept-Encoding"})
        return {found.decode() for found in _LINKED.findall(plain)}

    def _size_of(self, linked: str) -> int:
        if linked not in self._linked:
            self._linked[linked] = len(self._ask(linked, {"Accept-Encoding": "gzip"}))
        return self._linked[linked]

    def _worked(self) -> float:
        """The milliseconds that the process was on a core so far, all threads together."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6


def _p95(found: Sequence[float]) -> float:
    return quantiles(found, n=20)[-1]


@contextmanager
def running(world: World) -> Iterator[Gateway]:
    """The gateway on that file, from when it answers to the end of the block. Raises RuntimeError when it does not."""
    port, internal, grpc = free_ports(3)
    env = {"DB_PATH": str(world.file), "JWT_SECRET": JWT_SECRET, "ECATALOG_PORT": str(port), "LOAD_SEED_DATA": "false"}
    env |= {"ECATALOG_INTERNAL_PORT": str(internal), "ECATALOG_GRPC_PORT": str(grpc), "ECATALOG_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "ecatalog.service", "gateway"], env=os.environ | env)
    try:
        _wait_until_it_listens(process, port)
        yield Gateway(port, process.pid, world)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    """`/livez` reads nothing of the database, so that the first look is still the first."""
    ends = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < ends and process.poll() is None:
        connection = http.client.HTTPConnection("localhost", port, timeout=5)
        try:
            connection.request("GET", "/livez")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise RuntimeError("The gateway does not answer.")
