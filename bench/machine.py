"""The machine as far as it explains the numbers: cores, disk, and the versions of what ran. No dates, no names."""

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

from bench.peers import FASTIFY

_SYNCS = 200
_MEMORY_FILESYSTEMS = {"tmpfs", "ramfs"}


@dataclass(frozen=True)
class Machine:
    """`sync_ms` is how long the disk takes to make one page of 4 KiB durable (median)."""

    processor: str
    cores: int
    filesystem: str
    sync_ms: float
    python: str
    our_sqlite: str
    node: str
    peer_sqlite: str
    fastify: str


def describe(folder: Path) -> Machine:
    """This machine, with `folder` on the disk that will be written to."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        filesystem=_filesystem(folder),
        sync_ms=_sync_ms(folder / "sync"),
        python=platform.python_version(),
        our_sqlite=apsw.sqlite_lib_version(),
        node=_node("process.version").removeprefix("v"),
        peer_sqlite=_node(
            "new (require('better-sqlite3'))(':memory:').prepare('SELECT sqlite_version()').pluck().get()"
        ),
        fastify=_node("require('fastify/package.json').version"),
    )


@dataclass(frozen=True)
class Place:
    """As much of it as a measurement without a disk's part needs."""

    processor: str
    cores: int
    python: str


def describe_briefly() -> Place:
    """This machine, without looking at its disk or at the peers."""
    return Place(processor=_processor(), cores=os.cpu_count() or 1, python=platform.python_version())


def pick_cores() -> tuple[int, int]:
    """One core for the server, one for the client. Raises RuntimeError on a machine with one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("Two cores are needed: one for the server, one for its client.")
    return cores[0], cores[-1]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    """The type of the file system. Raises RuntimeError where nothing is durable."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    above = {place: kind for _, place, kind, *_ in mounts if folder.resolve().is_relative_to(place)}
    name = above[max(above, key=len)]
    if name in _MEMORY_FILESYSTEMS:
        raise RuntimeError(f"{folder} is on {name}, where no write is durable: start from a checkout on a disk.")
    return name


def _sync_ms(file: Path) -> float:
    took = []
    with file.open("wb", buffering=0) as out:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            out.write(bytes(4096))
            os.fdatasync(out.fileno())
            took.append(time.perf_counter() - started)
    file.unlink()
    return statistics.median(took) * 1000


def _node(expression: str) -> str:
    command = ["node", "--print", expression]
    return subprocess.run(command, cwd=FASTIFY, capture_output=True, text=True, check=True).stdout.strip()
