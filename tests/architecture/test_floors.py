"""A floor imports only lower floors: what spans rooms is written once, in a higher room, as plain calls down."""

from collections.abc import Iterable

import pytest

from tests.architecture.code import Module, imported, product_modules

FLOORS = (
    ("kit",),
    ("web", "cli"),
    ("rpc",),
    ("usage", "branding"),
    ("accounts",),
    ("clients",),
    ("demos",),
    ("launches",),
    ("access",),
    ("analytics",),
    ("notices",),
    ("console",),
    ("ops",),
)
# What everybody may read, and what joins the rooms to a program.
GROUND = frozenset(
    {
        "settings",
        "settings_backups",
        "settings_hosts",
        "settings_mail",
        "settings_secrets",
        "settings_text",
        "listening",
        "processes",
        "migrations",
        "__init__",
    }
)
ROOF = frozenset({"app", "run", "serve", "service", "keep", "__main__"})
# Services and neighbours stand on the client alone.
OUTSIDE = {
    "ecatalog_client": {"ecatalog", "ecatalog_edge", "ecatalog_launcher"},
    "ecatalog_edge": {"ecatalog", "ecatalog_launcher"},
    "ecatalog_launcher": {"ecatalog", "ecatalog_edge"},
}
_HEIGHTS = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
_TOP = len(FLOORS)


def wrong_imports(modules: Iterable[Module]) -> list[str]:
    """A sentence for each import that goes up, across, or out of a package that must not know the other."""
    return [
        sentence
        for module in modules
        for target, line in imported(module)
        if (sentence := _wrong(module, target, line))
    ]


def _wrong(module: Module, target: str, line: int) -> str:
    where = f"{module.path}:{line} ({module.name})"
    package, other = module.name.split(".")[0], target.split(".")[0]
    if other in OUTSIDE.get(package, ()):
        return f"{where} imports {target}: {package} never imports {other}"
    if package != "ecatalog" or other not in {"ecatalog", "ecatalog_edge", "ecatalog_launcher"}:
        return ""
    mine, theirs = _place(module.name), _place(target if other == "ecatalog" else "ecatalog.app")
    if mine[0] == theirs[0] or mine[1] > theirs[1]:
        return ""
    return f"{where} imports {target}: floor {mine[1]} ({mine[0]}) may not reach floor {theirs[1]} ({theirs[0]})"


def _place(name: str) -> tuple[str, int]:
    """The room (or the ground, or the roof) of a module, and its height."""
    parts = name.split(".")
    room = parts[1] if len(parts) > 1 else "__init__"
    if name.startswith("ecatalog.cli.main"):
        return "the roof", _TOP  # the root of the command line knows every room, as app.py does
    if room in _HEIGHTS:
        return room, _HEIGHTS[room]
    return ("the ground", -1) if room in GROUND else ("the roof", _TOP)


def picture() -> str:
    """The floors, for whoever has just broken them."""
    lines = [f"{height:>3}  {'  '.join(rooms)}" for height, rooms in enumerate(FLOORS)]
    return "\n".join([f"{_TOP:>3}  {'  '.join(sorted(ROOF))}", *reversed(lines), f" -1  {'  '.join(sorted(GROUND))}"])


def test_every_import_goes_down() -> None:
    found = wrong_imports(product_modules())

    assert not found, "\n".join([*found, "", "A floor imports only lower floors:", picture()])


def test_every_room_has_a_floor() -> None:
    unknown = {m.room for m in product_modules() if m.room} - set(_HEIGHTS) - GROUND
    roots = {m.file for m in product_modules() if m.name.count(".") == 1 and m.name.startswith("ecatalog.")}

    assert not unknown
    assert roots <= GROUND | ROOF


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ecatalog.clients.actions", "from ecatalog.access import actions"),
        ("ecatalog.clients.actions", "from ecatalog.access.actions import revoke_client"),
        ("ecatalog.clients.actions", "def late():\n    import ecatalog.launches.queries"),
        ("ecatalog.clients.actions", "from importlib import import_module\nimport_module('ecatalog.ops.health')"),
        ("ecatalog.clients.actions", "from ..demos import queries"),
        ("ecatalog.web.door", "from ecatalog.rpc.server import RpcServer"),
        ("ecatalog.kit.db", "from ecatalog.web.door import Door"),
        ("ecatalog.settings", "from ecatalog.kit.db import Database"),
        ("ecatalog.ops.health", "from ecatalog.app import Gateway"),
        ("ecatalog.launches.actions", "from ecatalog_edge.state import State"),
        ("ecatalog_edge.app", "from ecatalog.kit.clock import utc_now"),
        ("ecatalog_edge.app", "import ecatalog"),
        ("ecatalog_launcher.app", "from ecatalog_edge.app import main"),
        ("ecatalog_client.watch", "from ecatalog.kit.ids import new_id"),
    ],
)
def test_a_planted_import_is_found(name: str, source: str) -> None:
    assert len(wrong_imports([Module(name, source)])) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ecatalog.access.actions", "from ecatalog.clients.actions import client_for"),
        ("ecatalog.access.actions", "from ecatalog.access import queries"),
        ("ecatalog.access.api", "from ecatalog.web.operation import write"),
        ("ecatalog.app", "from ecatalog.ops import health"),
        ("ecatalog.cli.main", "from ecatalog.serve import main"),
        ("ecatalog_edge.app", "from ecatalog_client.services import EdgeGateway"),
    ],
)
def test_what_goes_down_is_let_through(name: str, source: str) -> None:
    assert wrong_imports([Module(name, source)]) == []
