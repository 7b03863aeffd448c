"""Runs copies as containers of a Docker engine, each launch in a network of its own.

What runs is what the engine lists under our label. Nothing is noted here, so a launcher that was killed at any point
finds all that it left.
"""

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import msgspec
import structlog
from aiodocker import Docker, DockerError
from aiohttp import ClientTimeout

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import (
    LOG_LINES,
    Budget,
    CannotStart,
    Home,
    Instance,
    Spec,
    Tell,
    tell_nobody,
)
from ecatalog_launcher.drivers.docker_images import Image, Images
from ecatalog_launcher.drivers.docker_networks import NetworkPool
from ecatalog_launcher.drivers.docker_spec import (
    ATTEMPT,
    INDEX,
    INSTALLATION,
    LAUNCH,
    PORT,
    SIZE,
    container_bodies,
)
from ecatalog_launcher.drivers.probing import answers_http

log = structlog.get_logger("ecatalog.launcher.docker")

OLDEST_API = (1, 41)
_CALL_SECONDS = 30.0
_KEEPER_SECONDS = 5.0
_RECONNECT_SECONDS = 1.0
_SHARE_OF_MEMORY = 0.8
# What a volume of an image may take that the demo gives no size.
VOLUME_MB = 64

Listed = dict[str, Any]


class DockerDriver:
    """One engine. `url` as in DOCKER_HOST; `attached` names the containers that reach every copy (see NetworkPool)."""

    engine = "docker"

    def __init__(
        self,
        url: str,
        *,
        subnet: IPv4Network,
        attached: tuple[str, ...] = (),
        copies: int = 20,
        memory_mb: int | None = None,
    ) -> None:
        self.budget = Budget(copies=copies, memory_mb=memory_mb or 0)
        self._url = url
        self._subnet = subnet
        self._attached = attached
        self._home = Home(installation="")
        self._ended: dict[str, tuple[str, str]] = {}
        self._starting: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, home: Home) -> None:
        self._home = home
        self._docker = Docker(self._url, timeout=ClientTimeout(total=_CALL_SECONDS))
        self._images = Images(self._docker, home)
        self._networks = NetworkPool(self._docker, home, self._subnet, self._attached)
        try:
            await self._prepare()
        except BaseException as error:
            await self._docker.close()
            if isinstance(error, DockerError):
                raise OSError(f"The Docker engine at {self._url} refuses: {error.message}") from error
            raise
        if not self._attached:
            log.warning(
                "docker.demos_reach_this_machine",
                because="The edge runs on this machine, so each demo can reach what listens here on all addresses.",
                remedy="Run edge and launcher as containers, and name them in ECATALOG_DOCKER_ATTACH.",
            )
        self._tasks = [asyncio.create_task(self._follow_events()), asyncio.create_task(self._keep())]

    async def _prepare(self) -> None:
        version = str((await self._docker.version())["ApiVersion"])
        if tuple(int(part) for part in version.split(".")) < OLDEST_API:
            raise OSError(f"This Docker engine speaks API {version}; 1.41 (Docker 20.10) or newer is needed.")
        if not self.budget.memory_mb:
            memory = (await self._docker.system.info())["MemTotal"]
            self.budget = Budget(copies=self.budget.copies, memory_mb=int(memory * _SHARE_OF_MEMORY) >> 20)
        await self._networks.open()

    async def list(self) -> list[Instance]:
        started = {key: network for key, network in self._networks.held().items() if key not in self._starting}
        networks = await self._networks.look()
        by_launch: dict[str, list[Listed]] = defaultdict(list)
        for container in await self._containers():
            by_launch[container["Labels"][LAUNCH]].append(container)
        in_use = {container["HostConfig"]["NetworkMode"] for some in by_launch.values() for container in some}
        self._networks.keep(networks, in_use)
        for launch_id in started.keys() - by_launch.keys():
            # Its start was broken off, or somebody else has ended it.
            self._networks.give_back(launch_id, started[launch_id])
        self._networks.grow(self.budget.copies)
        there = {container["Id"] for some in by_launch.values() for container in some}
        self._ended = {key: told for key, told in self._ended.items() if key in there}
        return [await self._instance(launch_id, some) for launch_id, some in by_launch.items()]

    async def _containers(self, launch_id: str = "") -> Sequence[Listed]:
        labels = [f"{INSTALLATION}={self._home.installation}"] + ([f"{LAUNCH}={launch_id}"] if launch_id else [])
        found = await self._docker.containers.list(all=1, filters=json.dumps({"label": labels}))
        return [container._container for container in found]

    async def _instance(self, launch_id: str, containers: Sequence[Listed]) -> Instance:
        containers = sorted(containers, key=lambda each: int(each["Labels"][INDEX]))
        labels = containers[0]["Labels"]
        attempt = int(labels[ATTEMPT])
        ended = [each for each in containers if each["State"] in ("exited", "dead")]
        if ended:
            reason, tail = await self._why_ended(ended[0])
            return Instance(launch_id=launch_id, attempt=attempt, state="exited", reason=reason, log_tail=tail)
        is_whole = len(containers) == int(labels[SIZE]) and all(each["State"] != "created" for each in containers)
        if not is_whole:
            # A launcher was killed while it made them. Of no attempt: they are cleared away, and made once more.
            return Instance(launch_id=launch_id, attempt=0, state="up")
        digests = [await self._images.digest_of(each["Image"], each["ImageID"]) for each in containers]
        return Instance(
            launch_id=launch_id,
            attempt=attempt,
            state="up",
            upstream=_upstream(containers[0]),
            digests=tuple(digests),
        )

    async def _why_ended(self, container: Listed) -> tuple[str, str]:
        """In words, and its last lines; asked once per container, since it does not change any more."""
        key = container["Id"]
        if key not in self._ended:
            found = self._docker.containers.container(key)
            shown = await found.show()
            lines = await found.log(stdout=True, stderr=True, tail=LOG_LINES)
            self._ended[key] = (_in_words(shown["State"]), "".join(lines))
        return self._ended[key]

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        if await self._containers(spec.launch_id):
            return
        images = [await self._images.ensure(each.image, spec.launch_id, tell) for each in spec.containers]
        here = tuple(_on_this_engine(each, image) for each, image in zip(spec.containers, images, strict=True))
        self._starting.add(spec.launch_id)
        try:
            await self._make(replace(spec, containers=here))
        finally:
            self._starting.discard(spec.launch_id)

    async def _make(self, spec: Spec) -> None:
        network = await self._networks.take(spec.launch_id)
        made: list[str] = []
        try:
            for name, body in container_bodies(spec, self._home.installation, network):
                container = await self._docker.containers.create(body, name=name)
                made.append(container.id)
                await container.start()
        except DockerError as error:
            # Only what is of this start: a launcher that has taken our place may be making the copy just now.
            for container_id in made:
                await self._remove(container_id, 0)
            if network in error.message:
                raise  # Somebody has removed it. The next look tells, and another one is taken.
            raise _refusal(error) from error

    async def is_ready(self, instance: Instance) -> bool:
        return bool(instance.upstream) and await answers_http(instance.upstream)

    async def stop(self, launch_id: str, grace: float) -> None:
        while containers := await self._containers(launch_id):
            async with asyncio.TaskGroup() as group:
                for container in containers:
                    group.create_task(self._remove(container["Id"], grace))
            grace = 0
        self._networks.give_back(launch_id)

    async def _remove(self, container_id: str, grace: float) -> None:
        container = self._docker.containers.container(container_id)
        try:
            if grace:
                await container.stop(t=math.ceil(grace))
            await container.delete(force=True, v=True)
        except DockerError as error:
            if error.status not in (404, 409):  # Gone already, or somebody else removes it now.
                raise

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._networks.close()
        await self._docker.close()

    async def _follow_events(self) -> None:
        """Wakes the reconciler whenever a container of ours begins or ends."""
        label = f"{INSTALLATION}={self._home.installation}"
        ours = {"type": ["container"], "event": ["start", "die"], "label": [label]}
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    events = self._docker.events.subscribe(create_task=False)  # type: ignore[no-untyped-call]
                    group.create_task(self._docker.events.run(filters=json.dumps(ours)))
                    while await events.get() is not None:
                        self._home.changed()
            except* (DockerError, OSError) as errors:
                log.warning("docker.events_lost", reason=str(errors.exceptions[0]))
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _keep(self) -> None:
        """Attaches whoever reaches the copies again, when that container was made anew."""
        while True:
            await asyncio.sleep(_KEEPER_SECONDS)
            try:
                await self._networks.attach_all()
            except (DockerError, OSError) as error:
                log.warning("docker.not_attached", reason=str(error))


def _on_this_engine(container: Container, image: Image) -> Container:
    """The container with the engine's name of its image, and a bound for each volume that the image declares.

    The engine would put such a volume on the machine's disk, without a bound, writable on the read-only root too.
    """
    bounded = dict.fromkeys(image.volumes, VOLUME_MB) | container.tmpfs
    return msgspec.structs.replace(container, image=image.name, tmpfs=bounded)


def _upstream(container: Listed) -> str:
    networks = container["NetworkSettings"]["Networks"]
    address = next((str(network["IPAddress"]) for network in networks.values()), "")
    return f"{address}:{container['Labels'][PORT]}" if address else ""


def _in_words(state: Listed) -> str:
    if state.get("OOMKilled"):
        return "It ran out of memory."
    return f"It ended with status {state['ExitCode']}."


def _refusal(error: DockerError) -> Exception:
    """What is the demo's own fault is for people to read; anything else is tried again."""
    if error.status in (400, 403, 404):  # 403 is what the guard says.
        return CannotStart(f"The engine cannot run it: {error.message.strip()}.".replace("..", "."))
    return error
