"""Operations as data: each room lists what it offers, and dispatch, OpenAPI and the reference read that one
list.

Here is the type and its four makers. How an operation is called is in `dispatch.py`.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_origin

import msgspec

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.scopes import SCOPES

if TYPE_CHECKING:
    from ecatalog.settings import Settings

Kind = Literal["read", "write", "flow", "stream"]
Then = Callable[..., Awaitable[Any]]
Given = Callable[["Settings"], dict[str, Any]]
# The header and the rows of an answer as a table.
Table = tuple[Sequence[str], Iterable[Sequence[object]]]

_SEGMENT = re.compile(r"[a-zA-Z0-9._-]+|\{[a-z_]+\}")
_WITHOUT_BODY = frozenset({"GET", "DELETE"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the catalog does: where, by what action, with which input, for whom.

    `takes` is the Struct of the body (POST, PUT, PATCH) or of the query string (GET, DELETE); `gives` is the
    type of the answer, None for 204. `may` names the roles of people; a service needs the `scope`, and is let
    nowhere without one. `then` runs after the commit and makes the answer. `follows` names the tables that a
    read depends on: its answers are then served from memory until one of those tables changes. `is_long` reads
    run in a thread. `table` makes CSV of the answer, for who accepts it. `matches` loads what `If-Match` is
    compared with; `given` adds arguments from the settings.
    """

    kind: Kind
    method: str
    path: str
    action: Callable[..., Any]
    takes: type[msgspec.Struct] | None
    gives: Any
    may: frozenset[Role]
    summary: str
    then: Then | None = None
    status: int = 200
    tag: str = ""
    follows: tuple[str, ...] = ()
    scope: str = ""
    matches: Callable[..., Any] | None = None
    given: Given | None = None
    table: Callable[[Any], Table] | None = None
    is_long: bool = False

    def __post_init__(self) -> None:
        if self.scope and self.scope not in SCOPES:
            raise ValueError(f"{self.scope} is no scope: the table is in kit/scopes.py")
        if not self.path.startswith("/") or not all(map(_SEGMENT.fullmatch, self.path[1:].split("/"))):
            raise ValueError(f"{self.path} is not a route")
        takes = self.takes and (get_origin(self.takes) or self.takes)
        if takes and not takes.__struct_config__.forbid_unknown_fields:
            raise ValueError(f"{takes.__name__} must forbid unknown fields, so that a misspelt one is refused")

    @property
    def name(self) -> str:
        """`PATCH /api/clients/{id}/revoke`: how logs, metrics and the reference call it."""
        return f"{self.method} {self.path}"

    @property
    def params(self) -> tuple[str, ...]:
        """The names in braces, in path order."""
        return tuple(re.findall(r"\{([a-z_]+)\}", self.path))

    def admits(self, actor: Actor) -> bool:
        """Whether this is for such a caller at all; the action may ask for more."""
        if actor.role is Role.SERVICE:
            return Role.SERVICE in self.may or self._is_within(actor.scopes)
        return actor.role in self.may

    def _is_within(self, scopes: frozenset[str]) -> bool:
        room, _, verb = self.scope.partition(":")
        return bool(room) and (self.scope in scopes or (verb == "read" and f"{room}:write" in scopes))

    @property
    def has_body(self) -> bool:
        return self.method not in _WITHOUT_BODY


def _tag_of(path: str) -> str:
    words = [word for word in path.split("/") if word and word != "api"]
    return words[0] if words else ""


def read(
    method: str,
    path: str,
    action: Callable[..., Any],
    *,
    takes: type[msgspec.Struct] | None = None,
    gives: Any,
    may: frozenset[Role],
    summary: str,
    scope: str = "",
    follows: tuple[str, ...] = (),
    table: Callable[[Any], Table] | None = None,
    is_long: bool = False,
) -> Operation:
    """A query `action(tx, actor, *path_values, **fields)` on a snapshot.

    With `follows`, the answer must depend on nothing but the actor, the request and the rows of those tables:
    not on the time.
    """
    return Operation(
        "read",
        method,
        path,
        action,
        takes,
        gives,
        may,
        summary,
        tag=_tag_of(path),
        scope=scope,
        follows=follows,
        table=table,
        is_long=is_long,
    )


def write(
    method: str,
    path: str,
    action: Callable[..., Any],
    *,
    takes: type[msgspec.Struct] | None = None,
    gives: Any,
    may: frozenset[Role],
    summary: str,
    scope: str = "",
    then: Then | None = None,
    status: int = 200,
    matches: Callable[..., Any] | None = None,
    given: Given | None = None,
) -> Operation:
    """An action `action(tx, actor, *path_values, **fields)`, durable before the answer; `then` runs after the
    commit.

    With an `Idempotency-Key` its result is kept and answered again, so the action must say what it returns.
    """
    return Operation(
        "write",
        method,
        path,
        action,
        takes,
        gives,
        may,
        summary,
        then,
        status,
        _tag_of(path),
        scope=scope,
        matches=matches,
        given=given,
    )


def flow(
    method: str,
    path: str,
    action: Callable[..., Awaitable[Any]],
    *,
    takes: type[msgspec.Struct] | None = None,
    gives: Any,
    may: frozenset[Role],
    summary: str,
    scope: str = "",
    status: int = 200,
    matches: Callable[..., Any] | None = None,
) -> Operation:
    """A coroutine `action(door, actor, *path_values, **fields)`: what works outside a transaction too (a
    login). It writes by `door.write`, so that
    an `Idempotency-Key` and `If-Match` count here as well.
    """
    return Operation(
        "flow",
        method,
        path,
        action,
        takes,
        gives,
        may,
        summary,
        None,
        status,
        _tag_of(path),
        scope=scope,
        matches=matches,
    )


def stream(
    method: str,
    path: str,
    action: Callable[..., AsyncIterator[tuple[str, Any]]],
    *,
    takes: type[msgspec.Struct] | None = None,
    gives: Any,
    may: frozenset[Role],
    summary: str,
    scope: str = "",
) -> Operation:
    """An async generator `action(door, actor, *path_values, **fields)` of (event, answer), sent as SSE.

    Its first event comes at once: what it refuses, it refuses before that, and the answer is a problem then.
    """
    return Operation("stream", method, path, action, takes, gives, may, summary, tag=_tag_of(path), scope=scope)
