"""The real Docker engine of the proofs: images made of small programs, networks of our own, and clearing up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec

from ecatalog.kit.ids import new_label
from ecatalog_launcher.drivers.docker import DockerDriver
from ecatalog_launcher.drivers.docker_spec import INSTALLATION

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
