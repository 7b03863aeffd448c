"""The inside listener and the numbers behind it."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, generate_latest

from ecatalog.web.internal import Internal
from ecatalog.web.measures import Measure, MeasureCollector
from tests.asgi import Caller
from tests.web.conftest import Shell


def saying(*problems: str) -> Callable[[], Awaitable[list[str]]]:
    async def readiness() -> list[str]:
        return list(problems)

    return readiness


async def test_life_is_told_whatever_is_wrong() -> None:
    inside = Caller(Internal(saying("The disk is full."), CollectorRegistry()))
    assert (await inside.get("/livez")).json() == {"status": "ok"}


async def test_readiness_is_told_with_what_is_wrong() -> None:
    ready = await Caller(Internal(saying(), CollectorRegistry())).get("/readyz")
    assert (ready.status, ready.json()) == (200, {"status": "ready", "problems": []})
    unready = await Caller(Internal(saying("The disk is full."), CollectorRegistry())).get("/readyz")
    assert (unready.status, unready.json()["problems"]) == (503, ["The disk is full."])


async def test_there_is_nothing_else_inside() -> None:
    inside = Caller(Internal(saying(), CollectorRegistry()))
    assert (await inside.get("/")).status == 404
    head = await inside.ask("HEAD", "/livez")
    assert (head.status, head.body) == (200, b"")


async def test_requests_are_counted_by_route_and_status(shell: Shell) -> None:
    registry = CollectorRegistry()
    registry.register(MeasureCollector("ecatalog_http", shell.asgi.measures))
    for path in ("/api/things/a", "/api/things/b", "/api/nothing", "/api/nowhere", "/visit", "/static/mark.svg"):
        await shell.ada.get(path)
    await shell.nobody.get("/api/things/a")
    lines = (await Caller(Internal(saying(), registry)).get("/metrics")).text.splitlines()
    counted = [line for line in lines if line.startswith("ecatalog_http_requests_total{")]
    assert sorted(counted) == [
        'ecatalog_http_requests_total{route="GET /api/things/{name}",status="200"} 2.0',
        'ecatalog_http_requests_total{route="GET /api/things/{name}",status="401"} 1.0',
        'ecatalog_http_requests_total{route="other",status="404"} 2.0',
        'ecatalog_http_requests_total{route="page",status="200"} 2.0',
    ]


def test_times_are_a_histogram() -> None:
    measure = Measure("GET /x")
    for seconds in (0.0005, 0.001, 0.003, 20.0):
        measure.add(200, seconds)
    registry = CollectorRegistry()
    registry.register(MeasureCollector("ecatalog_http", [measure]))
    text = generate_latest(registry).decode()
    assert 'ecatalog_http_seconds_bucket{le="0.001",route="GET /x"} 2.0' in text
    assert 'ecatalog_http_seconds_bucket{le="0.005",route="GET /x"} 3.0' in text
    assert 'ecatalog_http_seconds_bucket{le="+Inf",route="GET /x"} 4.0' in text
    assert 'ecatalog_http_seconds_count{route="GET /x"} 4.0' in text
