"""What a server costs before and beside its answers: the time until it serves, and its memory."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from bench.load import Load
from bench.scenarios import opens, reads_of_catalog
from bench.servers import Contender, Server, running
from bench.world import SMALL, Size, World

_STARTS = 5
_MANY = 100_000


class Course(Protocol):
    """What a measurement needs to know of the whole go."""

    @property
    def folder(self) -> Path: ...
    @property
    def core(self) -> int: ...
    @property
    def load(self) -> Load: ...
    def world(self, size: Size) -> World: ...


@dataclass(frozen=True)
class Stand:
    """Of one contender: seconds until it served (median), and its resident memory in MiB."""

    name: str
    start_seconds: float
    at_rest: float
    after_tenth: float
    after_all: float


def measure(course: Course, contender: Contender) -> Stand:
    """Starts it five times; the last one answers 100,000 pages of the catalog with opens beside them."""
    world = course.world(SMALL)
    seconds, after = [], [0.0] * 3
    for turn in range(_STARTS):
        with tempfile.TemporaryDirectory(prefix="standing-", dir=course.folder) as made:
            began = time.monotonic()
            with running(contender, world, Path(made) / "run", Path(made) / "log", course.core) as server:
                seconds.append(time.monotonic() - began)
                if turn == _STARTS - 1:
                    after = _memory_in_use(course, world, server)
    return Stand(contender.name, median(seconds), *after)


def _memory_in_use(course: Course, world: World, server: Server) -> list[float]:
    time.sleep(2)
    found = [_resident(server)]
    answers = 0
    for many in (_MANY // 10, _MANY):
        while answers < many:
            pages, _ = course.load.run(server, (reads_of_catalog(64), opens(8)), world.callers, 2)
            answers += pages.answers
        found.append(_resident(server))
    return found


def _resident(server: Server) -> float:
    """MiB, from /proc."""
    text = Path(f"/proc/{server.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024
