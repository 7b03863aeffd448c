"""How Python values become column values, and rows become Structs, by a plan per statement and type."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum
from itertools import starmap
from types import NoneType
from typing import Any

import apsw
import msgspec
from msgspec import inspect as shape

from ecatalog.kit.clock import to_text

Row = tuple[Any, ...]

_AS_THEY_ARE = frozenset({str, int, float, bytes, bool, NoneType})
_JSON_SHAPES = (
    shape.ListType,
    shape.DictType,
    shape.StructType,
    shape.TupleType,
    shape.VarTupleType,
    shape.SetType,
    shape.FrozenSetType,
    shape.TypedDictType,
    shape.DataclassType,
)
# Statements are written by hand and few; the bound guards against one that is built with values in its text.
_MOST_PLANS = 4096
_NOT_FOR_ROOMS = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "ATTACH", "DETACH", "VACUUM"}
)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def encode_params(params: dict[str, Any]) -> dict[str, Any]:
    """The same dict with every value as SQLite takes it. TypeError for what has no column form."""
    for name, value in params.items():
        if type(value) not in _AS_THEY_ARE:
            params[name] = encode_value(value)
    return params


def encode_value(value: Any) -> Any:
    """An instant becomes fixed-width text, an enumeration its value, a collection or Struct JSON text."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple | dict | set | frozenset | msgspec.Struct):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str | int | float | bytes):
        return value
    raise TypeError(f"a {type(value).__name__} has no column form")


class RowReader:
    """Turns the rows of one statement into one type: gives them its names, decodes the JSON columns, converts.

    Rows become bare Structs first, for msgspec reads their attributes in half the time that dicts would take.
    """

    __slots__ = ("_bare", "_json_columns", "_kinds")

    def __init__(self, kind: Any, names: Sequence[str]) -> None:
        fields = _fields_of(kind)
        columns = _columns(names, {field.name for field in fields})
        self._bare = msgspec.defstruct("Row", [(column, Any) for column in columns], gc=False)
        self._json_columns = [field.name for field in fields if field.name in columns and _is_json(field.type)]
        self._kinds = list[kind]

    def read(self, rows: Iterable[Row]) -> list[Any]:
        """The rows as that type; msgspec.ValidationError when the database holds what the type forbids."""
        bare = list(starmap(self._bare, rows))
        for column in self._json_columns:
            for row in bare:
                text = getattr(row, column)
                if text is not None:
                    setattr(row, column, msgspec.json.decode(text))
        return msgspec.convert(bare, self._kinds, strict=False, from_attributes=True)


def _fields_of(kind: Any) -> tuple[shape.Field, ...]:
    found = shape.type_info(kind)
    if not isinstance(found, shape.StructType):
        raise TypeError(f"rows become Structs, not {kind!r}: use rows() or value()")
    return found.fields


def _columns(names: Sequence[str], wanted: set[str]) -> list[str]:
    """A name for each column: its own where the type has such a field (the last of that name), else a spare one."""
    return [name if name in wanted and name not in names[i + 1 :] else f"column_{i}" for i, name in enumerate(names)]


def _is_json(found: shape.Type) -> bool:
    if isinstance(found, shape.UnionType):
        return any(_is_json(part) for part in found.types)
    return isinstance(found, _JSON_SHAPES)


class Plans:
    """What is known of the statements of one connection; not shared between threads."""

    __slots__ = ("known", "names", "readers")

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.names: dict[str, tuple[str, ...]] = {}
        self.readers: dict[tuple[Any, str], RowReader] = {}

    def add(self, sql: str) -> None:
        """A statement seen for the first time. ValueError for what would end the door's transaction."""
        if _first_word(sql) in _NOT_FOR_ROOMS:
            raise ValueError(f"{_first_word(sql)} is not for actions and queries: the door begins and ends.")
        if len(self.known) >= _MOST_PLANS:
            self.known.clear()
            self.names.clear()
            self.readers.clear()
        self.known.add(sql)

    def learn(self, sql: str, cursor: apsw.Cursor) -> None:
        """Keeps the column names, which the cursor tells only while it stands on a row."""
        with suppress(apsw.ExecutionCompleteError):
            self.names[sql] = tuple(column[0] for column in cursor.get_description())

    def reader(self, kind: Any, sql: str) -> RowReader:
        """How the rows of this statement become a `kind`."""
        found = self.readers.get((kind, sql))
        if found is None:
            found = self.readers[kind, sql] = RowReader(kind, self.names[sql])
        return found


def _first_word(sql: str) -> str:
    words = _COMMENTS.sub(" ", sql).split(None, 1)
    return words[0].upper().rstrip(";") if words else ""
