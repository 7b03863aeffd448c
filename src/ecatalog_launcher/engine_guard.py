"""The engine guard: stands between a launcher and a Docker engine, and passes on only what `guard_rules` allows."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import structlog
import uvloop
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, UnixConnector, web

from ecatalog_client.environment import BadSetting, number, port, switch
from ecatalog_client.logs import configure_logs
from ecatalog_client.process import heed_end
from ecatalog_launcher.drivers.docker_spec import INSTALLATION
from ecatalog_launcher.guard_rules import Asked, Refused, Rule, rule_for
from ecatalog_launcher.settings import ENGINE, demo_subnet

log = structlog.get_logger("ecatalog.engine_guard")

MOST_BODY = 1 << 20
# 1.41 and newer: earlier ones give some fields another meaning, and the engine's answer to `/version` names its newest.
_VERSION = re.compile(r"/v1\.(?:4[1-9]|[5-9][0-9]|[1-9][0-9]{2})(?=/)")
# Any page may send simple requests to what listens on its visitor's machine; browsers then say whose page it is.
_OF_BROWSERS = {"Origin", "Sec-Fetch-Site", "Referer"}
_PASSED_ON = ("Content-Type", "X-Registry-Auth")
_CONNECT_SECONDS = 5.0
_SHUTDOWN_SECONDS = 1.0
_OF_ATTACHED = ("Id", "Name", "NetworkSettings")


@dataclass(frozen=True)
class Settings:
    """Where the guard listens, which engine it guards, which containers may be joined to the networks of copies, and
    what these are cut from.
    """

    host: str
    port: int
    engine: str
    attached: tuple[str, ...]
    subnet: IPv4Network

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Settings":
        """Raises BadSetting."""
        return cls(
            host=env.get("ECATALOG_GUARD_HOST") or "127.0.0.1",
            port=port(env, "GUARD_PORT", 2375),
            engine=env.get("DOCKER_HOST") or ENGINE,
            attached=tuple(env.get("ECATALOG_DOCKER_ATTACH", "").replace(",", " ").split()),
            subnet=demo_subnet(env),
        )


class EngineGuard:
    """An HTTP service that speaks like the engine, as far as a launcher needs it. 403 with the reason for the rest."""

    def __init__(self, settings: Settings) -> None:
        self._attached = settings.attached
        self._subnet = settings.subnet
        self._address, self._connect = _engine_at(settings.engine)

    def application(self) -> web.Application:
        """To be served; its session with the engine begins and ends with it."""
        app = web.Application(client_max_size=MOST_BODY)
        app.cleanup_ctx.append(self._with_engine)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _with_engine(self, app: web.Application) -> Any:
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        async with ClientSession(self._address, connector=self._connect(), timeout=timeout) as self._engine:
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._pass_on(request)
        except Refused as refusal:
            log.warning("engine.refused", method=request.method, path=request.path, reason=str(refusal))
            return _told(403, str(refusal))
        except (ClientError, OSError) as error:
            return _told(502, f"The engine does not answer: {error}")

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/readyz":
            async with self._engine.get("/_ping") as answer:
                return web.Response(status=answer.status)
        if request.headers.keys() & _OF_BROWSERS:
            raise Refused("Pages in a browser have nothing to ask of an engine.")
        path, body = _plain_path(request), await request.read()
        asked = Asked(
            method=request.method,
            path=_VERSION.sub("", path, count=1),
            query=_single(request),
            body=_parsed(body),
            attached=self._attached,
            subnet=self._subnet,
        )
        rule = rule_for(asked)
        if rule.is_of_ours:
            status, shown = await self._look_up(path.removesuffix(asked.path), asked)
            if status != 200 or asked.is_look:
                return web.json_response(shown, status=status)
            # By its id, since the name could be given to something else by now.
            path = path.replace(f"/{asked.name}", f"/{shown['Id']}", 1)
        return await self._ask_engine(request, path, asked, rule)

    async def _look_up(self, version: str, asked: Asked) -> tuple[int, Mapping[str, Any]]:
        """What the engine tells of the container or network in the path. Raises Refused when it is not of a catalog."""
        look = f"/containers/{asked.name}/json" if asked.is_of_container else f"/networks/{asked.name}"
        async with self._engine.get(version + look, allow_redirects=False) as answer:
            status, shown = answer.status, await answer.json()
        if status != 200:
            return status, shown
        labels = (shown["Config"] if asked.is_of_container else shown).get("Labels") or {}
        if INSTALLATION in labels:
            return status, shown
        if asked.is_look and asked.is_of_container and asked.name in self._attached:
            return status, {key: shown[key] for key in _OF_ATTACHED}
        raise Refused(f"{asked.name} is not of a catalog.")

    async def _ask_engine(self, request: web.Request, path: str, asked: Asked, rule: Rule) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        async with self._engine.request(
            asked.method,
            path,
            params=asked.query,
            # What was looked at, written anew: the engine would read the last of two fields of one name.
            data=json.dumps(asked.body) if asked.body else None,
            headers=headers,
            allow_redirects=False,
        ) as answer:
            return await _shown(answer, rule) if rule.shows else await _streamed(request, answer)


def _engine_at(url: str) -> tuple[str, Any]:
    kind, _, place = url.partition("://")
    if kind == "unix":
        return "http://engine", lambda: UnixConnector(path=place)
    if kind in ("tcp", "http"):
        return f"http://{place}", TCPConnector
    raise BadSetting(f"DOCKER_HOST is {url!r}: write unix:///var/run/docker.sock or tcp://host:port.")


def _plain_path(request: web.Request) -> str:
    """As the engine will read it. Raises Refused for what it could read in another way."""
    path = request.rel_url.raw_path
    if "%" in path or any(part in ("", ".", "..") for part in path.split("/")[1:]):
        raise Refused("The path can be read in two ways.")
    return path


def _single(request: web.Request) -> dict[str, str]:
    query = dict(request.query)
    if len(query) != len(request.query):
        raise Refused("A parameter is there twice.")
    return query


def _parsed(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # One that nests deeper than Python goes is none of a launcher's either.
        raise Refused("The body is not JSON.") from None
    if type(found) is not dict:
        raise Refused("The body is not an object.")
    return found


async def _shown(answer: ClientResponse, rule: Rule) -> web.Response:
    found = await answer.json()
    if answer.status == 200:
        found = _only(found, rule.shows)
    return web.json_response(found, status=answer.status)


def _only(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields of these names; `Config.Volumes` is that one field of the object `Config`."""
    shown: dict[str, Any] = {}
    for name in names:
        outer, _, inner = name.partition(".")
        value = found.get(outer)
        if inner and isinstance(value, dict):
            shown[outer] = _only(value, [inner])
        elif not inner and outer in found:
            shown[outer] = value
    return shown


async def _streamed(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    if answer.status in (204, 304) or answer.content_length == 0:
        return web.Response(status=answer.status)
    told = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    await told.prepare(request)
    async for piece in answer.content.iter_any():
        await told.write(piece)
    await told.write_eof()
    return told


def _told(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


def main(env: Mapping[str, str] = os.environ) -> int:
    """Guards until SIGTERM or SIGINT: 0. 2 for a bad setting, 1 when it cannot listen."""
    try:
        settings = Settings.load(env)
        guard = EngineGuard(settings)
    except BadSetting as error:
        sys.stderr.write(f"ecatalog engine-guard: {error}\n")
        return 2
    configure_logs("engine-guard", env.get("ECATALOG_LOG_LEVEL", "info"), switch(env, "LOG_JSON"))
    return uvloop.run(_run(settings, guard, number(env, "LIFELINE_FD")))


async def _run(settings: Settings, guard: EngineGuard, lifeline: int | None) -> int:
    ends = asyncio.Event()
    heed_end(ends.set, lifeline)
    # A launcher follows events for as long as it lives: nobody waits for the end of that.
    runner = web.AppRunner(
        guard.application(), access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        log.info("engine_guard.ready", engine=settings.engine, port=settings.port)
        await ends.wait()
    except OSError as error:
        log.error("engine_guard.cannot_listen", reason=str(error))
        return 1
    finally:
        await runner.cleanup()
    return 0
