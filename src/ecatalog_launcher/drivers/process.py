"""Runs the bundled samples as local processes, each under a shim. For laptops: it isolates nothing but the host name.

What runs is known from the kernel, not from notes: every process of a copy carries a mark in its environment that names
installation and launch. So a launcher that was killed at any point finds what it left, and nothing is ever an orphan.
"""

import asyncio
import json
import os
import re
import select
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from ecatalog_client.types.containers import Container
from ecatalog_launcher import shim
from ecatalog_launcher.drivers.contract import Budget, CannotStart, Home, Instance, Spec, Tell, tell_nobody
from ecatalog_launcher.drivers.probing import answers_http

log = structlog.get_logger("ecatalog.launcher.process")

MARK = "ECATALOG_COPY"
_IMAGE = re.compile(r"ecatalog-samples/([a-z0-9][a-z0-9-]*)(:[\w.-]+)?")
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
_LIFETIME_SECONDS = 24 * 3600
_END_POLL_SECONDS = 0.01


@dataclass(slots=True)
class Copy:
    """A copy whose shim is alive or has just ended."""

    launch_id: str
    attempt: int
    port: int
    pid: int
    descriptor: int


class ProcessDriver:
    """Copies of `samples/<folder>` on free ports of 127.0.0.1. `data` names the installation; one driver per `data`."""

    engine = "process"

    def __init__(
        self, data: Path, samples: Path, *, copies: int = 20, memory_mb: int = 0, lifeline: int | None = None
    ) -> None:
        self.budget = Budget(copies=copies, memory_mb=memory_mb or _own_memory_mb())
        self._data = data.resolve()
        self._root = self._data / "copies"
        self._samples = samples
        self._lifeline = lifeline
        self._copies: dict[str, Copy] = {}
        self._home = Home(installation="")

    async def open(self, home: Home) -> None:
        """Adopts living shims; what carries the mark without a shim is listed as exited, so that it is cleared away."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home = home
        self._clear_unbegun()
        for pid, launch_id in self._marked():
            args = _shim_arguments(pid)
            if args is not None and launch_id not in self._copies:
                self._keep(launch_id, args["attempt"], args["port"], pid)
                log.info("copy.adopted", launch=launch_id, pid=pid)

    async def list(self) -> list[Instance]:
        found = {copy.launch_id: self._instance(copy) for copy in self._copies.values()}
        ended = {path.parent.name for path in self._root.glob("*/exit.json")}
        left = ended | {launch_id for _, launch_id in self._marked()}
        for launch_id in left - found.keys():
            found[launch_id] = self._exited(launch_id, 0)
        return list(found.values())

    def _clear_unbegun(self) -> None:
        """Removes the directories of copies that an earlier launcher was about to start when it died."""
        begun = {launch_id for _, launch_id in self._marked()}
        for path in self._root.iterdir():
            if path.name not in begun and not (path / "exit.json").exists():
                shutil.rmtree(path, ignore_errors=True)

    def _instance(self, copy: Copy) -> Instance:
        if not _has_ended(copy.descriptor):
            return Instance(
                launch_id=copy.launch_id, attempt=copy.attempt, state="up", upstream=f"127.0.0.1:{copy.port}"
            )
        return self._exited(copy.launch_id, copy.attempt)

    def _exited(self, launch_id: str, attempt: int) -> Instance:
        told: dict[str, Any] = {"reason": "Its process was killed.", "log_tail": ""}
        with suppress(OSError, ValueError):
            told |= json.loads((self._root / launch_id / "exit.json").read_text())
        is_shut_down = told["reason"] == shim.CATALOG_ENDED
        return Instance(launch_id=launch_id, attempt=attempt, state="exited", is_shut_down=is_shut_down, **told)

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        if spec.launch_id in self._copies:
            return
        container = _only_container(spec)
        app = self._app_of(container.image)
        directory = self._root / spec.launch_id
        directory.mkdir(mode=0o700, exist_ok=True)
        port = self._free_port()
        process = await asyncio.create_subprocess_exec(
            *_command(spec, container, app, directory, port, self._lifeline),
            env=self._environment(spec.launch_id, container, port),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if self._lifeline is None else (self._lifeline,),
        )
        self._keep(spec.launch_id, spec.attempt, port, process.pid)

    def _free_port(self) -> int:
        """A port that nobody listens on, nor is any copy of ours about to: two clients must never meet at one port."""
        taken = {copy.port for copy in self._copies.values()}
        while True:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = int(probe.getsockname()[1])
            if port not in taken:
                return port

    def _app_of(self, image: str) -> Path:
        """The sample's program. CannotStart for whatever is not one of ours: this driver isolates nothing."""
        named = _IMAGE.fullmatch(image.partition("@")[0])
        app = self._samples / named[1] / "app.py" if named else None
        if app is None or not app.is_file():
            known = ", ".join(sorted(path.parent.name for path in self._samples.glob("*/app.py")))
            raise CannotStart(
                f"The image {image!r} needs a container engine: without one only ecatalog-samples/ {known} can run."
            )
        return app

    def _environment(self, launch_id: str, container: Container, port: int) -> dict[str, str]:
        """A clean one: nothing of ours, least of all the token, reaches a demo."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        ours = {"HOST": "127.0.0.1", "PORT": str(port), MARK: self._mark(launch_id), "PYTHONUNBUFFERED": "1"}
        return kept | container.environment | ours

    def _mark(self, launch_id: str) -> str:
        return f"{self._data}:{launch_id}"

    def _marked(self) -> Iterator[tuple[int, str]]:
        """Every process of this installation's copies, and whose it is."""
        begin = f"{MARK}={self._data}:".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                for pair in (entry / "environ").read_bytes().split(b"\0"):
                    if pair.startswith(begin):
                        yield int(entry.name), pair[len(begin) :].decode()

    def _keep(self, launch_id: str, attempt: int, port: int, pid: int) -> None:
        """Watches the shim's end. Its pid cannot be another's: a child's is kept until we wait, an adopted one's mark
        was read while it lived, and is read again through the descriptor's being open."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self._copies[launch_id] = Copy(launch_id, attempt, port, pid, descriptor)
        asyncio.get_running_loop().add_reader(descriptor, self._ended, descriptor)

    def _ended(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        self._home.changed()

    async def is_ready(self, instance: Instance) -> bool:
        is_answered = await answers_http(instance.upstream)
        # Somebody else's program may have taken the port first: only an answer of the copy's own socket counts.
        copy = self._copies.get(instance.launch_id)
        return is_answered and copy is not None and _listens(copy.pid, copy.port)

    async def stop(self, launch_id: str, grace: float) -> None:
        copy = self._copies.get(launch_id)
        if copy is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(copy.descriptor, signal.SIGTERM)
            # The shim gives the demo its grace and then kills; a second more, and the shim is killed too.
            await _until_ended(copy.descriptor, grace + 1)
        await self._kill_marked(launch_id)
        if copy is not None:
            self._forget(copy)
        await asyncio.to_thread(shutil.rmtree, self._root / launch_id, ignore_errors=True)

    async def _kill_marked(self, launch_id: str) -> None:
        """Again and again until nothing carries the mark: a fork may race with the first look."""
        while pids := [pid for pid, whose in self._marked() if whose == launch_id and not _is_zombie(pid)]:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_END_POLL_SECONDS)

    def _forget(self, copy: Copy) -> None:
        asyncio.get_running_loop().remove_reader(copy.descriptor)
        os.close(copy.descriptor)
        self._copies.pop(copy.launch_id, None)

    async def close(self) -> None:
        for copy in list(self._copies.values()):
            self._forget(copy)


def _only_container(spec: Spec) -> Container:
    if len(spec.containers) > 1:
        raise CannotStart("A demo of several containers needs a container engine.")
    return spec.containers[0]


def _own_memory_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def _command(
    spec: Spec, container: Container, app: Path, directory: Path, port: int, lifeline: int | None
) -> list[str]:
    """The shim's command line: also what a later launcher reads attempt and port from."""
    words = [sys.executable, "-I", shim.__file__]
    words += ["--launch", spec.launch_id, "--attempt", str(spec.attempt), "--port", str(port)]
    words += ["--app", str(app), "--directory", str(directory), "--memory-mb", str(container.memory_mb)]
    words += [
        "--cpu-seconds",
        str(max(60, int(container.cpu * _LIFETIME_SECONDS))),
        "--seconds",
        str(_LIFETIME_SECONDS),
    ]
    return words + ([] if lifeline is None else ["--lifeline", str(lifeline)])


def _shim_arguments(pid: int) -> dict[str, int] | None:
    """Attempt and port of a living shim; None for any other process."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    if shim.__file__ not in words or _is_zombie(pid):
        return None
    return {name: int(words[words.index(f"--{name}") + 1]) for name in ("attempt", "port")}


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _has_ended(descriptor: int) -> bool:
    """A pidfd becomes readable when its process ends (pidfd_open(2))."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


async def _until_ended(descriptor: int, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not _has_ended(descriptor):  # noqa: ASYNC110 - the descriptor has a reader already
                await asyncio.sleep(_END_POLL_SECONDS)


def _listens(shim_pid: int, port: int) -> bool:
    """Whether a process below the shim has the listening socket of this port (proc(5): net/tcp, fd)."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    for pid in shim.descendants(shim_pid):
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()) in inodes:
                        return True
    return False
