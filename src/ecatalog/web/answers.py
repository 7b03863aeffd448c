"""Answers as bytes:

JSON whose instants have milliseconds, and the memory of answers that the hot reads come from.
"""

import hashlib
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import inspect as shape

from ecatalog.kit.clock import to_text

# Of a query string whose answer is remembered; that much is counted for each besides its answer.
_LONGEST_QUERY = 1000

_encode = msgspec.json.Encoder().encode


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


# Makes the instants of a value of some type, as msgspec wrote them, what `to_text` would have made of them.
Mend = Callable[[Any], Any]

_mends: dict[type, dict[str, Mend] | None] = {}


def _plain_struct(value: msgspec.Struct) -> Any:
    """All at once where the types say in which fields instants are; else field by field."""
    kind = type(value)
    if kind not in _mends:
        _mends[kind] = _mends_of(kind)
    mends = _mends[kind]
    if mends is None:
        fields = {name: _plain(getattr(value, name)) for name in kind.__struct_fields__}
        tag, field = kind.__struct_config__.tag, kind.__struct_config__.tag_field
        named = {} if field is None else {field: tag}
        return named | {name: item for name, item in fields.items() if item is not msgspec.UNSET}
    return _mend_struct(msgspec.to_builtins(value), mends) if mends else value


def _mend_struct(fields: dict[str, Any], mends: dict[str, Mend]) -> dict[str, Any]:
    for name, mend in mends.items():
        found = fields.get(name)
        if found is not None:
            fields[name] = mend(found)
    return fields


def _mend_instant(text: str) -> str:
    """`…:00Z` gets its milliseconds, `….123456Z` keeps three of them."""
    return f"{text[:23]}Z" if len(text) == 27 else f"{text[:19]}.000Z"


def _mends_of(kind: type[msgspec.Struct]) -> dict[str, Mend] | None:
    """The fields that hold instants, and how each is mended; None when the types do not say it."""
    mends: dict[str, Mend] = {}
    for field in _fields_of(kind):
        mend = _mend_of(field.type)
        if mend is None:
            return None
        if mend is not _as_it_is:
            mends[field.encode_name] = mend
    return mends


def _fields_of(kind: type[msgspec.Struct]) -> tuple[shape.Field, ...]:
    found = shape.type_info(kind)
    return found.fields if isinstance(found, shape.StructType) else ()


def _as_it_is(value: Any) -> Any:
    return value


def _mend_of(kind: shape.Type) -> Mend | None:
    """How a value of this type is mended, None when that depends on the value."""
    match kind:
        case shape.DateTimeType():
            return _mend_instant
        case shape.UnionType(types=types):
            return _mend_of_union(types)
        case shape.ListType(item_type=inner) | shape.VarTupleType(item_type=inner):
            return _mend_of_items(inner)
        case shape.DictType(value_type=inner):
            return _mend_of_values(inner)
        case shape.StructType(cls=cls):
            return _mend_of_struct(cls)
        case shape.AnyType() | shape.CustomType() | shape.TypedDictType() | shape.DataclassType():
            return None
        case shape.TupleType() | shape.RawType():
            return None
    return _as_it_is


def _mend_of_union(types: tuple[shape.Type, ...]) -> Mend | None:
    """Of texts and instants at once nobody could say which is which; with null or nothing, an instant is one."""
    mends = [_mend_of(each) for each in types if not isinstance(each, shape.NoneType)]
    if len(mends) == 1 or all(mend is _as_it_is for mend in mends):
        return mends[0]
    return None


def _mend_of_items(inner: shape.Type) -> Mend | None:
    mend = _mend_of(inner)
    if mend is None or mend is _as_it_is:
        return mend
    return lambda items: [None if item is None else mend(item) for item in items]


def _mend_of_values(inner: shape.Type) -> Mend | None:
    mend = _mend_of(inner)
    if mend is None or mend is _as_it_is:
        return mend
    return lambda found: {key: None if item is None else mend(item) for key, item in found.items()}


def _mend_of_struct(cls: type[msgspec.Struct]) -> Mend | None:
    mends = _mends_of(cls)
    if mends is None or not mends:
        return None if mends is None else _as_it_is
    return lambda fields: _mend_struct(fields, mends)


def etag_of(value: Any, body: bytes) -> bytes:
    """The entity tag of an answer: the hash of its bytes, after the version of the thing when it has one."""
    digest = hashlib.sha256(body).hexdigest()[:32].encode()
    version = getattr(value, "version", None)
    return b'"%s"' % digest if version is None else b'"%d-%s"' % (version, digest)


def is_known(if_none_match: bytes | None, etag: bytes) -> bool:
    """Whether the caller has this answer already (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match == etag:
        return True
    return any(tag.strip().removeprefix(b"W/") in (etag, b"*") for tag in if_none_match.split(b","))


class Remembered(msgspec.Struct, frozen=True):
    """An encoded answer, its entity tag, and the counters that were read before its query."""

    seen: tuple[int, ...]
    body: bytes
    etag: bytes


class AnswerMemory:
    """Encoded answers by who asked what. Exact: an answer whose tables have moved is made again, never
    served.

    Bounded by bytes: when full, all are forgotten, which costs one query each and needs no bookkeeping per
    hit. Answers to long questions are not kept.
    """

    def __init__(self, stamp: Callable[[tuple[str, ...]], tuple[int, ...]], *, limit: int = 32 * 1024 * 1024) -> None:
        self._stamp = stamp
        self._limit = limit
        self._size = 0
        self._answers: dict[Hashable, Remembered] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def answer(
        self, who: tuple[Hashable, ...], query: bytes, follows: tuple[str, ...], make: Callable[[], Any]
    ) -> Remembered:
        """The remembered answer to that query, or a new one of what `make()` returns."""
        key = (*who, query)
        seen = self._stamp(follows)
        found = self._answers.get(key)
        if found is not None and found.seen == seen:
            return found
        value = make()
        body = encode(value)
        made = Remembered(seen, body, etag_of(value, body))
        if len(query) <= _LONGEST_QUERY:
            self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: Remembered) -> None:
        if self._size > self._limit:
            self._answers.clear()
            self._size = 0
        # Replaced answers count on until the next clearing: the bound errs low.
        self._size += len(made.body) + _LONGEST_QUERY
        self._answers[key] = made
