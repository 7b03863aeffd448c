"""What a Docker engine says that it did to the containers of an installation, in the order in which it did it."""

import json
import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ecatalog_launcher.drivers.docker_spec import ATTEMPT, INSTALLATION, LAUNCH
from tests.launcher.engine import HOST

SECONDS = 30


@dataclass(frozen=True)
class Event:
    """`action` as the engine's API calls it: create, start, kill (a signal), die, destroy."""

    action: str
    name: str
    launch_id: str
    attempt: int


class Engine:
    """Keeps every event from the begin of `watched` on."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self._changed = threading.Condition()

    def take(self, line: str) -> None:
        told = json.loads(line)
        labels = told["Actor"]["Attributes"]
        event = Event(told["Action"], labels["name"], labels.get(LAUNCH, ""), int(labels.get(ATTEMPT, "0")))
        with self._changed:
            self.seen.append(event)
            self._changed.notify_all()

    def wait_for(self, action: str) -> Event:
        """The next event of this kind, as soon as the engine tells it."""
        with self._changed:
            begun = len(self.seen)
            is_there = self._changed.wait_for(lambda: any(each.action == action for each in self.seen[begun:]), SECONDS)
            assert is_there, f"no {action} in {SECONDS} s"
            return next(each for each in self.seen[begun:] if each.action == action)

    def made(self) -> dict[tuple[str, int], list[Event]]:
        """The beginnings and ends of containers, by launch and attempt."""
        with self._changed:
            lives: dict[tuple[str, int], list[Event]] = defaultdict(list)
            for each in self.seen:
                if each.action in ("create", "destroy"):
                    lives[each.launch_id, each.attempt].append(each)
            return lives


@contextmanager
def watched(installation: str) -> Iterator[Engine]:
    """The engine, told from now on."""
    command = ["docker", "-H", HOST, "events", "--format", "{{json .}}", "--filter", "type=container"]
    command += ["--filter", f"label={INSTALLATION}={installation}"]
    telling = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    engine = Engine()

    def read() -> None:
        assert telling.stdout is not None
        for line in telling.stdout:
            engine.take(line)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        yield engine
    finally:
        telling.kill()
        telling.wait()
        reading.join()
        assert telling.stdout is not None
        telling.stdout.close()
