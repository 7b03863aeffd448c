"""The process: settings from the environment, signals, the lifeline, and an orderly end with exit status 0."""

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
from ecatalog_client.services import EdgeGateway
from ecatalog_edge.calls import Calls
from ecatalog_edge.edge import Edge
from ecatalog_edge.internal import Internal
from ecatalog_edge.journal import Journal
from ecatalog_edge.settings import SettingError, Settings

log = structlog.get_logger()

STOP_SECONDS = 4.0


def main(env: Mapping[str, str]) -> int:
    """Runs the edge until SIGTERM, SIGINT or the end of the lifeline: 0.

    2 for a bad setting, 1 when it cannot start.
    """
    try:
        settings = Settings.load(env)
        configure_logs("edge", settings.log_level, settings.log_json)
    except (SettingError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(settings))


async def run(settings: Settings) -> int:
    """Starts, serves, stops."""
    ends = asyncio.Event()
    _heed_signals(ends, settings.lifeline_fd)
    calls = Calls()
    gateway = EdgeGateway(settings.gateway, settings.token, hooks=calls.hooks())
    with EdgeId(settings.data) as edge_id:
        edge = Edge(gateway, edge_id, settings.demos_url, journal=_journal(settings))
        internal = Internal(edge, calls)
        try:
            await edge.start(settings.host, settings.port)
            await internal.start(settings.internal_host, settings.internal_port)
        except OSError as error:
            log.error("edge.cannot_listen", reason=str(error))
            await _stop(edge, internal, gateway)
            return 1
        log.info(
            "edge.serving",
            port=edge.port,
            internal_port=internal.port,
            edge=edge_id,
            demos=settings.demos_url,
        )
        await _first_of(ends, edge.failed)
        await _stop(edge, internal, gateway)
    log.info("edge.stopped")
    return 1 if edge.failed.is_set() else 0


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


def _journal(settings: Settings) -> Journal:
    """JSON lines go to stderr beside all others; at a terminal a request is an event like others."""
    if settings.log_level.lower() not in ("debug", "info"):
        return Journal(is_silent=True)
    is_json = not sys.stderr.isatty() if settings.log_json is None else settings.log_json
    return Journal(_write_lines if is_json else None)


def _write_lines(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


async def _stop(edge: Edge, internal: Internal, gateway: EdgeGateway) -> None:
    """First nothing is served any more, then the lease goes back: in this order it is the truth."""
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await edge.stop()
            await gateway.leave()
            await internal.stop()
    await gateway.aclose()


def _heed_signals(ends: asyncio.Event, lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ends.set)
    if lifeline is not None:
        os.set_blocking(lifeline, False)
        loop.add_reader(lifeline, _read_lifeline, lifeline, ends)


def _read_lifeline(lifeline: int, ends: asyncio.Event) -> None:
    """The other end is held by whoever started us; it closes when they die, however they die."""
    try:
        is_over = os.read(lifeline, 64) == b""
    except BlockingIOError:
        return
    except OSError:
        is_over = True
    if is_over:
        asyncio.get_running_loop().remove_reader(lifeline)
        ends.set()


class EdgeId:
    """The name of this edge towards the gateway, kept in the data directory: an edge that was killed and
    started again takes over its own lease, so that no revocation waits for the dead one.

    The file is locked while in use. A second edge on the same directory has a name of its own, for one run.
    """

    def __init__(self, data: Path | None) -> None:
        self._path = data / "edge_id" if data is not None else None
        self._descriptor: int | None = None

    def __enter__(self) -> str:
        if self._path is None:
            return str(uuid.uuid4())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return str(uuid.uuid4())
        kept = os.read(self._descriptor, 64).decode("ascii", "replace").strip()
        if kept:
            return kept
        made = str(uuid.uuid4())
        os.write(self._descriptor, made.encode())
        return made

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


if __name__ == "__main__":
    sys.exit(main(os.environ))
