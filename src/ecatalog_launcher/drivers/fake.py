"""An engine without processes, for tests and rehearsals. `FAKE` in a demo's environment chooses how a copy behaves.

`instant` (the default), `slow` (ready after FAKE_SECONDS), `never` (up, never ready), `fails` (exits at once), `dies`
(ready, then exits FAKE_SECONDS after it answered for the first time).
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace

from ecatalog_launcher.drivers.contract import Budget, CannotStart, Home, Instance, Spec, Tell, tell_nobody

BEHAVIOURS = ("instant", "slow", "never", "fails", "dies")


class FakeDriver:
    """Keeps its instances in memory: with the launcher they are gone, as on an engine that was reset."""

    engine = "fake"

    def __init__(self, copies: int = 100, memory_mb: int = 1 << 20) -> None:
        self.budget = Budget(copies=copies, memory_mb=memory_mb)
        self._instances: dict[str, Instance] = {}
        self._ready: set[str] = set()
        self._mortal: dict[str, float] = {}
        self._last_port = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._home = Home(installation="")

    async def open(self, home: Home) -> None:
        self._home = home

    async def list(self) -> list[Instance]:
        return list(self._instances.values())

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        if spec.launch_id in self._instances:
            return
        environment = spec.containers[0].environment
        behaviour = environment.get("FAKE", "instant")
        if behaviour not in BEHAVIOURS:
            raise CannotStart(f"FAKE is {behaviour!r}: the fake driver knows {', '.join(BEHAVIOURS)}.")
        self._last_port += 1
        upstream = f"127.0.0.1:{self._last_port}"
        digests = tuple(_digest(container.image) for container in spec.containers)
        self._instances[spec.launch_id] = Instance(
            launch_id=spec.launch_id, attempt=spec.attempt, state="up", upstream=upstream, digests=digests
        )
        self._behave(spec.launch_id, behaviour, float(environment.get("FAKE_SECONDS", "0.05")))

    def _behave(self, launch_id: str, behaviour: str, seconds: float) -> None:
        if behaviour in ("instant", "dies"):
            self._ready.add(launch_id)
        if behaviour == "fails":
            self._exit(launch_id)
        if behaviour == "dies":
            self._mortal[launch_id] = seconds
        if behaviour == "slow":
            self._later(launch_id, seconds, self._answer)
        self._home.changed()

    def _later(self, launch_id: str, seconds: float, then: Callable[[str], None]) -> None:
        self._timers[launch_id] = asyncio.get_running_loop().call_later(seconds, then, launch_id)

    def _answer(self, launch_id: str) -> None:
        self._ready.add(launch_id)
        self._home.changed()

    def _exit(self, launch_id: str) -> None:
        self._instances[launch_id] = replace(
            self._instances[launch_id], state="exited", reason="It ended with status 1.", log_tail="pretending to fail"
        )
        self._home.changed()

    async def is_ready(self, instance: Instance) -> bool:
        if instance.launch_id in self._mortal:
            self._later(instance.launch_id, self._mortal.pop(instance.launch_id), self._exit)
        return instance.launch_id in self._ready

    async def stop(self, launch_id: str, grace: float) -> None:
        self._instances.pop(launch_id, None)
        self._ready.discard(launch_id)
        self._mortal.pop(launch_id, None)
        if (timer := self._timers.pop(launch_id, None)) is not None:
            timer.cancel()

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()


def _digest(image: str) -> str:
    """That of the reference, else one made of it: an image of one name is always the same here."""
    return image.partition("@")[2] or f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
