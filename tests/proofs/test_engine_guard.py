"""The engine guard before a real engine: what is not of a catalog cannot be seen or touched through it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import CannotStart, Home, Spec
from tests.launcher.copies import ANSWERS, spec, until_ready
from tests.launcher.engine import BASE, HOST, build, cleared, docker, docker_driver, guard_of, guarded, new_installation

pytestmark = pytest.mark.proof

SECRET = "PASSWORD=of-somebody-else"
REFUSED = 403


@pytest.fixture
def stranger() -> Iterator[str]:
    """A container that is not of a catalog, and has something to hide."""
    name = new_installation()
    docker("run", "--detach", "--name", name, "--env", SECRET, BASE, "sh", "-c", "echo $PASSWORD; exec sleep 600")
    yield name
    docker("rm", "--force", name)


@pytest.fixture
async def guard(stranger: str) -> AsyncIterator[str]:
    async with guarded(attached=("edge", f"{stranger}-edge")) as address:
        yield address.replace("tcp:", "http:")


async def said(guard: str, method: str, path: str, **sent: Any) -> tuple[int, str]:
    async with ClientSession() as session, session.request(method, f"{guard}{path}", **sent) as answer:
        return answer.status, await answer.text()


async def said_raw(guard: str, request: str) -> bytes:
    """The answer to exactly these bytes."""
    host, _, port = guard.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.replace("\n", "\r\n").encode())
    found = await asyncio.wait_for(reader.read(1 << 16), 10)
    writer.close()
    return found


@pytest.mark.parametrize(
    ("method", "tail"), [("GET", "/json"), ("GET", "/logs?stdout=1"), ("POST", "/stop"), ("DELETE", "?force=1")]
)
async def test_a_container_of_somebody_else_is_out_of_reach(guard: str, stranger: str, method: str, tail: str) -> None:
    identity = docker("inspect", "--format", "{{.Id}}", stranger)
    for name in (stranger, identity, identity[:12]):
        status, text = await said(guard, method, f"/v1.41/containers/{name}{tail}")
        assert (status, SECRET in text) == (REFUSED, False)
    assert docker("inspect", "--format", "{{.State.Running}}", stranger) == "true"


async def test_of_edge_and_launcher_only_their_networks_are_told(guard: str, stranger: str) -> None:
    docker("rename", stranger, f"{stranger}-edge")
    try:
        status, text = await said(guard, "GET", f"/v1.41/containers/{stranger}-edge/json")
        assert status == 200
        assert json.loads(text).keys() == {"Id", "Name", "NetworkSettings"}
        assert (await said(guard, "POST", f"/v1.41/containers/{stranger}-edge/stop"))[0] == REFUSED
    finally:
        docker("rename", f"{stranger}-edge", stranger)


@pytest.mark.parametrize(
    "path",
    [
        "/v1.41/images/a/../../containers/NAME/json",
        "/v1.41/images/a/%2e%2e/%2e%2e/containers/NAME/json",
        "/v1.41//containers/NAME/json",
        "/v1.41/v1.41/containers/NAME/json",
        "/containers/NAME%2fjson",
        "/containers/NAME/json/",
        "http://engine/containers/NAME/json",
    ],
)
async def test_no_way_of_writing_a_path_gets_around_it(guard: str, stranger: str, path: str) -> None:
    told = await said_raw(guard, f"GET {path.replace('NAME', stranger)} HTTP/1.1\nHost: x\nConnection: close\n\n")

    assert told.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))
    assert SECRET.encode() not in told


async def test_a_field_that_is_there_twice_does_not_get_around_it(guard: str) -> None:
    body = '{"Image": "a", "HostConfig": {}, "HostConfig": {"Privileged": true}}'

    assert (await said(guard, "POST", "/v1.41/containers/create?name=x", data=body))[0] == REFUSED
    assert (await said(guard, "POST", "/v1.41/containers/create?name=x&name=y", data="{}"))[0] == REFUSED


async def test_the_machine_itself_is_not_told(guard: str) -> None:
    _, text = await said(guard, "GET", "/v1.41/info")

    assert json.loads(text).keys() == {"MemTotal", "NCPU"}


async def test_of_an_image_only_what_copies_need_is_told(guard: str) -> None:
    docker("build", "--quiet", "--tag", "ecatalog-samples/roomy", "-", given=f"FROM {BASE}\nVOLUME /stuff\nENV A=b\n")
    _, text = await said(guard, "GET", "/v1.41/images/ecatalog-samples/roomy/json")

    found = json.loads(text)
    assert found.keys() <= {"Id", "RepoDigests", "Config"}
    assert found["Config"] == {"Volumes": {"/stuff": {}}}


async def test_a_copy_that_the_guard_refuses_fails_in_words() -> None:
    """Such as one whose image declares a volume with a name that is in no demo; it was tried again and again."""
    image = build("answers", ANSWERS)
    docker("build", "--quiet", "--tag", f"{image}-odd", "-", given=f'FROM {image}\nVOLUME ["/a b"]\n')
    driver = docker_driver()
    odd = Container(name="demo", image=f"{image}-odd")
    with cleared(new_installation()) as installation:
        async with guard_of(driver):
            await driver.open(Home(installation=installation))
            with pytest.raises(CannotStart, match="the tmpfs /a b"):
                await driver.start(Spec(launch_id="one", attempt=1, containers=(odd,), port=8000))
            await driver.close()


async def test_an_engine_that_is_away_is_said() -> None:
    async with guarded("unix:///nowhere/docker.sock") as address:
        status, text = await said(address.replace("tcp:", "http:"), "GET", "/_ping")

    assert (status, "does not answer" in text) == (502, True)


async def test_the_engine_itself_would_have_told(stranger: str) -> None:
    """What is refused above is there to be had."""
    connector = UnixConnector(path=HOST.removeprefix("unix://"))
    look = f"/v1.41/containers/{stranger}/json"
    async with ClientSession("http://engine", connector=connector) as session, session.get(look) as answer:
        assert SECRET in await answer.text()


async def test_a_copy_is_opened_and_stopped_through_it() -> None:
    build("answers", ANSWERS)
    driver = docker_driver()
    with cleared(new_installation()) as installation:
        async with guard_of(driver):
            await driver.open(Home(installation=installation))
            await driver.start(spec(memory_mb=128))
            await until_ready(driver)
            await driver.stop("one", 0.1)
            assert await driver.list() == []
            await driver.close()
