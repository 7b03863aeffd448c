"""The door: what an operation that works outside a transaction may reach.

Built once, and narrowed to each request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, get_type_hints

from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.idempotency import Once, run_once, run_once_in_secret
from ecatalog.kit.times import carries
from ecatalog.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

# Raises when the change is not to be made after all; called in its transaction.
Check = Callable[[Tx], None]
# Raises Unauthorized when somebody is no longer who the request said; called in the transaction of the change.
Stands = Callable[[Tx, Actor], None]


def _no_matter_who(tx: Tx, actor: Actor) -> None:
    """For a catalog without accounts, as tests of the shell alone have it."""


def guarded(action: Callable[Concatenate[Tx, P], T], check: Check) -> Callable[Concatenate[Tx, P], T]:
    """The action, after the check."""

    def checked(tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> T:
        check(tx)
        return action(tx, *args, **kwargs)

    # What was kept under a key is read again as what the action returns.
    checked.__qualname__ = action.__qualname__
    checked.__annotations__["return"] = get_type_hints(action)["return"]
    return checked


@carries(2)
def _run_as(
    tx: Tx, stands: Stands, actor: Actor, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    stands(tx, actor)
    return action(tx, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Door:
    """The database, the settings, the clock, and the objects that `app.py` built.

    Of the request: who asks (`SYSTEM` for a job), and the caller's `address` and `agent` (both empty for a job).
    """

    db: Database
    settings: Settings
    clock: Clock
    parts: Mapping[type, Any] = field(default_factory=dict)
    stands: Stands = _no_matter_who
    actor: Actor = SYSTEM
    address: str = ""
    agent: str = ""
    once: Once | None = None
    check: Check | None = None

    def part(self, kind: type[T]) -> T:
        """The one object of that type. KeyError when `app.py` built none, which is a bug."""
        return cast(T, self.parts[kind])

    async def write(self, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`Database.write` under the conditions of the request: while who asks still is who that was; done once if it
        came with an `Idempotency-Key`, so that a repetition gets the same result; only to what `If-Match` names.

        The key holds for its first write. Raises what the action raises, Unauthorized and Stale.
        """
        return await self._write(run_once, action, *args, **kwargs)

    async def write_secret(self, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same of what leads to a secret in the answer: a repetition is a Conflict, since none is kept."""
        return await self._write(run_once_in_secret, action, *args, **kwargs)

    async def _write(self, run: Callable[..., T], action: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        wanted = action if self.check is None else guarded(action, self.check)
        once = self._take_key()
        if once is None:
            return await self.db.write(_run_as, self.stands, self.actor, wanted, *args, **kwargs)
        return await self.db.write(_run_as, self.stands, self.actor, run, once, wanted, *args, **kwargs)

    def _take_key(self) -> Once | None:
        if self.once is None or self.once.is_used:
            return None
        self.once.is_used = True
        return self.once

    def of_request(
        self, actor: Actor, address: str, agent: str, once: Once | None = None, check: Check | None = None
    ) -> "Door":
        """The same door with who asks, from which address, the first 200 characters of the User-Agent, and under
        which conditions.
        """
        return replace(self, actor=actor, address=address, agent=agent[:200], once=once, check=check)
