"""The process driver alone: what outlives what, limits, and that nothing of a copy is ever left."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecatalog_launcher.drivers.contract import Home
from ecatalog_launcher.drivers.process import ProcessDriver
from tests.launcher.copies import marked_processes, only, spec, until, until_ready, write_programs


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return write_programs(tmp_path / "samples")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def driver(data: Path, samples: Path) -> AsyncIterator[ProcessDriver]:
    made = ProcessDriver(data, samples)
    await made.open(Home(installation="ours"))
    yield made
    for instance in await made.list():
        await made.stop(instance.launch_id, 0.1)
    await made.close()
    assert marked_processes(data) == []


async def fetch(upstream: str) -> str:
    host, _, port = upstream.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_copy_gets_a_clean_environment(driver: ProcessDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECATALOG_TOKEN", "a secret of ours")
    await driver.start(spec(GREETING="hello"))
    names = await fetch((await until_ready(driver)).upstream)
    assert "GREETING" in names
    assert "ECATALOG_TOKEN" not in names


async def test_a_demo_that_ignores_sigterm_and_hides_a_grandchild_is_gone_all_the_same(
    driver: ProcessDriver, data: Path
) -> None:
    await driver.start(spec(image="stubborn"))
    await until_ready(driver)
    assert len(marked_processes(data)) >= 4, "shim, demo, and two that it forked"
    await driver.stop("one", 0.2)
    assert marked_processes(data) == []


async def test_killing_the_shim_leaves_nothing_behind_after_one_stop(driver: ProcessDriver, data: Path) -> None:
    await driver.start(spec(image="stubborn"))
    await until_ready(driver)
    os.kill(driver._copies["one"].pid, signal.SIGKILL)

    async def has_exited() -> bool:
        return (await only(driver)).state == "exited"

    await until(has_exited)
    assert (await only(driver)).reason == "Its process was killed."
    await driver.stop("one", 0.2)
    assert marked_processes(data) == []


async def test_a_copy_that_takes_too_much_memory_is_ended_with_the_reason(driver: ProcessDriver) -> None:
    await driver.start(spec(image="greedy", memory_mb=64))

    async def has_exited() -> bool:
        return (await only(driver)).state == "exited"

    await until(has_exited)
    assert (await only(driver)).reason == "It used more than its 64 MiB of memory."


async def test_an_answer_of_somebody_else_at_its_port_does_not_count(driver: ProcessDriver) -> None:
    answering = spec("one")
    await driver.start(answering)
    ready = await until_ready(driver)
    await driver.start(spec("two", image="silent"))
    (silent,) = [instance for instance in await driver.list() if instance.launch_id == "two"]
    assert not await driver.is_ready(replace(silent, upstream=ready.upstream))


async def test_the_end_of_the_lifeline_ends_every_copy(data: Path, samples: Path) -> None:
    lifeline, held = os.pipe()
    driver = ProcessDriver(data, samples, lifeline=lifeline)
    await driver.open(Home(installation="ours"))
    await driver.start(spec(image="stubborn"))
    await until_ready(driver)
    os.close(held)

    async def nothing_is_left() -> bool:
        return marked_processes(data) == []

    await until(nothing_is_left)
    await driver.stop("one", 0.1)
    await driver.close()
    os.close(lifeline)


async def test_the_next_launcher_adopts_what_runs(driver: ProcessDriver, data: Path, samples: Path) -> None:
    await driver.start(spec(attempt=7))
    before = await until_ready(driver)
    later = ProcessDriver(data, samples)
    await later.open(Home(installation="ours"))
    assert await only(later) == before
    await later.stop("one", 1.0)
    assert await later.list() == []
    await later.close()


async def test_a_copy_that_was_never_begun_is_no_failed_one(data: Path, samples: Path) -> None:
    (data / "copies" / "one").mkdir(parents=True)
    driver = ProcessDriver(data, samples)
    await driver.open(Home(installation="ours"))
    assert await driver.list() == []
    await driver.start(spec())
    await until_ready(driver)
    await driver.stop("one", 1.0)
    await driver.close()


async def test_two_installations_leave_each_other_alone(driver: ProcessDriver, tmp_path: Path, samples: Path) -> None:
    await driver.start(spec())
    await until_ready(driver)
    other = ProcessDriver(tmp_path / "other", samples)
    await other.open(Home(installation="ours"))
    assert await other.list() == []
    await other.stop("one", 0.1)
    await other.close()
    assert await driver.is_ready(await only(driver))


async def test_a_launcher_killed_while_starting_a_copy_leaves_no_orphan(data: Path, samples: Path) -> None:
    """The child dies as soon as the first process of the copy exists: nothing was noted yet, or half of it."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from ecatalog_launcher.drivers.contract import Home\n"
        "from ecatalog_launcher.drivers.process import ProcessDriver\n"
        "from tests.launcher.copies import spec\n"
        "async def main():\n"
        "    driver = ProcessDriver(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "    await driver.open(Home(installation='ours'))\n"
        "    await driver.start(spec(image='stubborn'))\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(data), str(samples))

    async def has_begun() -> bool:
        return marked_processes(data) != []

    await until(has_begun)
    child.kill()
    await child.wait()
    later = ProcessDriver(data, samples)
    await later.open(Home(installation="ours"))
    for instance in await later.list():
        await later.stop(instance.launch_id, 0.1)
    assert await later.list() == []
    assert marked_processes(data) == []
    await later.close()
