"""Small files, short functions, and a first line that says what lives in a module."""

import ast
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.code import ROOT, Module, functions, product_modules, written_files

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 50
MOST_LINES_OF_A_DOCSTRING = 5
# Names that say nothing: a module is named for its use case.
VAGUE = frozenset({"helper", "helpers", "manager", "util", "utils", "common", "misc", "handler", "handlers"})


def shapeless(modules: Iterable[Module]) -> list[str]:
    """A sentence for each module that is too long, says nothing of itself, or has a vague name."""
    found = []
    for module in modules:
        lines = module.source.count("\n")
        if lines >= MOST_LINES:
            found.append(f"{module.path} has {lines} lines, of at most {MOST_LINES - 1}: split it by use case")
        if module.file in VAGUE:
            found.append(f"{module.path}: name it for its use case")
        said = ast.get_docstring(module.tree)
        if not said or said.count("\n") >= MOST_LINES_OF_A_DOCSTRING:
            found.append(f"{module.path} opens with one to {MOST_LINES_OF_A_DOCSTRING} lines on what lives in it")
        found += [
            f"{module.path}:{line}: {name} has {length} lines, of at most {MOST_LINES_OF_A_FUNCTION}"
            for name, line, length in functions(module)
            if length > MOST_LINES_OF_A_FUNCTION
        ]
    return found


def test_files_and_functions_stay_small() -> None:
    found = shapeless([read(path) for path in written_files()])

    assert not found, "\n".join(found)


def test_the_product_is_read_at_all() -> None:
    packages = {module.name.split(".")[0] for module in product_modules()}

    assert packages == {"ecatalog", "ecatalog_edge", "ecatalog_launcher", "ecatalog_client"}


def test_a_planted_long_file_is_found() -> None:
    assert len(shapeless([Module("a.long", '"""Long."""\n' + "x = 1\n" * MOST_LINES)])) == 1


def test_a_planted_long_function_is_found() -> None:
    body = "    x = 1\n" * MOST_LINES_OF_A_FUNCTION

    assert len(shapeless([Module("a.function", f'"""Short."""\nasync def long():\n{body}')])) == 1


def test_a_planted_silent_module_is_found() -> None:
    assert len(shapeless([Module("a.silent", "x = 1\n")])) == 1
    assert len(shapeless([Module("a.talker", '"""' + "word\n" * 6 + '"""\n')])) == 1


def test_a_planted_vague_name_is_found() -> None:
    assert len(shapeless([Module("ecatalog.clients.helpers", '"""Everything."""\n')])) == 1


def read(path: Path) -> Module:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return Module(name, path.read_text(), path.relative_to(ROOT).as_posix())
