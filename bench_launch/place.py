"""A whole installation under measurement: `ecatalog serve` on a world of its own, and clients who open demos."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import apsw

from bench.servers import free_ports
from bench.world import JWT_SECRET, SMALL, Caller, make_world

IMAGE = "ecatalog-samples/customers"
_SECONDS_TO_START = 30.0
_SECONDS_TO_OPEN = 120.0
# Of the 50 demos of the world: the first is kept warm, the others are not.
WARM_COPIES = 2


@dataclass(frozen=True)
class Place:
    """A running installation: where it listens, who may call, its demos by name, and its three processes."""

    port: int
    edge_port: int
    callers: tuple[Caller, ...]
    demos: tuple[str, ...]
    log: Path
    supervisor: int

    @property
    def processes(self) -> dict[str, int]:
        """The process ids of gateway, edge and launcher."""
        found: dict[str, int] = {}
        for pid in _children(self.supervisor):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found |= {name: pid for name in ("gateway", "edge", "launcher") if name.encode() in words}
        return found

    @property
    def resident_mib(self) -> float:
        """What the three take together."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.processes.values()]
        return sum(int(text.split("VmRSS:")[1].split()[0]) for text in texts) / 1024


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def running(folder: Path, *, driver: str, capacity: int, warm: int = 0) -> Iterator[Place]:
    """All three processes, while the block lasts. Raises RuntimeError with their log when they do not start."""
    world = make_world(folder / "world.db", SMALL)
    demos = _one_image(world.file, warm, environment={"FAKE": "instant"} if driver == "fake" else {})
    port, edge, grpc = free_ports(3)
    internal = _three_in_a_row()
    log = folder / "serve.log"
    env = os.environ | {
        "DB_PATH": str(world.file),
        "JWT_SECRET": JWT_SECRET,
        "LOAD_SEED_DATA": "false",
        "ECATALOG_LAUNCHER_DRIVER": driver,
        "ECATALOG_LAUNCHER_CAPACITY": str(capacity),
        "ECATALOG_LAUNCHER_MEMORY_MB": str(1 << 20),
        "ECATALOG_MAX_LAUNCHES_PER_CLIENT": "50",
        "ECATALOG_CHECK_DEMOS_EVERY": "0",
        "ECATALOG_LOG_JSON": "true",
    }
    command = [sys.executable, "-m", "ecatalog", "serve", "--data", str(folder / "data")]
    command += ["--port", str(port), "--edge-port", str(edge), "--grpc-port", str(grpc)]
    command += ["--internal-port", str(internal)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        _wait_until(process, internal, log)
        yield Place(port, edge, world.callers, demos, log, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if driver == "docker":
            _clear(world.file)


def _clear(database: Path) -> None:
    """Copies and networks stay on an engine for the next start of a catalog; this one does not come again."""
    connection = apsw.Connection(str(database))
    found = connection.execute("SELECT value FROM settings WHERE key = 'installation'").fetchall()
    connection.close()
    if not found:
        return  # It did not come so far.
    ((installation,),) = found
    label = f"label=ecatalog.installation={installation}"
    for listing, removing in ((("ps", "--all"), ("rm", "--force")), (("network", "ls"), ("network", "rm"))):
        listed = subprocess.run(
            ["docker", *listing, "--quiet", "--filter", label], capture_output=True, text=True, check=True
        )
        if listed.stdout:
            subprocess.run(["docker", *removing, *listed.stdout.split()], capture_output=True, check=True)


def _one_image(database: Path, warm: int, environment: dict[str, str]) -> tuple[str, ...]:
    """All demos run the same sample, and nobody has anything open. Returns the ids of the demos."""
    connection = apsw.Connection(str(database))
    with connection:
        ((image,),) = connection.execute("SELECT min(id) FROM docker_images").fetchall()
        connection.execute("UPDATE docker_images SET image_name = ?, image_tag = 'latest' WHERE id = ?", (IMAGE, image))
        words = json.dumps(environment)
        connection.execute("UPDATE demos SET docker_image_id = ?, port = 8000, environment = ?", (image, words))
        connection.execute("DELETE FROM launches")
        demos = tuple(str(row[0]) for row in connection.execute("SELECT id FROM demos ORDER BY id"))
        connection.execute("UPDATE demos SET warm = ? WHERE id = ?", (warm, demos[0]))
    connection.close()
    return demos


def _three_in_a_row() -> int:
    """The first of three free ports, below those that the system gives to clients."""
    while True:
        first = random.randrange(10_000, 31_000)
        try:
            for offset in range(3):
                socket.create_server(("127.0.0.1", first + offset)).close()
        except OSError:
            continue
        return first


def _wait_until(process: subprocess.Popen[bytes], internal: int, log: Path) -> None:
    ends = time.monotonic() + _SECONDS_TO_START
    while not all(_is_ready(internal + offset) for offset in range(3)):
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"the catalog does not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def _is_ready(port: int) -> bool:
    asked = subprocess.run(["curl", "-fs", f"http://127.0.0.1:{port}/readyz"], capture_output=True, check=False)
    return asked.returncode == 0


@dataclass(frozen=True)
class Opened:
    """One open: seconds to the first byte of the demo's page, until it ran, and what was foretold for that."""

    launch_id: str
    seconds: float
    ready_seconds: float
    foretold_seconds: float | None


class Visitor:
    """A client at the keyboard: opens a demo as the page does, and stops it again."""

    def __init__(self, session: aiohttp.ClientSession, place: Place, caller: Caller) -> None:
        self._session = session
        self._place = place
        self._fields = {"Authorization": f"Bearer {caller.token}"}
        self._admin = {"Authorization": f"Bearer {caller.admin_token}"}

    async def open(self, demo_id: str) -> Opened:
        """From the click to the first byte. Raises RuntimeError when the demo does not come."""
        began = time.perf_counter()
        launch = await self._until_running(demo_id)
        ready = time.perf_counter() - began
        await self._enter(launch["id"])
        queue = launch["queue"]
        foretold = None if queue is None else float(queue["seconds"])
        return Opened(launch["id"], time.perf_counter() - began, ready, foretold)

    async def start(self, demo_id: str) -> str:
        """Until it runs; nobody goes in. Returns the launch's id."""
        return str((await self._until_running(demo_id))["id"])

    async def _until_running(self, demo_id: str) -> dict[str, Any]:
        """The launch as it was at the click."""
        async with self._session.post(self._url(f"demos/{demo_id}/open"), headers=self._fields) as answer:
            launch: dict[str, Any] = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"not opened: {launch}")
        if launch["state"] != "running":
            await self._follow(launch["id"])
        return launch

    async def stop(self, launch_id: str) -> None:
        """Until nothing is left of it."""
        async with self._session.delete(self._url(f"launches/{launch_id}"), headers=self._fields) as answer:
            answer.raise_for_status()
        await self._follow(launch_id, until=("stopped", "failed"))

    async def warm_ready(self, demo_id: str) -> int:
        """How many copies of the demo wait for somebody."""
        query = f"launches?demo_id={demo_id}&state=running&limit=100"
        async with self._session.get(self._url(query), headers=self._admin) as answer:
            found = (await answer.json())["items"]
        return sum(each["kind"] == "warm" and each["wanted"] == "running" for each in found)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._place.port}/api/{path}"

    async def _follow(self, launch_id: str, until: tuple[str, ...] = ("running",)) -> None:
        url = self._url(f"launches/{launch_id}/events")
        async with self._session.get(url, headers=self._fields) as answer:
            async for line in answer.content:
                if not line.startswith(b"data:"):
                    continue
                launch = json.loads(line.removeprefix(b"data:"))
                if launch["state"] in until:
                    return
                if launch["state"] in ("failed", "stopped"):
                    raise RuntimeError(f"the demo does not start: {launch['reason']}")
        raise RuntimeError("the events end, and the launch does not")

    async def _enter(self, launch_id: str) -> None:
        async with self._session.post(self._url(f"launches/{launch_id}/enter"), headers=self._fields) as answer:
            url = urlsplit((await answer.json())["url"])
        fields = {"Host": url.netloc}
        path, edge = f"{url.path}?{url.query}", f"http://127.0.0.1:{self._place.edge_port}"
        async with self._session.get(f"{edge}{path}", headers=fields, allow_redirects=False) as answer:
            cookie, clean = answer.headers["Set-Cookie"].partition(";")[0], answer.headers["Location"]
        fields["Cookie"] = cookie
        async with self._session.get(f"{edge}{urlsplit(clean).path}", headers=fields) as answer:
            if answer.status != 200 or not await answer.content.read(1):
                raise RuntimeError(f"not the demo answers: {answer.status}")


@asynccontextmanager
async def visitors(place: Place, count: int) -> AsyncIterator[list[Visitor]]:
    """That many clients, each with connections of its own kept open."""
    limit = aiohttp.ClientTimeout(total=_SECONDS_TO_OPEN)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=limit, cookie_jar=jar, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield [Visitor(session, place, caller) for caller in place.callers[:count]]
