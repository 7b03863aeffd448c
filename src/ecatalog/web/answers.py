"""Answers as bytes:

JSON whose instants have milliseconds, and the memory of answers that the hot reads come from.
"""

import hashlib
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from ecatalog.kit.clock import to_text

_encode = msgspec.json.Encoder().encode
_LEAVES = (str, int, float, bool, type(None))


def encode(value: Any) -> bytes:
    """The JSON of an answer: column names as they are, instants RFC 3339 in UTC with milliseconds."""
    return _encode(_plain(value))


def _plain(value: Any) -> Any:
    """The value with every instant as text. msgspec would write none or six decimals, and asks no hook for
    instants.
    """
    kind = type(value)
    if kind is datetime:
        return to_text(value)
    if kind is list or kind is tuple:
        return [_plain(item) for item in value]
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, msgspec.Struct):
        return _plain_struct(value)
    return value


_nested_fields: dict[type, tuple[str, ...]] = {}


def _plain_struct(value: msgspec.Struct) -> Any:
    kind = type(value)
    nested = _nested_fields.get(kind)
    if nested is None:
        nested = _nested_fields[kind] = _find_nested(kind)
    if not nested:
        return value
    fields = msgspec.structs.asdict(value)
    for name in nested:
        fields[name] = _plain(fields[name])
    return {name: item for name, item in fields.items() if item is not msgspec.UNSET}


def _find_nested(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that may hold an instant, or something that holds one: all but plain texts, numbers and
    flags.
    """
    hints = get_type_hints(kind)
    return tuple(name for name in kind.__struct_fields__ if not _is_leaf(hints[name]))


def _is_leaf(hint: Any) -> bool:
    if hint in _LEAVES:
        return True
    arguments = getattr(hint, "__args__", ())
    origin_is_union = bool(arguments) and not isinstance(getattr(hint, "__origin__", None), type)
    return origin_is_union and all(_is_leaf(argument) or isinstance(argument, str) for argument in arguments)


class Remembered(msgspec.Struct, frozen=True):
    """An encoded answer, its entity tag, and the counters that were read before its query."""

    seen: tuple[int, ...]
    body: bytes
    etag: bytes


class AnswerMemory:
    """Encoded answers by who asked what. Exact: an answer whose tables have moved is made again, never
    served.

    Bounded by bytes: when full, all are forgotten, which costs one query each and needs no bookkeeping per
    hit.
    """

    def __init__(self, counter: Callable[[str], int], *, limit: int = 32 * 1024 * 1024) -> None:
        self._counter = counter
        self._limit = limit
        self._size = 0
        self._answers: dict[Hashable, Remembered] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, key: Hashable, follows: tuple[str, ...], make: Callable[[], Any]) -> Remembered:
        """The remembered answer, or a new one of what `make()` returns."""
        seen = tuple(map(self._counter, follows))
        found = self._answers.get(key)
        if found is not None and found.seen == seen:
            return found
        body = encode(make())
        made = Remembered(seen, body, b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode())
        self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: Remembered) -> None:
        if self._size > self._limit:
            self._answers.clear()
            self._size = 0
        self._size += len(made.body)  # Replaced answers count on until the next clearing: the bound errs low.
        self._answers[key] = made
