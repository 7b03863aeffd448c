"""`ecatalog serve`: gateway, edge and launcher on one machine, as supervised child processes.

Each child inherits the reading end of a pipe whose writing end only this process holds: when it is gone, however it
went, they end too, and so do the demos that run as local processes.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping

import structlog

from ecatalog.listening import refuse_taken
from ecatalog.processes import Brood, adopt_orphans, is_ready, terminal_of_our_own
from ecatalog.settings import SECRETS, Settings, variable
from ecatalog_client.logs import configure_logs

log = structlog.get_logger("ecatalog.serve")

REFUSED = frozenset({2, 78})
"""Exit statuses of a child that refused its settings: it is not started again, and `serve` ends with it."""
_BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 10.0
_SECONDS_TO_END = 12.0
_LOOK_SECONDS = 0.05
SERVICES = ("gateway", "edge", "launcher")


def main(settings: Settings, env: Mapping[str, str]) -> int:
    """Runs everything until SIGTERM, SIGINT or SIGHUP; 0 after an orderly end. Raises BadSetting."""
    configure_logs("serve", settings.log_level, settings.log_json)
    refuse_taken(listeners(settings))
    adopt_orphans()
    lifeline, held = os.pipe()
    heard, told = os.pipe()
    brood = Brood()
    try:
        with terminal_of_our_own():
            return asyncio.run(_Supervisor(settings, brood, environments(settings, env, lifeline, told), heard).run())
    finally:
        os.close(held)
        brood.wait_for_all()


def environments(settings: Settings, env: Mapping[str, str], lifeline: int, told: int) -> dict[str, dict[str, str]]:
    """What each service is told. The secrets of the gateway stay with it: an edge and the demos never see them."""
    chosen = ("data", "host", "port", "edge_host", "edge_port", "grpc_host", "grpc_port", "catalog_url", "demos_url")
    words = {variable(name): str(getattr(settings, name)) for name in (*chosen, "internal_host", "internal_port")}
    allowed = {variable("allow_sample_logins"): str(settings.allow_sample_logins).lower()}
    gateway = dict(env) | words | allowed
    gateway |= {"ECATALOG_LIFELINE_FD": str(lifeline), "ECATALOG_WELCOME_FD": str(told)}
    secrets = {variable(name) + ending for name in SECRETS for ending in ("", "_FILE")}
    shared = {name: value for name, value in env.items() if name not in secrets | {"ECATALOG_TOKEN"}} | words
    shared |= {
        "ECATALOG_LIFELINE_FD": str(lifeline),
        "ECATALOG_GATEWAY": f"{settings.grpc_host}:{settings.grpc_port}",
        "ECATALOG_LOG_LEVEL": settings.log_level,
    }
    others = {
        name: shared
        | {
            "ECATALOG_INTERNAL_PORT": str(settings.internal_port + offset),
            "ECATALOG_TOKEN_FILE": str(settings.data / "tokens" / name),
        }
        for offset, name in enumerate(SERVICES)
        if name != "gateway"
    }
    return {"gateway": gateway, **others}


def listeners(settings: Settings) -> dict[str, tuple[str, int]]:
    """Every address that the three services will listen on, by what it is for."""
    named = {
        "the catalog": (settings.host, settings.port),
        "the demos": (settings.edge_host, settings.edge_port),
        "gRPC": (settings.grpc_host, settings.grpc_port),
    }
    inside = {
        f"health of the {name}": (settings.internal_host, settings.internal_port + offset)
        for offset, name in enumerate(SERVICES)
    }
    return named | inside


def read_tokens(settings: Settings) -> dict[str, str]:
    """The token of each service that needs one, empty when there is none yet."""
    paths = {name: settings.data / "tokens" / name for name in SERVICES[1:]}
    return {name: path.read_text() if path.exists() else "" for name, path in paths.items()}


class _Supervisor:
    def __init__(self, settings: Settings, brood: Brood, envs: Mapping[str, Mapping[str, str]], heard: int) -> None:
        self._settings = settings
        self._brood = brood
        self._envs = envs
        self._heard = heard
        self._end = asyncio.Event()
        self._status = 0
        self._pids: dict[str, int] = {}
        self._tokens: dict[str, str] = {}
        self._welcome = ""
        self._has_told = False

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGCHLD, self._brood.reap)
        loop.add_reader(self._heard, self._hear)
        tasks = [asyncio.create_task(self._keep("gateway"))]
        # The gateway makes the tokens of the others at its first start.
        if await self._until_ready("gateway"):
            tasks += [asyncio.create_task(self._keep(name)) for name in SERVICES[1:]]
            if await self._until_ready(*SERVICES):
                self._tell()
        await self._end.wait()
        await self._stop()
        await asyncio.gather(*tasks)
        return self._status

    async def _keep(self, name: str) -> None:
        """Starts the service again whenever it dies, with growing pauses; a refused start ends everything."""
        clock = asyncio.get_running_loop().time
        deaths = 0
        while not self._end.is_set():
            started = clock()
            command = [sys.executable, "-m", "ecatalog.service", name]
            self._pids[name], death = self._brood.start(command, self._envs[name], keeps=self._descriptors(name))
            status = await death
            if self._end.is_set():
                return
            if status in REFUSED:
                self._status = status
                self._end.set()
                return
            deaths = 0 if clock() - started > _STEADY_SECONDS else deaths + 1
            pause = _BACK_OFF[min(deaths, len(_BACK_OFF) - 1)]
            log.warning("child.died", child=name, status=status, again_in_seconds=pause)
            await self._ended_within(pause)

    def _descriptors(self, name: str) -> tuple[int, ...]:
        env = self._envs[name]
        return tuple(int(env[key]) for key in ("ECATALOG_LIFELINE_FD", "ECATALOG_WELCOME_FD") if key in env)

    async def _until_ready(self, *names: str) -> bool:
        """Waits until all of them say that they are ready; False when the end came first."""
        while not self._end.is_set():
            ports = [self._settings.internal_port + SERVICES.index(name) for name in names]
            if all([await is_ready(self._settings.internal_host, port) for port in ports]):
                return True
            await self._ended_within(_LOOK_SECONDS)
        return False

    async def _ended_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._end.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _stop(self) -> None:
        """Edge and launcher first, so that they can say good-bye to the gateway."""
        for names in (SERVICES[1:], SERVICES[:1]):
            pids = [self._pids[name] for name in names if name in self._pids]
            if not await self._brood.ended(pids, _SECONDS_TO_END):
                self._status = self._status or 1

    def _hear(self) -> None:
        """A line of JSON from the gateway after each of its starts."""
        for line in os.read(self._heard, 65536).decode().splitlines():
            welcome = json.loads(line)
            self._welcome = SAMPLE_LOGINS if welcome["has_samples"] else ""
            if welcome["setup_link"]:
                self._welcome = _SETUP.format(welcome["setup_link"])
            if welcome["setup_link"] and self._has_told:
                self._tell()
        self._hand_out_tokens()

    def _hand_out_tokens(self) -> None:
        """A gateway that came back with another database has made new tokens: the others start again with them."""
        before, self._tokens = self._tokens, read_tokens(self._settings)
        for name, pid in self._pids.items():
            if name in before and before[name] != self._tokens[name]:
                log.info("child.gets_new_token", child=name)
                self._brood.end([pid])

    def _tell(self) -> None:
        self._has_told = True
        sys.stdout.write(f"\nE-Catalog is ready: {self._settings.catalog_url}\n{self._welcome}\nCtrl-C ends it.\n\n")
        sys.stdout.flush()


_SETUP = """
There are no users yet. Within 15 minutes, make the first administrator here:
  {}
"""
SAMPLE_LOGINS = """
Sample logins, all with the password `ecatalog-demo`:
  admin@ecatalog.example    administrator
  sales@ecatalog.example    sales
  viewer@ecatalog.example   viewer
  client@acme.example       client
  client@bolt.example       client; access ends in two days
"""
