"""What passes between the event loop and the writer's thread: jobs one way, a group's outcome back."""

from asyncio import Future
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from ecatalog.kit.errors import Unavailable
from ecatalog.kit.times import Times, name_of

TROUBLES: dict[str, type[apsw.Error] | tuple[type[apsw.Error], ...]] = {
    "disk": apsw.IOError,
    "full": apsw.FullError,
    "open": (apsw.CantOpenError, apsw.PermissionsError, apsw.ReadOnlyError),
    "damaged": (apsw.CorruptError, apsw.NotADBError),
    "memory": apsw.NoMemError,
}
"""What can be wrong with a connection to the database, by the word that the metrics have for it."""


class Job:
    """One call of write, and what became of it. Its value may be told only when `is_durable`."""

    __slots__ = ("action", "args", "error", "future", "is_durable", "kwargs", "value")

    def __init__(
        self, action: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], future: Future[Any]
    ) -> None:
        self.action = action
        self.args = args
        self.kwargs = kwargs
        self.future = future
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_durable = False

    def fail(self, error: BaseException) -> None:
        """Called in the writer's thread, as often as the job is tried."""
        self.value, self.error = None, told(error)

    def settle(self) -> None:
        """Tells the caller, unless he has gone. Called in the event loop, once."""
        if self.future.done():
            return
        if self.is_durable:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error or unknown())

    @property
    def name(self) -> str:
        """What the log calls the action."""
        return name_of(self.action, self.args)


@dataclass(slots=True)
class Outcome:
    """What a group left behind: its finished jobs, and what became visible with it.

    `refused` is why the rest of the group is not tried; `fatal` when the files are no longer to be trusted, so that
    nothing may be written any more.
    """

    jobs: Sequence[Job]
    position: int | None = None
    touched: set[str] = field(default_factory=set)
    foreign_writes: int = 0
    witnessed: int | None = None
    refused: BaseException | None = None
    fatal: BaseException | None = None


@dataclass(slots=True)
class Stats:
    """Counts since the start, for the metrics: written by the writer's thread, read by anybody."""

    groups: int = 0
    commits: int = 0
    actions: int = 0
    replays: int = 0
    slow: int = 0
    checkpoints: int = 0
    busy: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    times: Times = field(default_factory=Times)

    def note(self, error: BaseException) -> None:
        """Counts what went wrong with the connection, and nothing else."""
        self.busy += isinstance(error, apsw.BusyError)
        self.troubles.update(trouble_of(error))


def trouble_of(error: BaseException) -> tuple[str, ...]:
    """Which of the `TROUBLES` of a connection this is; none of them for what is wrong with a statement."""
    return tuple(name for name, kind in TROUBLES.items() if isinstance(error, kind))


def told(error: BaseException) -> BaseException:
    """What the caller hears: Unavailable for trouble with disk or lock, otherwise just what was raised."""
    refusal = _refusal(error)
    if refusal is None:
        return error
    refusal.__cause__ = error
    return refusal


def unknown() -> Unavailable:
    """For a caller whose change may or may not have been kept."""
    return Unavailable("The database stopped in the middle of this change. Look whether it was kept.")


def _refusal(error: BaseException) -> BaseException | None:
    match error:
        case apsw.FullError():
            return Unavailable("The disk is full, so nothing was changed. Make room, then try again.")
        case apsw.IOError():
            return Unavailable("The disk reported an error. Whether the change was kept shows after a restart.")
        case apsw.BusyError():
            return Unavailable("Another program holds the database locked. Try again soon.", retry_after=1)
        case StopIteration():
            # A future takes no StopIteration: it would end the caller's coroutine without a word.
            return RuntimeError("the action raised StopIteration")
        case _:
            return None
