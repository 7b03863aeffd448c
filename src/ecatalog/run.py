"""Runs one gateway: its two HTTP listeners, its signals, and an orderly end within ten seconds."""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import structlog
import uvicorn
import uvloop

from ecatalog.app import Gateway, build
from ecatalog.kit.db import RefusedToStart
from ecatalog.listening import bind
from ecatalog.ops.queries import has_sample_logins
from ecatalog.settings import OPEN_SAMPLES, BadSetting, Settings
from ecatalog.web.writing import JoiningProtocol
from ecatalog_client.logs import configure_logs
from ecatalog_client.process import spare_collector

log = structlog.get_logger("ecatalog.run")

REFUSED = 78
"""The exit status of a start that was refused (EX_CONFIG of sysexits.h): starting again would not help."""
FAILED = 1
_SECONDS_FOR_REQUESTS = 4
# Everything acknowledged is in the WAL by then: what is left would only have made the next start quicker.
_SECONDS_TO_END = 9.0


class Welcome(msgspec.Struct, frozen=True):
    """What `serve` tells the person at the terminal: a line of JSON on the descriptor ECATALOG_WELCOME_FD."""

    setup_link: str | None
    has_samples: bool


class Listener(uvicorn.Server):
    """A uvicorn server that leaves the signals to us: its own handling raises SIGTERM again and skips our end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(settings: Settings, env: Mapping[str, str]) -> int:
    """Runs the gateway until SIGTERM, SIGINT or the end of the lifeline; the exit status."""
    configure_logs("gateway", settings.log_level, settings.log_json)
    for warning in settings.warnings():
        log.warning("settings", warning=warning)
    try:
        return uvloop.run(_run(settings, _descriptor(env, "LIFELINE"), _descriptor(env, "WELCOME")))
    except (RefusedToStart, BadSetting) as refusal:
        sys.stderr.write(f"ecatalog gateway: {refusal}\n")
        return REFUSED


def _descriptor(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(f"ECATALOG_{name}_FD", "")
    return int(text) if text.isdigit() else None


async def _run(settings: Settings, lifeline: int | None, welcome: int | None) -> int:
    end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _end_on_signals(end, lifeline)
    sockets = [bind(settings.host, settings.port), bind(settings.internal_host, settings.internal_port)]
    gateway = build(settings)
    gateway.db.on_fatal = lambda error: _finish(end, FAILED)
    try:
        await gateway.start()
        await greet(gateway, welcome)
        return await _serve(gateway, sockets, end)
    finally:
        _end_in_any_case()
        await gateway.stop()
        for bound in sockets:
            bound.close()


async def greet(gateway: Gateway, welcome: int | None) -> None:
    """Refuses to show known passwords to other machines, also when the sample data is from an earlier start."""
    settings = gateway.settings
    has_samples = await gateway.db.read(has_sample_logins)
    if has_samples and settings.is_open and not settings.allow_sample_logins:
        raise BadSetting(OPEN_SAMPLES)
    if welcome is not None:
        with suppress(OSError):
            os.write(welcome, msgspec.json.encode(Welcome(gateway.setup_link, has_samples)) + b"\n")


async def _serve(gateway: Gateway, sockets: list[socket.socket], end: asyncio.Future[int]) -> int:
    listeners = [Listener(listener_config(app, gateway.settings.proxies)) for app in (gateway.asgi, gateway.internal)]
    serving = [
        asyncio.create_task(listener.serve(sockets=[bound])) for listener, bound in zip(listeners, sockets, strict=True)
    ]
    spare_collector()
    log.info("gateway.ready", url=gateway.settings.catalog_url)
    whatever_is_first: list[asyncio.Future[Any]] = [end, *serving]
    await asyncio.wait(whatever_is_first, return_when=asyncio.FIRST_COMPLETED)
    _finish(end, FAILED)  # only when a listener ended by itself, which it does when it cannot listen
    log.info("gateway.stopping")
    # Streams first: a listener waits for every answer that has begun.
    gateway.end_streams()
    for listener in listeners:
        listener.should_exit = True
    await asyncio.gather(*serving)
    return end.result()


def listener_config(app: Any, proxies: list[str]) -> uvicorn.Config:
    """How an application is served; from these proxies X-Forwarded-For tells who called."""
    return uvicorn.Config(
        app,
        http=JoiningProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_SECONDS_FOR_REQUESTS,
    )


def _end_on_signals(end: asyncio.Future[int], lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _finish, end, 0)
    if lifeline is not None:
        # Nobody ever writes to it: readable means that whoever held the other end is gone.
        loop.add_reader(lifeline, _let_go, lifeline, end)


def _let_go(lifeline: int, end: asyncio.Future[int]) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    _finish(end, 0)


def _finish(end: asyncio.Future[int], status: int) -> None:
    if not end.done():
        end.set_result(status)


def _end_in_any_case() -> None:
    def end() -> None:
        sys.stderr.write(f"ecatalog gateway: did not end within {_SECONDS_TO_END:g} s; leaving the rest undone.\n")
        os._exit(FAILED)

    timer = threading.Timer(_SECONDS_TO_END, end)
    timer.daemon = True
    timer.start()
