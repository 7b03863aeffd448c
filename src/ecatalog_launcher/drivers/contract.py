"""What the reconciler may ask of an engine, and when. Every driver keeps this contract; one suite tests them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

InstanceState = Literal["up", "exited"]


class CannotStart(Exception):
    """The engine refuses this copy for good; the message is shown to people."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One copy of a demo to run: plain data, made by a pure function of what the gateway wants."""

    launch_id: str
    attempt: int
    image: str
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: float = 1.0
    memory_mb: int = 256


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What the engine holds under the name of a launch. An exited one stays listed until it is stopped."""

    launch_id: str
    attempt: int
    state: InstanceState
    upstream: str = ""
    reason: str = ""
    log_tail: str = ""
    is_shut_down: bool = False
    """It ended because the catalog did, and not by a fault of its own."""


class Driver(Protocol):
    """One engine. `open` comes first and `close` last; in between any call may come, for different launches at once."""

    engine: str
    capacity: int

    async def open(self, changed: Callable[[], None]) -> None:
        """Finds what an earlier launcher of this installation left. `changed` is called when an instance changes."""

    async def list(self) -> list[Instance]:
        """Everything of this installation, from a look at the engine and not from memory. Others' are left alone."""

    async def start(self, spec: Spec) -> None:
        """Starts a copy and returns at once. A second start of the same launch changes nothing. Raises CannotStart."""

    async def is_ready(self, instance: Instance) -> bool:
        """Whether an instance that is up answers HTTP. Waits a second at most."""

    async def stop(self, launch_id: str, grace: float) -> None:
        """Ends a copy and all that it started, by force after `grace` seconds; when it returns nothing is left.

        For a launch that is not there it does nothing.
        """

    async def close(self) -> None:
        """Lets go of the engine. What runs goes on."""
