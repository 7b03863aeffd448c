"""Every statement of the product: literals as they stand in the source, and those that are put together when called.

Each function of a room's queries is called once with a recorder in place of a transaction, which notes the statement
and answers that there is nothing.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from tests.architecture.code import Module, product_modules, strings
from tests.architecture.test_sql import SQL

# What speaks to one engine only: connections, migrations, checkpoints, the writer, inspection, its forbidden words.
ENGINE = frozenset(
    f"ecatalog.kit.{name}"
    for name in ("checkpoints", "codec", "connections", "db", "inspect", "migrations", "readers", "schema", "writer")
)
# Put together from what was asked; called here with everything.
FILTERS = dict.fromkeys(("kind", "client_id", "demo_id", "actor", "since", "until"), "x")


@dataclass(frozen=True)
class Statement:
    """The text, and where it is from."""

    sql: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.sql.split())[:70]}"


class Recorder:
    """Stands in for `Tx`: notes what it is asked, finds nothing and changes nothing."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 10, 12, tzinfo=UTC)
        self.noted: list[str] = []

    def rows(self, sql: str, **params: Any) -> list[Any]:
        self.noted.append(sql)
        return []

    def all(self, kind: Any, sql: str, **params: Any) -> list[Any]:
        return self.rows(sql)

    def one(self, kind: Any, sql: str, **params: Any) -> None:
        self.noted.append(sql)

    def value(self, sql: str, **params: Any) -> None:
        self.noted.append(sql)

    def run(self, sql: str, **params: Any) -> int:
        self.noted.append(sql)
        return 0

    def touch(self, *names: str) -> None:
        pass


@cache
def statements() -> list[Statement]:
    """All of them, each once, with the first place where it is."""
    found: dict[str, Statement] = {}
    for statement in [*_recorded(), *_written()]:
        found.setdefault(statement.sql, statement)
    return list(found.values())


def _written() -> Iterator[Statement]:
    """Those of modules where no call is recorded; in queries modules they may be parts of others."""
    for module in _modules():
        for text, line in strings(module):
            if SQL.match(text) and "…" not in text and not module.file.endswith("queries"):
                yield Statement(text, f"{module.path}:{line}")


def _modules() -> list[Module]:
    return [
        module
        for module in product_modules()
        if module.name.startswith("ecatalog.") and module.room and module.name not in ENGINE
    ]


def _recorded() -> Iterator[Statement]:
    for name, function in query_functions():
        for sql in record(function):
            yield Statement(sql, name)


def query_functions() -> list[tuple[str, Callable[..., Any]]]:
    """Every public function of a queries module that takes a transaction."""
    found: list[tuple[str, Callable[..., Any]]] = []
    for module in _modules():
        if not module.file.endswith("queries"):
            continue
        loaded = importlib.import_module(module.name)
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            takes_tx = next(iter(inspect.signature(function).parameters), "") == "tx"
            if takes_tx and function.__module__ == module.name and not name.startswith("_"):
                found.append((f"{module.name}.{name}", function))
    return found


def record(function: Callable[..., Any]) -> list[str]:
    """The statements of one call."""
    recorder = Recorder()
    hints = get_type_hints(function)
    given = {
        name: FILTERS if name == "wanted" and "Mapping" in str(hints[name]) else stand_in(hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "tx" and parameter.kind is not parameter.VAR_KEYWORD
    }
    positional = [name for name, p in inspect.signature(function).parameters.items() if p.kind is p.POSITIONAL_ONLY]
    with suppress(TypeError, ValueError, AttributeError):  # Nothing was found, which not every caller expects.
        function(recorder, *(given.pop(name) for name in positional if name != "tx"), **given)
    return recorder.noted


def stand_in(hint: Any) -> Any:
    """Some value of this type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is datetime:
        return datetime(2026, 3, 10, 12, tzinfo=UTC)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint(**{name: stand_in(kind) for name, kind in get_type_hints(hint).items()})
    if origin is tuple:
        return (stand_in(inner[0]),) * 2 if inner[-1] is ... else tuple(map(stand_in, inner))
    if origin is list and isinstance(inner[0], type) and issubclass(inner[0], msgspec.Struct):
        return [stand_in(inner[0])]
    if origin in (list, dict):
        return origin()
    if hint in (str, int, float, bool):
        return hint("1") if hint is not str else "x"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[0]  # noqa: RUF015 - the type checker knows no iterator of a class
    if inner:
        return stand_in(inner[0]) if not isinstance(inner[0], str) else inner[0]
    return "x"
