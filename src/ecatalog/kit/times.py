"""How long queries and actions take, by their names: kept in plain lists, so that a call pays next to nothing."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

C = TypeVar("C", bound=Callable[..., Any])

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
# Names are those of functions in the source, so there are only so many; what is made while running shares one.
_MADE = "<"


class Times:
    """One for each thread that adds to it; anybody may read."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}

    def add(self, action: Callable[..., Any], args: Sequence[Any], seconds: float) -> None:
        """Counts one call of the action, or of the one that it carries out."""
        name = name_of(action, args)
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = [0.0] * (len(BOUNDS) + 2)
        found[bisect_left(BOUNDS, seconds)] += 1
        found[-1] += seconds

    def told(self) -> list[tuple[str, list[float], float]]:
        """By name: the counts between the bounds (and beyond), and the seconds in all."""
        return [(name, found[:-1], found[-1]) for name, found in sorted(self._found.items())]


def carries(at: int) -> Callable[[C], C]:
    """Marks an action that carries out another one, its argument at this place (without the transaction)."""

    def mark(action: C) -> C:
        action.carries_at = at  # type: ignore[attr-defined]
        return action

    return mark


def name_of(action: Callable[..., Any], args: Sequence[Any]) -> str:
    """`read_clients`; of what carries out another action, the name of that."""
    at = getattr(action, "carries_at", None)
    while at is not None:
        action, args = args[at], args[at + 1 :]
        at = getattr(action, "carries_at", None)
    name: str = getattr(action, "__qualname__", _MADE)
    return "other" if _MADE in name else name
