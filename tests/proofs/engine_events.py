"""What a Docker engine says that it did to the containers of an installation, in the order in which it did it."""

import json
import os
import subprocess
import threading
from collections import Counter, defaultdict
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

    def wait_for(self, action: str, part: str = "") -> Event:
        """The next event of this kind, of a container with this part in its copy, as soon as the engine tells it."""
        with self._changed:
            begun = len(self.seen)
            is_there = self._changed.wait_for(lambda: self._find(begun, action, part) is not None, SECONDS)
            assert is_there, f"no {action} in {SECONDS} s"
            found = self._find(begun, action, part)
            assert found is not None
            return found

    def _find(self, begun: int, action: str, part: str) -> Event | None:
        some = self.seen[begun:]
        return next((each for each in some if each.action == action and each.name.endswith(part)), None)

    def made_twice(self) -> dict[str, list[Event]]:
        """The launches of which an attempt made a container more than once, with all that was made and ended of it."""
        with self._changed:
            lives: dict[tuple[str, int], list[Event]] = defaultdict(list)
            for each in self.seen:
                if each.action in ("create", "destroy"):
                    lives[each.launch_id, each.attempt].append(each)
        return {launch_id: events for (launch_id, _), events in lives.items() if _is_any_twice(events)}

    def made_beside(self) -> list[Event]:
        """What was made while it was there already, or while another attempt of its launch was."""
        there: dict[str, Counter[int]] = defaultdict(Counter)
        names: Counter[str] = Counter()
        beside = []
        with self._changed:
            for each in self.seen:
                if each.action == "create":
                    others = there[each.launch_id] - Counter({each.attempt: there[each.launch_id][each.attempt]})
                    beside += [each] if names[each.name] or others else []
                step = {"create": 1, "destroy": -1}.get(each.action, 0)
                there[each.launch_id][each.attempt] += step
                names[each.name] += step
        return beside


def _is_any_twice(events: list[Event]) -> bool:
    created = Counter(each.name for each in events if each.action == "create")
    return any(count > 1 for count in created.values())


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
