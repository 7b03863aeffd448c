"""What the tests of drivers share: specs, a sample folder with small programs, and waiting on facts."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Driver, Instance, Spec
from ecatalog_launcher.drivers.process import MARK

ANSWERS = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(repr(sorted(os.environ)).encode())
    def log_message(self, *args): pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
PROGRAMS = {
    "answers": ANSWERS,
    "fails": "print('no database here'); raise SystemExit(3)",
    "silent": "import time; time.sleep(3600)",
    # It ignores SIGTERM, and has a grandchild in a session of its own that ignores it too.
    "stubborn": (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(3600)\n" + ANSWERS
    ),
    "greedy": ANSWERS.replace("http.server.HTTPServer", "held = bytearray(200 * 1024 * 1024)\nhttp.server.HTTPServer"),
}


def write_programs(folder: Path) -> Path:
    """A folder of samples, each with an `app.py`."""
    for name, program in PROGRAMS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "app.py").write_text(program)
    return folder


def spec(
    launch_id: str = "one", image: str = "answers", *, attempt: int = 1, memory_mb: int = 256, **environment: str
) -> Spec:
    container = Container(
        name="demo", image=f"ecatalog-samples/{image}:latest", environment=environment, memory_mb=memory_mb
    )
    return Spec(launch_id=launch_id, attempt=attempt, containers=(container,), port=8000)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Waits, by looking, until something holds; the bound only ends a broken test."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        await asyncio.sleep(0.01)


async def only(driver: Driver) -> Instance:
    """The one instance that there is."""
    (instance,) = await driver.list()
    return instance


async def until_ready(driver: Driver) -> Instance:
    async def is_ready() -> bool:
        return await driver.is_ready(await only(driver))

    await until(is_ready)
    return await only(driver)


def marked_processes(data: Path) -> list[int]:
    """Every living process of this installation's copies, as the kernel tells it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                is_ours = f"{MARK}={data.resolve()}:".encode() in (entry / "environ").read_bytes()
                is_dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if is_ours and not is_dead:
                found.append(int(entry.name))
    return found
