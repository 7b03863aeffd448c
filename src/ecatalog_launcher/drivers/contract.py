"""What the reconciler may ask of an engine, and when. Every driver keeps this contract; one suite tests them all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ecatalog_client.types.containers import Container, RegistryLogin

InstanceState = Literal["up", "exited"]
LOG_LINES = 200
"""How many of its last lines a copy that ended leaves."""


class CannotStart(Exception):
    """The engine refuses this copy for good; the message is shown to people."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One copy of a demo to run: plain data, made by a pure function of what the gateway wants."""

    launch_id: str
    attempt: int
    containers: tuple[Container, ...]
    """At least one; the first answers HTTP on `port`."""
    port: int


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What the engine holds under the name of a launch. An exited one stays listed until it is stopped."""

    launch_id: str
    attempt: int
    state: InstanceState
    """`exited` as soon as one of its containers has ended."""
    upstream: str = ""
    """`host:port` of the public container, for the edge; empty until it has an address."""
    reason: str = ""
    log_tail: str = ""
    is_shut_down: bool = False
    """It ended because the catalog did, and not by a fault of its own."""
    digests: tuple[str, ...] = ()
    """What was run, container by container: `sha256:…` for each; empty where the engine does not tell."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What an engine has for copies: how many, and how much memory in megabytes they may be given together."""

    copies: int
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class Home:
    """Whose copies a driver runs, and whom it may ask and tell."""

    installation: str
    """Names this catalog on an engine that several share: letters and digits, a letter first."""
    changed: Callable[[], None] = lambda: None
    """To be called whenever an instance may have changed."""
    is_ours: Callable[[], bool] = lambda: True
    """Whether the engine is still this launcher's: what a driver does by itself it asks for right before."""
    login: Callable[[str, str], Awaitable[RegistryLogin | None]] | None = None
    """Asks for the credentials of a registry: `await login(launch_id, registry_url)`, for a launch that needs them."""


Tell = Callable[[str, int], Awaitable[None]]
"""Tells where a start is: a phase (`pulling`, `creating`), and how far in percent."""


async def tell_nobody(phase: str, percent: int) -> None:
    """For a start that nobody follows."""


class Driver(Protocol):
    """One engine. `open` comes first and `close` last; in between any call may come, for different launches at once."""

    engine: str
    budget: Budget

    async def open(self, home: Home) -> None:
        """Connects, and finds what an earlier launcher of this installation left. Raises OSError when it cannot."""

    async def list(self) -> list[Instance]:
        """Everything of this installation, from a look at the engine and not from memory. Others' are left alone."""

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        """Starts a copy, and returns once the engine has it; it need not answer yet. Fetches images that are missing.

        A second start of the same launch changes nothing. Raises CannotStart.
        """

    async def is_ready(self, instance: Instance) -> bool:
        """Whether an instance that is up answers HTTP. Waits a second at most."""

    async def stop(self, launch_id: str, grace: float) -> None:
        """Ends a copy and all that it started, by force after `grace` seconds; when it returns nothing is left.

        For a launch that is not there it does nothing.
        """

    async def close(self) -> None:
        """Lets go of the engine. What runs goes on."""
