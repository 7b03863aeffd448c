"""A gateway and an edge as processes of their own, each to be killed and started alone.

Sample data, free ports. The proof is the launcher: copies are brought up by reports, and run wherever it says. Or there
is a launcher beside them, which runs `samples`.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ecatalog_client.services import LauncherGateway
from ecatalog_client.types.launches import LaunchReport, LaunchState
from tests.proofs.installation import PASSWORD, Person, free_ports
from tests.proofs.raw import Answer, Line
from tests.proofs.traces import traces_of, wait_for


@dataclass
class Pair:
    """Where the two listen, and their processes."""

    data: Path
    port: int
    grpc_port: int
    edge_port: int
    gateway_internal: int
    edge_internal: int
    launcher_internal: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts `gateway`, `edge` or `launcher` and waits until it is ready."""
        command = [sys.executable, "-m", "ecatalog.service", name]
        with (self.data.parent / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=self._env(name), stdout=log, stderr=log)
        wait_for(lambda: self._is_ready(name), f"the {name} is ready")

    def kill(self, name: str) -> None:
        """SIGKILL: no last word, no last write."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def login(self, email: str) -> Person:
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        with closing(Line(self.port, "localhost")) as line:
            answer = line.ask("POST", "/api/auth/login", {"Content-Type": "application/json"}, body)
        assert answer.status == 200, answer.body
        found = answer.json()
        return Person(self.port, found["token"], (found["client"] or found["user"])["id"])

    def open_running(self, person: Person, slug: str, upstream: str) -> str:
        """Opens a demo and reports that its copy runs at `upstream`; the launch."""
        items = person.get("/api/demos").json()["items"]
        demo = next(item["id"] for item in items if item["slug"] == slug)
        launch = person.post(f"/api/demos/{demo}/open").json()
        if launch["state"] == "queued":
            self.report(launch["id"], 0, "queued", "starting")
            self.report(launch["id"], 1, "starting", "running", upstream=upstream)
        return str(launch["id"])

    def report(self, launch_id: str, attempt: int, was: LaunchState, state: LaunchState, *, upstream: str = "") -> None:
        """What a launcher says of a copy; from a thread of its own, since browsers keep a loop in the caller's."""

        async def tell() -> None:
            token = (self.data / "tokens" / "launcher").read_text()
            launcher = LauncherGateway(f"127.0.0.1:{self.grpc_port}", token)
            await launcher.report(
                LaunchReport(launch_id=launch_id, attempt=attempt, was=was, state=state, upstream=upstream)
            )
            await launcher.aclose()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(tell())).result(timeout=30)

    def enter(self, person: Person, launch_id: str) -> tuple[str, str]:
        """The host of the copy, and the cookie of who came in."""
        url = str(person.post(f"/api/launches/{launch_id}/enter").json()["url"])
        host, _, path = url.removeprefix("http://").partition("/")
        with closing(Line(self.edge_port, host)) as line:
            answer = line.ask("GET", "/" + path)
        assert answer.status == 303, answer
        return host, answer.headers["set-cookie"].split(";")[0]

    def metric(self, name: str) -> float:
        """A metric of the edge."""
        with closing(Line(self.edge_internal, "localhost")) as line:
            text = line.ask("GET", "/metrics").body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, f"the edge tells no {name}"
        return float(found[1])

    def _env(self, name: str) -> dict[str, str]:
        said = {
            "DATA": self.data,
            "PORT": self.port,
            "GRPC_PORT": self.grpc_port,
            "EDGE_PORT": self.edge_port,
            "GATEWAY": f"127.0.0.1:{self.grpc_port}",
            "TOKEN_FILE": self.data / "tokens" / ("launcher" if name == "launcher" else "edge"),
            "DEMOS_URL": f"http://demos.localhost:{self.edge_port}",
            "EDGE_ALLOW_LOCAL_DEMOS": "true",
            "INTERNAL_PORT": self._internal(name),
            "LOG_LEVEL": "warning",
        }
        ours = {"LOAD_SEED_DATA": "true"} | {f"ECATALOG_{word}": str(it) for word, it in said.items()}
        return {**os.environ, **ours, **self.settings}

    def _internal(self, name: str) -> int:
        return {"gateway": self.gateway_internal, "edge": self.edge_internal, "launcher": self.launcher_internal}[name]

    def _is_ready(self, name: str) -> bool:
        assert self.processes[name].poll() is None, f"the {name} ended by itself"
        try:
            with closing(Line(self._internal(name), "localhost")) as line:
                return line.ask("GET", "/readyz").status == 200
        except OSError:
            return False


@contextmanager
def running_pair(
    folder: Path, names: Sequence[str] = ("gateway", "edge"), settings: Mapping[str, str] | None = None
) -> Iterator[Pair]:
    """These are up inside the block, and gone after it."""
    port, grpc, edge, gateway_internal, edge_internal, launcher_internal = free_ports(6)
    pair = Pair(
        folder / "data", port, grpc, edge, gateway_internal, edge_internal, launcher_internal, settings=settings or {}
    )
    try:
        for name in names:
            pair.start(name)
        yield pair
    finally:
        for process in pair.processes.values():
            process.kill()
            process.wait()
        for pid in traces_of(pair.data):  # Copies outlive a launcher that is killed: another would adopt them.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Pulse(threading.Thread):
    """Asks again and again over one connection; `seen` has of each answer when it was asked for, and its status."""

    def __init__(self, port: int, host: str, cookie: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._dial: Callable[[], Line] = lambda: Line(port, host)
        self._cookie = cookie

    def run(self) -> None:
        line = self._dial()
        while not self._over.is_set():
            asked = time.monotonic()
            try:
                answer: Answer | None = line.ask("GET", "/", {"Cookie": self._cookie})
            except OSError:
                answer = None
            if answer is None or answer.headers.get("connection") == "close":
                line.close()
                line = self._dial()
            self.seen.append((asked, answer.status if answer else 0))
        line.close()

    def count(self, status: int, *, after: float = 0.0) -> int:
        return sum(1 for asked, got in list(self.seen) if got == status and asked >= after)

    def end(self) -> None:
        self._over.set()
        self.join(timeout=15)
        assert not self.is_alive(), "the pulse hangs"
