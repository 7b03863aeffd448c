"""Networks of the Docker engine, one per launch, made ahead: small, internal, and each of them leads nowhere."""

import asyncio
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

import structlog
from aiodocker import Docker, DockerError
from aiohttp import ClientError

from ecatalog_launcher.drivers.contract import CannotStart, Home
from ecatalog_launcher.drivers.docker_spec import INSTALLATION, PREFIX, network_body, network_place

log = structlog.get_logger("ecatalog.launcher.docker")

_SPARE = 4


class NetworkPool:
    """The networks of one installation. `attached` names the containers (edge and launcher) that reach all of them.

    Without such containers this machine itself reaches the copies, by an address of its own on each network.
    """

    def __init__(self, docker: Docker, home: Home, subnet: IPv4Network, attached: tuple[str, ...]) -> None:
        self._docker = docker
        self._installation = home.installation
        self._is_ours = home.is_ours
        self._subnets = subnet
        self._attached = attached
        self._all: set[str] = set()
        self._fresh: set[str] = set()
        self._taken: dict[str, str] = {}
        self._in_use: set[str] = set()
        self._next = 0
        self._making = asyncio.Lock()
        self._growing: asyncio.Task[None] | None = None
        self._is_closing = False

    async def open(self) -> None:
        """Takes over the networks that are there, and attaches whoever is not attached yet."""
        self._all = await self.look()
        await self.attach_all()

    async def look(self) -> set[str]:
        """The networks that there are, whoever made or removed some."""
        self._fresh = set()
        return await self._names()

    def keep(self, there: set[str], in_use: Iterable[str]) -> None:
        """Takes over what a look found, and says which of it the engine's containers are in by now.

        Nobody else gets these, whoever started them. Hence the look comes first: what is used later is not in it.
        """
        self._all = there | self._fresh
        self._in_use = set(in_use)

    async def _names(self) -> set[str]:
        found = await self._docker.networks.list(filters={"label": [f"{INSTALLATION}={self._installation}"]})
        return {str(network["Name"]) for network in found}

    async def take(self, launch_id: str) -> str:
        """A network that is this launch's alone until `give_back`. Raises CannotStart when no addresses are left."""
        while (network := self._first_free()) is None:
            async with self._making:
                if self._first_free() is None:
                    await self._make()
        self._taken[launch_id] = network
        return network

    def held(self) -> dict[str, str]:
        """The network that each launch holds."""
        return dict(self._taken)

    def give_back(self, launch_id: str, network: str = "") -> None:
        """Everything of the launch is gone; of one that holds another network by now, that one stays."""
        if network and self._taken.get(launch_id) != network:
            return
        self._in_use.discard(self._taken.pop(launch_id, ""))

    def grow(self, size: int) -> None:
        """Makes a few networks ahead of the launches to come, up to `size` in all, while nobody waits for one."""
        if self._growing is None or self._growing.done():
            self._growing = asyncio.create_task(self._grow(size))

    async def _grow(self, size: int) -> None:
        try:
            while not self._is_closing:
                async with self._making:
                    if len(self._free()) >= _SPARE or len(await self._names()) >= size or not self._is_ours():
                        return
                    await self._make()
        except (CannotStart, DockerError, ClientError, OSError) as error:
            log.warning("network.not_made", reason=str(error))

    async def close(self) -> None:
        """Once the network that is being made is there: a call that is broken off is carried out all the same."""
        self._is_closing = True
        if self._growing is not None:
            await self._growing

    def _free(self) -> list[str]:
        return sorted(self._all - self._in_use - set(self._taken.values()))

    def _first_free(self) -> str | None:
        return next(iter(self._free()), None)

    async def _make(self) -> None:
        """One at a time, or there would be more than anybody asked for."""
        for number, subnet in self._unused():
            body = network_body(self._installation, number, str(subnet), is_reached_from_host=not self._attached)
            try:
                await self._docker.networks.create(body)
            except DockerError as error:
                if _is_taken(error):
                    continue
                raise
            for container in self._attached:
                await self._attach(body["Name"], container)
            self._all.add(body["Name"])
            self._fresh.add(body["Name"])
            return
        raise CannotStart(
            f"No addresses are left in {self._subnets} for another demo. Give ECATALOG_DEMO_SUBNET a larger network."
        )

    def _unused(self) -> Iterator[tuple[int, IPv4Network]]:
        """The subnets that were not tried yet, each once."""
        for number in range(self._next, 1 << (PREFIX - self._subnets.prefixlen)):
            self._next = number + 1
            yield number, network_place(self._subnets, number)

    async def attach_all(self) -> None:
        """Attaches whoever is not attached to a network: at the start, and when the container was made anew."""
        for container in self._attached:
            shown = await self._docker.containers.container(container).show()
            for network in self._all - set(shown["NetworkSettings"]["Networks"]):
                await self._attach(network, container)

    async def _attach(self, network: str, container: str) -> None:
        found = await self._docker.networks.get(network)
        try:
            await found.connect({"Container": container})
        except DockerError as error:
            if "already exists" not in error.message:
                raise


def _is_taken(error: DockerError) -> bool:
    """Another network has the name or some of the addresses: of an earlier launcher, or somebody else's."""
    return error.status == 409 or "overlaps" in error.message or "already exists" in error.message
