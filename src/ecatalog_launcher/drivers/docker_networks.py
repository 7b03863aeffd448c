"""Networks of the Docker engine, one per launch, made ahead: small, internal, and each of them leads nowhere."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Network

import structlog
from aiodocker import Docker, DockerError

from ecatalog_launcher.drivers.contract import CannotStart
from ecatalog_launcher.drivers.docker_spec import INSTALLATION, network_body

log = structlog.get_logger("ecatalog.launcher.docker")

PREFIX = 28
_SPARE = 4


class NetworkPool:
    """The networks of one installation. `attached` names the containers (edge and launcher) that reach all of them.

    Without such containers this machine itself reaches the copies, by an address of its own on each network.
    """

    def __init__(self, docker: Docker, installation: str, subnet: IPv4Network, attached: tuple[str, ...]) -> None:
        self._docker = docker
        self._installation = installation
        self._subnets = subnet
        self._attached = attached
        self._free: list[str] = []
        self._taken: dict[str, str] = {}
        self._in_use: set[str] = set()
        self._next = 0
        self._making = asyncio.Lock()
        self._growing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Takes over the networks that are there, and attaches whoever is not attached yet."""
        found = await self._docker.networks.list(filters={"label": [f"{INSTALLATION}={self._installation}"]})
        self._free = sorted(network["Name"] for network in found)
        await self.attach_all()

    def keep(self, in_use: Iterable[str]) -> None:
        """Says which networks the engine's containers are in: nobody else gets these, whoever started them."""
        self._in_use = set(in_use)

    async def take(self, launch_id: str) -> str:
        """A network that is this launch's alone until `give_back`. Raises CannotStart when no addresses are left."""
        while (network := self._first_free()) is None:
            await self._make()
        self._taken[launch_id] = network
        return network

    def give_back(self, launch_id: str) -> None:
        """Everything of the launch is gone."""
        network = self._taken.pop(launch_id, None)
        self._in_use.discard(network or "")

    def grow(self, size: int) -> None:
        """Makes a few networks ahead of the launches to come, up to `size` in all, while nobody waits for one."""
        if self._growing is None or self._growing.done():
            self._growing = asyncio.create_task(self._grow(size))

    async def _grow(self, size: int) -> None:
        while len(self._free) < size and self._spare() < _SPARE:
            try:
                await self._make()
            except (CannotStart, DockerError) as error:
                log.warning("network.not_made", reason=str(error))
                return

    async def close(self) -> None:
        if self._growing is not None:
            self._growing.cancel()
            with suppress(asyncio.CancelledError):
                await self._growing

    def _first_free(self) -> str | None:
        busy = self._in_use | set(self._taken.values())
        return next((network for network in self._free if network not in busy), None)

    def _spare(self) -> int:
        return len(set(self._free) - self._in_use - set(self._taken.values()))

    async def _make(self) -> None:
        async with self._making:
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
                self._free.append(body["Name"])
                return
        raise CannotStart(
            f"No addresses are left in {self._subnets} for another demo. Give ECATALOG_DEMO_SUBNET a larger network."
        )

    def _unused(self) -> Iterator[tuple[int, IPv4Network]]:
        """The subnets that were not tried yet, each once."""
        for number in range(self._next, 1 << (PREFIX - self._subnets.prefixlen)):
            self._next = number + 1
            first = int(self._subnets.network_address) + (number << (32 - PREFIX))
            yield number, IPv4Network((first, PREFIX))

    async def attach_all(self) -> None:
        """Attaches whoever is not attached to a network: at the start, and when the container was made anew."""
        for container in self._attached:
            shown = await self._docker.containers.container(container).show()
            for network in set(self._free) - set(shown["NetworkSettings"]["Networks"]):
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
