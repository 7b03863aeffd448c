"""What an operation of the catalog is to whoever calls it, and one call of it. The table is in `operations.py`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")
Kind = Literal["read", "write", "flow", "stream"]

_WITHOUT_BODY = frozenset({"GET", "DELETE"})
_WITH_KEYS = frozenset({"POST", "PATCH"})


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One row of the table: `group` and `verb` are its names in Python and on the command line.

    `takes` is the Struct of its fields, `gives` the type of its answer (None for none), of one event for a stream.
    `is_paged` says that the answer is a page of a list; `is_open` that nobody needs to be logged in; `has_version` that
    it may be done only to the version that was read, `has_table` that its answer may come as CSV too.
    """

    method: str
    path: str
    group: str
    verb: str
    kind: Kind
    takes: type[msgspec.Struct] | None
    gives: Any
    summary: str
    is_paged: bool = False
    is_open: bool = False
    has_version: bool = False
    has_table: bool = False

    @property
    def name(self) -> str:
        """`PATCH /api/clients/{id}/revoke`."""
        return f"{self.method} {self.path}"

    @property
    def params(self) -> tuple[str, ...]:
        """The names in braces, in path order."""
        return tuple(re.findall(r"\{([a-z_]+)\}", self.path))

    @property
    def has_body(self) -> bool:
        return self.method not in _WITHOUT_BODY

    @property
    def takes_key(self) -> bool:
        """Whether an `Idempotency-Key` makes a repetition harmless: it is somebody's own, so nobody has one."""
        return self.method in _WITH_KEYS and not self.is_open

    @property
    def is_safe(self) -> bool:
        """Whether a repetition does no harm: reads, PUT, DELETE, and what is sent under a key."""
        return self.takes_key or self.method not in _WITH_KEYS


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: the values of the path's parameters in their order, the fields, the conditions.

    `accept` is the media type of the answer, JSON without it.
    """

    operation: Operation[Any]
    path: tuple[str, ...] = ()
    given: Mapping[str, object] = field(default_factory=dict)
    key: str = ""
    version: int | None = None
    accept: str = ""

    def target(self) -> str:
        """The path and query string of the request."""
        values = iter(self.path)
        path = re.sub(r"\{[a-z_]+\}", lambda _: quote(next(values), safe=""), self.operation.path)
        if self.operation.has_body or not self.given:
            return path
        words = (f"{quote(name)}={quote(in_words(value), safe='')}" for name, value in self.given.items())
        return f"{path}?{'&'.join(words)}"


def in_words(value: object) -> str:
    """A value as it stands in a query string."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, bool):
        return str(plain).lower()
    return ",".join(map(str, plain)) if isinstance(plain, list) else str(plain)
