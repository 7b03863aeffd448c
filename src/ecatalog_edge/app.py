"""The process: settings from the environment, signals, the lifeline, and an orderly end with exit status 0."""

import asyncio
import os
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress

import structlog
import uvloop

from ecatalog_client.environment import BadSetting
from ecatalog_client.logs import configure_logs
from ecatalog_client.metrics import Calls
from ecatalog_client.process import ServiceId, heed_end, spare_collector
from ecatalog_client.services import EdgeGateway
from ecatalog_client.tls import credentials_of
from ecatalog_edge.edge import Edge
from ecatalog_edge.internal import Internal
from ecatalog_edge.journal import Journal
from ecatalog_edge.settings import Settings

log = structlog.get_logger()

STOP_SECONDS = 4.0


def main(env: Mapping[str, str]) -> int:
    """Runs the edge until SIGTERM, SIGINT or the end of the lifeline: 0.

    2 for a bad setting, 1 when it cannot start.
    """
    try:
        settings = Settings.load(env)
        configure_logs("edge", settings.log_level, settings.log_json)
        tls = settings.tls
    except (BadSetting, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(settings, tls))


async def run(settings: Settings, tls: ssl.SSLContext | None = None) -> int:
    """Starts, serves, stops."""
    ends = asyncio.Event()
    heed_end(ends.set, settings.lifeline_fd)
    calls = Calls("ecatalog_edge")
    credentials = credentials_of(settings.gateway_tls)
    gateway = EdgeGateway(settings.gateway, settings.token, hooks=calls.hooks(), credentials=credentials)
    with ServiceId(settings.data and settings.data / "edge_id") as edge_id:
        edge = Edge(
            gateway,
            edge_id,
            settings.demos_url,
            journal=_journal(settings),
            limits=settings.limits,
            tls=tls,
            may_be_local=settings.may_be_local,
            proxies=settings.proxies,
        )
        internal = Internal(edge, calls, copies=settings.demo_subnet)
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
        spare_collector()
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


if __name__ == "__main__":
    sys.exit(main(os.environ))
