"""The real Docker engine of the proofs: images made of small programs, networks of our own, and clearing up."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestServer

from ecatalog.kit.ids import new_label
from ecatalog_launcher.drivers.docker import DockerDriver
from ecatalog_launcher.drivers.docker_spec import INSTALLATION
from ecatalog_launcher.engine_guard import EngineGuard, Settings

BASE = "ecatalog-test-base:bookworm"
BUILDER = "ecatalog-test-builder:bookworm"
SUBNET = IPv4Network("10.214.0.0/16")
# Where `make proof` has found or started one.
HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def docker(*words: str, given: str = "") -> str:
    """What the docker command prints. CalledProcessError when it fails."""
    told = subprocess.run(
        ["docker", "-H", HOST, *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    return told.stdout.strip()


def new_installation() -> str:
    return f"t{new_label()[:9]}"


@cache
def build(name: str, program: str) -> str:
    """An image whose only command is this program, in Python."""
    image = f"ecatalog-samples/{name}"
    file = msgspec.json.encode(["python3", "-u", "-c", program]).decode()
    docker("build", "--quiet", "--tag", image, "-", given=f"FROM {BASE}\nCMD {file}\n")
    return image


def docker_driver(programs: Path | None = None, **settings: Any) -> DockerDriver:
    """The driver, and images of the programs in the folder for it."""
    for app in programs.glob("*/app.py") if programs else ():
        build(app.parent.name, app.read_text())
    return DockerDriver(HOST, **({"subnet": SUBNET} | settings))


@asynccontextmanager
async def guarded(
    engine: str = HOST, attached: tuple[str, ...] = (), subnet: IPv4Network = SUBNET
) -> AsyncIterator[str]:
    """The address of an engine guard in front of this engine."""
    guard = EngineGuard(Settings(host="127.0.0.1", port=0, engine=engine, attached=attached, subnet=subnet))
    async with TestServer(guard.application()) as server:
        yield f"tcp://127.0.0.1:{server.port}"


@asynccontextmanager
async def guard_of(driver: Any) -> AsyncIterator[None]:
    """The driver reaches its engine through a guard."""
    async with guarded(driver._url, driver._attached, driver._subnet) as driver._url:
        yield


@contextmanager
def cleared(installation: str) -> Iterator[str]:
    """Afterwards nothing of the installation is left, whatever happened."""
    label = f"label={INSTALLATION}={installation}"
    try:
        yield installation
    finally:
        if containers := docker("ps", "--all", "--quiet", "--filter", label).split():
            docker("rm", "--force", *containers)
        if networks := docker("network", "ls", "--quiet", "--filter", label).split():
            docker("network", "rm", *networks)


def clear_networks(beginning: str) -> None:
    """Removes copies and their networks, by what addresses begin with; their launcher is gone, and they would stay."""
    for network in docker("network", "ls", "--quiet", "--filter", f"label={INSTALLATION}").split():
        if not json.loads(docker("network", "inspect", network))[0]["IPAM"]["Config"][0]["Subnet"].startswith(
            beginning
        ):
            continue
        if containers := docker("ps", "--all", "--quiet", "--filter", f"network={network}").split():
            docker("rm", "--force", *containers)
        docker("network", "rm", network)
