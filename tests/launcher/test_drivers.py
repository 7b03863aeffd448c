"""One suite for every driver: whatever an engine is, the reconciler may rely on this."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from ecatalog_launcher.drivers.contract import CannotStart, Driver, Home
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.drivers.process import ProcessDriver
from tests.launcher.copies import marked_processes, only, spec, until, until_ready, write_programs
from tests.launcher.engine import cleared, docker_driver, guard_of, new_installation

ENGINES = ("docker", "guarded docker")


@pytest.fixture(params=["process", "fake", *(pytest.param(each, marks=pytest.mark.proof) for each in ENGINES)])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    made: Driver
    if request.param == "fake":
        made = FakeDriver()
    elif request.param == "process":
        made = ProcessDriver(tmp_path / "data", write_programs(tmp_path / "samples"))
    else:
        made = docker_driver(write_programs(tmp_path / "samples"))
    async with guard_of(made) if request.param == "guarded docker" else nullcontext():
        with cleared(new_installation()) if request.param in ENGINES else nullcontext("ours") as installation:
            await made.open(Home(installation=installation))
            yield made
            for instance in await made.list():
                await made.stop(instance.launch_id, 0.1)
            await made.close()
    assert marked_processes(tmp_path / "data") == []


async def test_a_copy_starts_is_listed_and_answers(driver: Driver) -> None:
    await driver.start(spec("one", attempt=3))
    instance = await until_ready(driver)
    assert (instance.launch_id, instance.attempt, instance.state) == ("one", 3, "up")
    assert instance.upstream.rpartition(":")[2].isdigit()


async def test_a_stopped_copy_is_gone_when_stop_returns(driver: Driver) -> None:
    await driver.start(spec())
    await until_ready(driver)
    await driver.stop("one", 1.0)
    assert await driver.list() == []


async def test_a_second_start_of_the_same_launch_changes_nothing(driver: Driver) -> None:
    await driver.start(spec())
    before = await until_ready(driver)
    await driver.start(spec(attempt=2))
    assert await only(driver) == before


async def test_a_launch_can_be_started_again_once_it_was_stopped(driver: Driver) -> None:
    await driver.start(spec())
    await driver.stop("one", 1.0)
    await driver.start(spec(attempt=2))
    assert (await until_ready(driver)).attempt == 2


async def test_stopping_what_is_not_there_does_nothing(driver: Driver) -> None:
    await driver.stop("nobody", 1.0)
    assert await driver.list() == []


async def test_a_copy_that_fails_stays_listed_with_its_reason_and_its_last_words(driver: Driver) -> None:
    await driver.start(spec(image="fails", FAKE="fails"))

    async def has_exited() -> bool:
        return (await only(driver)).state == "exited"

    await until(has_exited)
    instance = await only(driver)
    assert "status" in instance.reason
    assert instance.log_tail
    await driver.stop("one", 1.0)
    assert await driver.list() == []


async def test_a_copy_that_does_not_answer_is_up_and_not_ready(driver: Driver) -> None:
    await driver.start(spec(image="silent", FAKE="never"))
    instance = await only(driver)
    assert instance.state == "up"
    assert not await driver.is_ready(instance)


async def test_what_the_engine_cannot_run_is_refused_in_words(driver: Driver) -> None:
    with pytest.raises(CannotStart, match=r"fake driver knows|container engine|could not be fetched|cannot run it"):
        await driver.start(spec(image="../../etc", FAKE="nonsense"))
    assert await driver.list() == []


async def test_copies_are_independent(driver: Driver) -> None:
    for name in ("one", "two", "three"):
        await driver.start(spec(name))
    assert {instance.launch_id for instance in await driver.list()} == {"one", "two", "three"}
    await driver.stop("two", 1.0)
    assert {instance.launch_id for instance in await driver.list()} == {"one", "three"}
    assert len({instance.upstream for instance in await driver.list()}) == 2
