"""HTTP and gRPC are spoken in the shells and in doors: what decides knows neither requests nor status codes."""

from collections.abc import Iterable

import pytest

from tests.architecture.code import Module, imported, product_modules

HTTP = ("starlette", "uvicorn", "http", "httptools", "aiohttp", "urllib.request")
GRPC = ("grpc", "grpc_health", "ecatalog_client.v1")
# Where the catalog itself calls others: a channel of messages, whereto it may connect, and a gateway's metrics.
OUTWARDS = ("ecatalog.notices.webhooks", "ecatalog.notices.guarding", "ecatalog.ops.report_metrics")
# The gateway's shells and the module that runs the listeners; rooms open doors in these files.
HTTP_PLACES = ("ecatalog.web.", "ecatalog.run", "ecatalog.app", *OUTWARDS)
HTTP_DOORS = ("api", "pages")
GRPC_PLACES = ("ecatalog.rpc.",)
GRPC_DOORS = ("rpc",)
# What decides: it takes a transaction, an actor and plain data.
PURE = ("actions", "model", "queries")
SHELLS = ("ecatalog.web", "ecatalog.rpc", "starlette", "grpc")


def protocols_outside_of_doors(modules: Iterable[Module]) -> list[str]:
    """A sentence for each import of a protocol's library where nobody from outside is met."""
    found = []
    for module in modules:
        if not module.name.startswith("ecatalog."):
            continue
        for target, line in imported(module):
            where = f"{module.path}:{line} imports {target}"
            if _is_from(target, HTTP) and not _is_at(module, HTTP_PLACES, HTTP_DOORS):
                found.append(f"{where}: HTTP is spoken in web/ and in doors (api.py, pages.py) only")
            if _is_from(target, GRPC) and not _is_at(module, GRPC_PLACES, GRPC_DOORS):
                found.append(f"{where}: gRPC is spoken in rpc/ and in doors (rpc.py) only")
            if module.room and _decides(module) and _is_from(target, SHELLS):
                found.append(f"{where}: what decides takes a transaction, an actor and plain data")
    return found


def _is_from(target: str, libraries: tuple[str, ...]) -> bool:
    return any(target == library or target.startswith(f"{library}.") for library in libraries)


def _is_at(module: Module, places: tuple[str, ...], doors: tuple[str, ...]) -> bool:
    """In a shell, or in a door of a room: a file of that name, or one of several that begin with it (`pages_users`)."""
    names = {module.file, module.file.split("_")[0]}
    return module.name.startswith(places) or (bool(module.room) and not names.isdisjoint(doors))


def _decides(module: Module) -> bool:
    return module.room not in {"web", "rpc", "cli", "kit"} and module.file.endswith(PURE)


def test_protocols_are_spoken_at_doors_only() -> None:
    found = protocols_outside_of_doors(product_modules())

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ecatalog.clients.jobs", "from starlette.responses import Response"),
        ("ecatalog.clients.jobs", "from http import HTTPStatus"),
        ("ecatalog.launches.api", "import grpc"),
        ("ecatalog.launches.serving", "from ecatalog_client.v1 import launches_pb2"),
        ("ecatalog.clients.actions", "from ecatalog.web.door import Door"),
        ("ecatalog.launches.serving_queries", "def f():\n    from ecatalog.rpc.service import Unary"),
        ("ecatalog.kit.db", "import uvicorn"),
    ],
)
def test_a_planted_protocol_is_found(name: str, source: str) -> None:
    assert len(protocols_outside_of_doors([Module(name, source)])) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ecatalog.clients.api", "from starlette.requests import Request"),
        ("ecatalog.launches.rpc", "from ecatalog_client.v1 import launches_pb2"),
        ("ecatalog.web.dispatch", "import httptools"),
        ("ecatalog.launches.jobs", "from ecatalog.web.door import Door"),
        ("ecatalog_edge.upstream", "import httptools"),
    ],
)
def test_doors_are_let_through(name: str, source: str) -> None:
    assert protocols_outside_of_doors([Module(name, source)]) == []
