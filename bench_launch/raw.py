"""The same container by hand: with `docker run`, and with the engine's own two calls for exactly what we ask for."""

import asyncio
import itertools
import json
import os
import subprocess
import time

import aiodocker

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Spec
from ecatalog_launcher.drivers.docker_spec import container_bodies, network_body

_LOOK_SECONDS = 0.005
_SECONDS_TO_ANSWER = 60.0
_SUBNET = "10.215.0.0/28"
_numbers = itertools.count()


async def docker_run(docker_host: str, image: str) -> float:
    """Seconds from `docker run` to the first byte of its page, asked every 5 ms. The container is gone afterwards."""
    began = time.perf_counter()
    name = await _command(docker_host, "run", "--detach", "--rm", image)
    address = await _command(docker_host, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)
    await _first_byte(address)
    seconds = time.perf_counter() - began
    await _command(docker_host, "rm", "--force", name)
    return seconds


async def _command(docker_host: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", "-H", docker_host, *words, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"docker {' '.join(words)} failed")
    return told.decode().strip()


class Engine:
    """Create and start of the container that the launcher would make, in a network that is there already."""

    def __init__(self, docker_host: str, image: str) -> None:
        self._docker = aiodocker.Docker(docker_host)
        self._image = image
        self._installation = f"bench{os.getpid()}"

    async def open(self) -> None:
        body = network_body(self._installation, 0, _SUBNET, is_reached_from_host=True)
        self._network = (await self._docker.networks.create(body)).id
        self._network_name = body["Name"]

    async def close(self) -> None:
        await (await self._docker.networks.get(self._network)).delete()
        await self._docker.close()

    async def start(self) -> float:
        """Seconds to the first byte."""
        demo = Container(name="demo", image=self._image)
        spec = Spec(launch_id=f"n{next(_numbers)}", attempt=1, containers=(demo,), port=8000)
        began = time.perf_counter()
        ((name, body),) = container_bodies(spec, self._installation, self._network_name)
        container = await self._docker.containers.create(body, name=name)
        await container.start()
        shown = await container.show()
        await _first_byte(shown["NetworkSettings"]["Networks"][self._network_name]["IPAddress"])
        seconds = time.perf_counter() - began
        await container.delete(force=True)
        return seconds


async def _first_byte(address: str) -> None:
    ends = time.monotonic() + _SECONDS_TO_ANSWER
    while time.monotonic() < ends:
        try:
            reader, writer = await asyncio.open_connection(address, 8000)
        except OSError:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        writer.write(b"GET / HTTP/1.0\r\nHost: demo\r\n\r\n")
        byte = await reader.read(1)
        writer.close()
        if byte:
            return
    raise RuntimeError(f"nothing answers at {address}")


def engine_version(docker_host: str) -> str:
    """As the engine tells it."""
    command = ["docker", "-H", docker_host, "version", "--format", "{{json .Server}}"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return str(told["Version"])
