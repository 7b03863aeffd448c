"""The engine guard before an engine that takes everything: what is not for it does not arrive there."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from ecatalog_launcher.drivers.docker_spec import INSTALLATION
from tests.launcher.engine import guarded

OURS = {"Id": "0" * 64, "Config": {"Labels": {INSTALLATION: "here"}}}


class Engine:
    """Notes what it is asked for, and has one container, which is of a catalog."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/json"):
            return web.json_response(OURS)
        self.asked.append(request.path)
        return web.Response(status=204)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def guard(engine: Engine) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.answer)
    async with TestServer(app) as server, guarded(f"tcp://127.0.0.1:{server.port}") as address:
        yield address.replace("tcp:", "http:")


async def status_of(address: str, text: str = "") -> int:
    async with ClientSession() as session, session.post(address, data=text) as answer:
        return answer.status


@pytest.mark.parametrize("version", ["", "/v1.41", "/v1.45", "/v1.100"])
async def test_a_container_of_ours_is_started(guard: str, engine: Engine, version: str) -> None:
    assert await status_of(f"{guard}{version}/containers/ecatalog-here-01J-demo/start") == 204

    assert engine.asked == [f"{version}/containers/{OURS['Id']}/start"]


@pytest.mark.parametrize("version", ["/v1.12", "/v1.23", "/v1.40", "/v1.041", "/v2.41", "/v1.41/v1.23"])
async def test_nobody_speaks_as_one_did_long_ago(guard: str, engine: Engine, version: str) -> None:
    assert await status_of(f"{guard}{version}/containers/ecatalog-here-01J-demo/start") == 403

    assert engine.asked == []


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "{", "[]", '{"Memory": ' + "9" * 5000 + "}"])
async def test_a_body_that_is_no_object_is_refused(guard: str, engine: Engine, text: str) -> None:
    assert await status_of(f"{guard}/networks/create", text) == 403

    assert engine.asked == []


@pytest.mark.parametrize("header", ["Origin", "origin", "Sec-Fetch-Site", "Referer"])
async def test_a_page_in_a_browser_is_refused(guard: str, engine: Engine, header: str) -> None:
    address = f"{guard}/v1.41/containers/ecatalog-here-01J-demo/start"
    async with ClientSession(headers={header: "http://evil.test"}) as session, session.post(address) as answer:
        assert answer.status == 403
    assert engine.asked == []
