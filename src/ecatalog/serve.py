"""`ecatalog serve`: gateway, edge and launcher on one machine, as supervised child processes.

Each child inherits the reading end of a pipe whose writing end only this process holds: when it is gone, however it
went, they end too, and so do the demos that run as local processes.
"""

import asyncio
import ctypes
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from ecatalog.settings import Settings
from ecatalog_client.logs import configure_logs

log = structlog.get_logger("ecatalog.serve")

REFUSED = frozenset({2, 78})
"""Exit statuses of a child that refused its settings: it is not started again, and `serve` ends with it."""
_BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 10.0
_SECONDS_TO_END = 12.0
_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Child:
    """One service: how it is started, where it says that it is ready, and how often it died lately."""

    name: str
    port: int
    command: Sequence[str]
    env: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None
    deaths: int = field(default=0)


def main(settings: Settings, env: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Runs everything until SIGTERM, SIGINT or SIGHUP; 0 after an orderly end. `arguments` are the gateway's."""
    configure_logs("serve", settings.log_level, settings.log_json)
    lifeline, held = os.pipe()
    # Demos outlive a launcher that was killed. As their next of kin, this process can wait for their end too.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        return asyncio.run(_Supervisor(settings, env, arguments, lifeline).run())
    finally:
        os.close(held)
        _wait_for_all()


class _Supervisor:
    def __init__(self, settings: Settings, env: Mapping[str, str], arguments: Sequence[str], lifeline: int) -> None:
        self._settings = settings
        self._lifeline = lifeline
        shared = dict(env) | {
            "ECATALOG_LIFELINE_FD": str(lifeline),
            "ECATALOG_DATA": str(settings.data),
            "ECATALOG_DEMOS_URL": settings.demos_url,
            "ECATALOG_GATEWAY": f"{settings.grpc_host}:{settings.grpc_port}",
            "ECATALOG_LOG_LEVEL": settings.log_level,
        }
        self._gateway = Child("gateway", settings.internal_port, ["gateway", *arguments], shared)
        edge = {"ECATALOG_EDGE_HOST": settings.edge_host, "ECATALOG_EDGE_PORT": str(settings.edge_port)}
        self._others = [
            Child("edge", settings.internal_port + 1, ["edge"], shared | edge | self._own("edge", 1)),
            Child("launcher", settings.internal_port + 2, ["launcher"], shared | self._own("launcher", 2)),
        ]
        self._end = asyncio.Event()
        self._status = 0

    def _own(self, name: str, offset: int) -> dict[str, str]:
        return {
            "ECATALOG_INTERNAL_HOST": self._settings.internal_host,
            "ECATALOG_INTERNAL_PORT": str(self._settings.internal_port + offset),
            "ECATALOG_TOKEN_FILE": str(self._settings.data / "tokens" / name),
        }

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        tasks = [asyncio.create_task(self._keep(self._gateway))]
        # The gateway makes the tokens of the others at its first start.
        if await self._until_ready([self._gateway]):
            tasks += [asyncio.create_task(self._keep(child)) for child in self._others]
            if await self._until_ready([self._gateway, *self._others]):
                self._tell()
        await self._end.wait()
        await self._stop(tasks)
        return self._status

    async def _keep(self, child: Child) -> None:
        """Starts the child again whenever it dies, with growing pauses; a refused start ends everything."""
        while not self._end.is_set():
            started = time.monotonic()
            child.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ecatalog", *child.command),
                env=dict(child.env),
                pass_fds=(self._lifeline,),
                start_new_session=True,
            )
            status = await child.process.wait()
            if self._end.is_set():
                return
            if status in REFUSED:
                self._status = status
                self._end.set()
                return
            child.deaths = 0 if time.monotonic() - started > _STEADY_SECONDS else child.deaths + 1
            pause = _BACK_OFF[min(child.deaths, len(_BACK_OFF) - 1)]
            log.warning("child.died", child=child.name, status=status, again_in_seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), pause)

    async def _until_ready(self, children: Sequence[Child]) -> bool:
        """Waits until all are ready; False when the end came first."""
        host = self._settings.internal_host
        while not self._end.is_set():
            answers = [await asyncio.to_thread(_is_ready, host, child.port) for child in children]
            if all(answers):
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 0.05)
        return False

    async def _stop(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Edge and launcher first, so that they can say good-bye to the gateway."""
        for children in (self._others, [self._gateway]):
            running = [child.process for child in children if child.process and child.process.returncode is None]
            for process in running:
                process.terminate()
            try:
                async with asyncio.timeout(_SECONDS_TO_END):
                    await asyncio.gather(*(process.wait() for process in running))
            except TimeoutError:
                self._status = self._status or 1
                for process in running:
                    if process.returncode is None:
                        log.error("child.killed", pid=process.pid, because="it did not end in time")
                        process.kill()
        await asyncio.gather(*tasks)

    def _tell(self) -> None:
        print(f"\nE-Catalog is ready: {self._settings.catalog_url}", flush=True)  # noqa: T201 - what the person waits for
        if self._settings.load_seed_data:
            print(_SAMPLE_LOGINS, flush=True)  # noqa: T201


_SAMPLE_LOGINS = """
Sample logins, all with the password `ecatalog-demo`:
  admin@ecatalog.example    administrator
  sales@ecatalog.example    sales
  viewer@ecatalog.example   viewer
  client@acme.example       client
  client@bolt.example       client, access ends in two days

Ctrl-C ends everything.
"""


def _is_ready(host: str, port: int) -> bool:
    """Whether the service answers 200 to /readyz on its internal listener. No proxy of the environment is asked."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{host}:{port}/readyz", timeout=2) as answer:  # the URL is ours
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_for_all() -> None:
    """Reaps every process below this one; what ignores the end of its lifeline for five seconds is killed."""
    deadline = time.monotonic() + 5
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0 and time.monotonic() > deadline:
            _kill_children()
        if pid == 0:
            time.sleep(0.01)


def _kill_children() -> None:
    """By the kernel's own list: children of this process, whoever started them."""
    with open(f"/proc/self/task/{os.getpid()}/children") as children:  # noqa: PTH123 - a file of /proc
        for pid in children.read().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
