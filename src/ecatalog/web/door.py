"""The door: what an operation that works outside a transaction may reach.

Built once, and narrowed to each request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Door:
    """The database, the settings, the clock, and the objects that `app.py` built.

    Of the request: the caller's `address` and `agent` (both empty for a job).
    """

    db: Database
    settings: Settings
    clock: Clock
    parts: Mapping[type, Any] = field(default_factory=dict)
    address: str = ""
    agent: str = ""

    def part(self, kind: type[T]) -> T:
        """The one object of that type. KeyError when `app.py` built none, which is a bug."""
        return cast(T, self.parts[kind])

    def of_request(self, address: str, agent: str) -> "Door":
        """The same door with the caller's address and the first 200 characters of its User-Agent."""
        return replace(self, address=address, agent=agent[:200])
