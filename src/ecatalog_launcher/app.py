"""The process: settings from the environment, signals, the lifeline, the internal listener, an orderly end."""

import asyncio
import fcntl
import os
import signal
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog
import uvloop

from ecatalog_client.logs import configure_logs
from ecatalog_client.services import LauncherGateway
from ecatalog_launcher.drivers.contract import Driver
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.drivers.process import ProcessDriver
from ecatalog_launcher.internal import Internal
from ecatalog_launcher.reconciler import Reconciler
from ecatalog_launcher.settings import BadSetting, Settings

log = structlog.get_logger("ecatalog.launcher")

STOP_SECONDS = 4.0


def main(env: Mapping[str, str]) -> int:
    """Runs the launcher until SIGTERM, SIGINT or the end of the lifeline: 0. 2 for a bad setting, 1 when it broke."""
    try:
        settings = Settings.load(env)
        configure_logs("launcher", settings.log_level, settings.log_json)
    except (BadSetting, ValueError) as error:
        sys.stderr.write(f"ecatalog launcher: {error}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings))


def driver_for(settings: Settings) -> Driver:
    """The driver that the settings name."""
    if settings.driver == "fake":
        return FakeDriver(settings.capacity)
    return ProcessDriver(settings.data, settings.samples, capacity=settings.capacity, lifeline=settings.lifeline_fd)


async def _run(settings: Settings) -> int:
    ends = asyncio.Event()
    _heed_signals(ends, settings.lifeline_fd)
    gateway = LauncherGateway(settings.gateway, settings.token)
    reconciler = Reconciler(gateway, driver_for(settings), _launcher_id(settings.data))
    internal = Internal(reconciler)
    try:
        await internal.start(settings.internal_host, settings.internal_port)
    except OSError as error:
        sys.stderr.write(
            f"ecatalog launcher: cannot listen on {settings.internal_host}:{settings.internal_port} "
            f"({error.strerror}). Stop what listens there, or choose another port.\n"
        )
        await gateway.aclose()
        return 2
    work = asyncio.create_task(reconciler.run())
    over = asyncio.create_task(ends.wait())
    await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
    is_broken = work.done()
    work.cancel()
    with suppress(asyncio.CancelledError, TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await work
    over.cancel()
    await internal.stop()
    await gateway.aclose()
    log.info("launcher.stopped")
    return 1 if is_broken else 0


def _launcher_id(data: Path) -> str:
    """The name of this launcher towards the gateway, kept in the data directory: one that was killed and started again
    takes over its own lease. The file is locked while in use; a second launcher has a name of its own, for one run.
    """
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / "launcher_id", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return str(uuid.uuid4())
    kept = os.read(descriptor, 64).decode("ascii", "replace").strip()
    if kept:
        return kept
    made = str(uuid.uuid4())
    os.write(descriptor, made.encode())
    return made


def _heed_signals(ends: asyncio.Event, lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ends.set)
    if lifeline is not None:
        # Nobody ever writes to it: readable means that whoever held the other end is gone.
        loop.add_reader(lifeline, _let_go, lifeline, ends)


def _let_go(lifeline: int, ends: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    ends.set()
