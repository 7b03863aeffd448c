"""The Docker driver where it is not alone: other installations, another launcher of its own, and whoever clears up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiodocker import DockerError

from ecatalog_client.types.containers import Container
from ecatalog_launcher.drivers.contract import Home, Spec
from ecatalog_launcher.drivers.docker import DockerDriver
from ecatalog_launcher.drivers.docker_spec import container_name
from tests.launcher.copies import ANSWERS, only, spec, until, until_ready
from tests.launcher.engine import build, cleared, docker, docker_driver, new_installation
from tests.proofs.belongings import containers_of, networks_of

pytestmark = pytest.mark.proof

CAPACITY = 6


@asynccontextmanager
async def driver_of(home: Home) -> AsyncIterator[DockerDriver]:
    build("answers", ANSWERS)
    made = docker_driver(copies=CAPACITY)
    await made.open(home)
    yield made
    await made.close()


@pytest.fixture
async def driver() -> AsyncIterator[DockerDriver]:
    with cleared(new_installation()) as installation:
        async with driver_of(Home(installation=installation)) as made:
            yield made


def bundle(launch_id: str = "one") -> Spec:
    web = Container(name="web", image="ecatalog-samples/answers:latest", memory_mb=64)
    store = Container(
        name="store",
        image="ecatalog-samples/answers:latest",
        memory_mb=64,
        environment={"HOST": "0.0.0.0", "PORT": "5000"},
    )
    return Spec(launch_id=launch_id, attempt=1, port=8000, containers=(web, store))


async def test_the_copies_of_another_installation_are_left_alone(driver: DockerDriver) -> None:
    await driver.start(spec())
    with cleared(new_installation()) as installation:
        async with driver_of(Home(installation=installation)) as other:
            assert await other.list() == []
            await other.stop("one", 0)
            await other.start(spec())
            await other.stop("one", 0)
    assert (await only(driver)).state == "up"


async def test_what_runs_goes_on_when_its_launcher_lets_go_of_the_engine(driver: DockerDriver) -> None:
    async with driver_of(driver._home) as earlier:
        await earlier.start(bundle())
    assert (await until_ready(driver)).launch_id == "one"


async def test_whoever_asks_is_told_of_a_copy_that_ends() -> None:
    changed = asyncio.Event()
    with cleared(new_installation()) as installation:
        async with driver_of(Home(installation=installation, changed=changed.set)) as driver:
            await driver.start(spec())
            await until_ready(driver)
            changed.clear()
            docker("kill", container_name(installation, "one", "demo"))
            async with asyncio.timeout(20):
                await changed.wait()
            assert (await only(driver)).state == "exited"


@pytest.mark.parametrize("parts", [1, 2])
async def test_a_start_that_is_broken_off_leaves_what_stop_clears_away(driver: DockerDriver, parts: int) -> None:
    """Broken off when the engine has made so many of two containers, of which the last does not run yet."""
    name = driver._home.installation
    starting = asyncio.create_task(driver.start(bundle()))

    async def is_half_way() -> bool:
        return len(containers_of(name)) >= parts

    await until(is_half_way)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await driver.stop("one", 0)
    assert containers_of(name) == ()
    await driver.start(bundle())
    assert len((await until_ready(driver)).digests) == 2


async def test_a_start_that_comes_second_leaves_what_the_first_has_made(driver: DockerDriver) -> None:
    """As of a launcher that was held up before its first container."""
    async with driver_of(driver._home) as second:
        await driver.start(spec())
        before = await until_ready(driver)
        with pytest.raises(DockerError) as refused:
            await second._make(spec())
    assert refused.value.status == 409
    assert await only(driver) == before


async def test_there_are_never_more_networks_than_there_may_be_copies(driver: DockerDriver) -> None:
    name = driver._home.installation
    async with driver_of(driver._home) as second:
        await driver.list()
        await asyncio.gather(*(driver.start(spec(f"copy-{number}", memory_mb=64)) for number in range(CAPACITY)))
        assert len(await second.list()) == CAPACITY
    assert len(networks_of(name)) == CAPACITY
    assert len({held.networks for held in containers_of(name)}) == CAPACITY


async def test_who_has_lost_the_engine_makes_no_networks_ahead() -> None:
    with cleared(new_installation()) as installation:
        async with driver_of(Home(installation=installation, is_ours=lambda: False)) as driver:
            await driver.list()
        assert networks_of(installation) == {}


async def test_a_network_that_somebody_removed_is_made_anew(driver: DockerDriver) -> None:
    """As `docker system prune` does, which operators type."""

    async def has_some() -> bool:
        return len(networks_of(driver._home.installation)) >= 4

    async def is_started() -> bool:
        await driver.list()
        try:
            await driver.start(spec())
        except DockerError:
            return False  # Launchers try again.
        return True

    await driver.list()
    await until(has_some)
    docker("network", "rm", *networks_of(driver._home.installation))
    with pytest.raises(DockerError, match="network"):
        await driver.start(spec())
    await until(is_started)
    assert (await until_ready(driver)).state == "up"
