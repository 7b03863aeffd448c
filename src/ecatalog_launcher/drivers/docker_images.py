"""Images of the Docker engine: whether they are there, fetching them with progress, and what exactly they are."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

from aiodocker import Docker, DockerError

from ecatalog_client.types.containers import DEFAULT_REGISTRY, registry_of
from ecatalog_launcher.drivers.contract import CannotStart, Home, Tell
from ecatalog_launcher.drivers.references import image_names, is_reference


@dataclass(frozen=True, slots=True)
class Image:
    """The name under which the engine has it, and the folders that it declares as volumes."""

    name: str
    volumes: tuple[str, ...]


class Images:
    """Of one engine. An image that several launches wait for is fetched once."""

    def __init__(self, docker: Docker, home: Home) -> None:
        self._docker = docker
        self._home = home
        self._digests: dict[str, str] = {}
        self._pulls: dict[str, asyncio.Lock] = {}

    async def ensure(self, image: str, launch_id: str, tell: Tell) -> Image:
        """The image as the engine has it, fetched if it is missing. Raises CannotStart."""
        if not is_reference(image):
            raise CannotStart(f"The engine cannot run it: {image} is no name of an image.")
        found = await self._find(image)
        if found is None:
            async with self._pulls.setdefault(image, asyncio.Lock()):
                found = await self._find(image)
                if found is None:
                    await self._pull(image, launch_id, tell)
                    found = await self._find(image)
        if found is None:
            raise CannotStart(f"The image {image} was fetched, and the engine does not have it.")
        return found

    async def _find(self, image: str) -> Image | None:
        for name in image_names(image):
            try:
                shown = await self._docker.images.inspect(name)
            except DockerError as error:
                if error.status == 404:
                    continue
                raise
            volumes = (shown.get("Config") or {}).get("Volumes") or {}
            return Image(name, tuple(sorted(normpath(f"/{path.strip('/')}") for path in volumes)))
        return None

    async def _pull(self, image: str, launch_id: str, tell: Tell) -> None:
        registry = registry_of(image)
        login = await self._home.login(launch_id, registry) if self._home.login else None
        auth = None
        if login is not None:
            auth = {"username": login.username, "password": login.password, "serveraddress": registry}
        name = image_names(image)[0]
        if auth is not None and registry == DEFAULT_REGISTRY:
            name = f"{DEFAULT_REGISTRY}/{name.removeprefix(DEFAULT_REGISTRY + '/')}"
        progress = Progress()
        await tell("pulling", 0)
        try:
            async for event in self._docker.images.pull(name, auth=auth, stream=True):
                if progress.take(event):
                    await tell("pulling", progress.percent)
        except DockerError as error:
            raise CannotStart(
                f"The image {image} could not be fetched: {error.message.strip().rstrip('.')}."
            ) from error
        await tell("creating", 0)

    async def digest_of(self, image: str, image_id: str) -> str:
        """What its registry calls exactly this image; for one that was built here, the engine's own name of it."""
        if image_id not in self._digests:
            try:
                shown = await self._docker.images.inspect(image_id)
            except DockerError:
                return image_id
            digests = [each.partition("@")[2] for each in shown.get("RepoDigests") or []]
            self._digests[image_id] = digests[0] if digests else image_id
        return self._digests[image_id]


class Progress:
    """How far a pull is, from the engine's events: by bytes, over the layers that are known so far."""

    def __init__(self) -> None:
        self.percent = 0
        self._layers: dict[str, tuple[int, int]] = {}

    def take(self, event: Mapping[str, Any]) -> bool:
        """Whether the percentage rose. It never falls, also when another layer becomes known."""
        detail = event.get("progressDetail") or {}
        layer, total = event.get("id", ""), detail.get("total", 0)
        if event.get("status") == "Downloading" and total:
            self._layers[layer] = (detail.get("current", 0), total)
        elif event.get("status") in ("Download complete", "Pull complete") and layer in self._layers:
            self._layers[layer] = (self._layers[layer][1],) * 2
        all_bytes = sum(total for _, total in self._layers.values())
        percent = sum(done for done, _ in self._layers.values()) * 100 // all_bytes if all_bytes else 0
        has_risen = percent > self.percent
        self.percent = max(self.percent, percent)
        return has_risen
