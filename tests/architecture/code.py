"""The source of the product as the guards read it: modules, what they import, their strings and functions.

A guard takes modules and returns sentences about what is wrong, so that its own test can hand it a planted one.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT / "src", ROOT / "packages/ecatalog-client/src")
GENERATED = "ecatalog_client/v1/"


@dataclass(frozen=True)
class Module:
    """A module by its dotted name; `path` is relative to the project."""

    name: str
    source: str
    path: str = "planted.py"

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def room(self) -> str:
        """`clients` for `ecatalog.clients.actions`; empty for a module of the root."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "ecatalog" and len(parts) > 2 else ""

    @property
    def file(self) -> str:
        """The last part of the name: `actions`."""
        return self.name.rsplit(".", 1)[-1]


@cache
def product_modules() -> list[Module]:
    """Every module of the gateway, the edge, the launcher and the client, without generated ones."""
    return [
        read_module(path, source)
        for source in SOURCES
        for path in sorted(source.rglob("*.py"))
        if GENERATED not in path.as_posix()
    ]


def written_files() -> list[Path]:
    """Every Python file that people write and read, wherever it is in the project."""
    folders = [*SOURCES, *(ROOT / name for name in ("tests", "scripts", "bench", "samples"))]
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if GENERATED not in path.as_posix() and "node_modules" not in path.parts
    ]


def read_module(path: Path, source: Path) -> Module:
    """The module in this file, named as seen from `source`."""
    parts = list(path.relative_to(source).with_suffix("").parts)
    return Module(".".join(parts), path.read_text(), path.relative_to(ROOT).as_posix())


def imported(module: Module) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in this one, also inside of functions and by name; with the line.

    `from ecatalog.clients import actions` counts as `ecatalog.clients.actions`.
    """
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield name.name, node.lineno
            case ast.ImportFrom(module=source, names=names, level=level):
                base = ".".join(module.name.split(".")[:-level]) if level else ""
                whole = ".".join(part for part in (base, source) if part)
                for name in names:
                    yield f"{whole}.{name.name}", node.lineno
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield name, node.lineno


def strings(module: Module) -> Iterator[tuple[str, int]]:
    """Every string literal but docstrings, a formatted one by its fixed parts; with the line."""
    passed_over = {id(node) for node in _docstrings(module.tree)}
    for node in ast.walk(module.tree):  # breadth first: a formatted string comes before its parts
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            passed_over |= {id(part) for part in parts}
            yield "…".join(str(part.value) for part in parts), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            yield node.value, node.lineno


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    """String literals that stand alone: of modules, classes, functions and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def functions(module: Module) -> Iterator[tuple[str, int, int]]:
    """Every function's name, first line and number of lines."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1
