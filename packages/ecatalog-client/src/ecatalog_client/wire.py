"""Between the wire types and their protobuf messages, both ways, by the names of their fields.

An absent id is an empty text there, an instant is `<name>_ms`: whole milliseconds since 1970, UTC.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
S = TypeVar("S", bound=msgspec.Struct)

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def ms_of(instant: datetime) -> int:
    """Counted in integers: floats would be off by one now and then."""
    return (instant - _1970) // _MS


def instant_of(ms: int) -> datetime:
    return _1970 + ms * _MS


def message_of(row: msgspec.Struct, kind: type[M]) -> M:
    """The message with the struct's values, as far as it has such fields."""
    values = _plain(row)
    names = kind.DESCRIPTOR.fields_by_name
    return kind(**{name: value for name, value in values.items() if name in names})


def struct_of(message: Message, kind: type[S], **more: Any) -> S:
    """The struct with the message's values; `more` are those that do not come over the wire.

    Values are not validated: a newer gateway may know states that this client has never heard of.
    """
    values = {name: read(message) for name, read in _readers(kind) if name not in more}
    return kind(**values, **more)


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    """The values by the names of the message; protobuf takes a dict for a message within a message."""
    plain: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, datetime):
            plain[f"{name}_ms"] = ms_of(value)
        elif isinstance(value, (list, tuple)):
            plain[name] = [_plain(item) if isinstance(item, msgspec.Struct) else item for item in value]
        elif value is not None:
            plain[name] = value
    return plain


@lru_cache
def _readers(kind: type[msgspec.Struct]) -> tuple[tuple[str, Callable[[Message], Any]], ...]:
    """How each field of the struct is read from its message."""
    return tuple((name, _reader(name, hint)) for name, hint in get_type_hints(kind).items())


def _reader(name: str, hint: Any) -> Callable[[Message], Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is datetime:
        return _then(attrgetter(f"{name}_ms"), instant_of)
    if origin in (list, tuple) and issubclass(inner[0], msgspec.Struct):
        of = _structs_of(inner[0])
        return _then(attrgetter(name), of if origin is list else lambda items: tuple(of(items)))
    if origin in (list, dict):
        return _then(attrgetter(name), origin)
    if origin in (Union, UnionType) and set(inner) == {datetime, NoneType}:
        return _then(attrgetter(f"{name}_ms"), lambda ms: instant_of(ms) if ms else None)
    if origin in (Union, UnionType) and NoneType in inner:
        return _then(attrgetter(name), lambda value: value or None)
    return attrgetter(name)


def _then(first: Callable[[Message], Any], second: Callable[[Any], Any]) -> Callable[[Message], Any]:
    return lambda message: second(first(message))


def _structs_of(kind: type[S]) -> Callable[[Any], list[S]]:
    return lambda messages: [struct_of(message, kind) for message in messages]
