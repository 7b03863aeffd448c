"""The reconciler on the fake engine, against a real gateway over real gRPC: what people ask for comes about."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ecatalog.app import Gateway
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import grant_demo
from ecatalog.demos.images import add_image
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM
from ecatalog_client.services import LauncherGateway
from ecatalog_launcher.drivers.contract import Spec, Tell, tell_nobody
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.reconciler import Reconciler
from tests.cast import Caller, Cast, SettableClock
from tests.launcher.copies import spec
from tests.launcher.copies import until as until_holds


@asynccontextmanager
async def launcher_of(gateway: Gateway, driver: FakeDriver, launcher_id: str = "first") -> AsyncIterator[Reconciler]:
    """A launcher as the process runs it, without the process."""
    token = (gateway.settings.data / "tokens" / "launcher").read_text()
    sdk = LauncherGateway(f"127.0.0.1:{gateway.grpc_port}", token)
    reconciler = Reconciler(sdk, driver, launcher_id)
    work = asyncio.create_task(reconciler.run())
    yield reconciler
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await sdk.aclose()


async def new_demo(gateway: Gateway, people: Cast, **environment: str) -> str:
    """A demo whose copies behave as `FAKE` says, granted to the client of Acme."""

    image = await gateway.db.write(add_image, SYSTEM, "ecatalog-samples/customers")
    new = NewDemo(name="Fake", slug="fake", docker_image_id=image, status="active", environment=environment)
    demo = await gateway.db.write(add_demo, SYSTEM, new)
    await gateway.db.write(grant_demo, SYSTEM, people.acme.id, demo.id)
    return demo.id


async def until(caller: Caller, launch_id: str, *states: str) -> dict[str, Any]:
    """The launch once it is in one of the states; whoever waits is woken by the gateway's own log."""
    async with asyncio.timeout(20):
        while True:
            found = (await caller.get(f"/api/launches/{launch_id}")).json()
            if found["state"] in states:
                return dict(found)
            await asyncio.sleep(0.01)


async def test_an_opened_demo_runs_and_tells_its_phases(gateway: Gateway, people: Cast, acme: Caller) -> None:
    demo = await new_demo(gateway, people, FAKE="slow")
    async with launcher_of(gateway, FakeDriver()):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        running = await until(acme, launch["id"], "running")
    assert {"queued", "creating", "starting", "ready"} <= running["phases"].keys()


async def test_a_stopped_launch_stops_and_its_copy_is_gone(gateway: Gateway, people: Cast, acme: Caller) -> None:
    demo, driver = await new_demo(gateway, people), FakeDriver()
    async with launcher_of(gateway, driver):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        await until(acme, launch["id"], "running")
        await acme.delete(f"/api/launches/{launch['id']}")
        stopped = await until(acme, launch["id"], "stopped")
        assert await driver.list() == []
    assert stopped["reason"] == "You stopped it."


@pytest.mark.parametrize(
    ("behaviour", "words"), [("fails", "did not start"), ("dies", "ended by itself"), ("nonsense", "fake driver knows")]
)
async def test_a_copy_that_fails_says_why(
    gateway: Gateway, people: Cast, acme: Caller, behaviour: str, words: str
) -> None:
    demo = await new_demo(gateway, people, FAKE=behaviour)
    async with launcher_of(gateway, FakeDriver()):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        failed = await until(acme, launch["id"], "failed")
    assert words in failed["reason"]


async def test_what_an_earlier_launcher_left_is_cleared_away(gateway: Gateway, people: Cast, acme: Caller) -> None:

    driver = FakeDriver()
    await driver.start(spec("of a launch that nobody knows"))

    async def is_clear() -> bool:
        return await driver.list() == []

    async with launcher_of(gateway, driver):
        await until_holds(is_clear)


async def test_of_two_launchers_on_one_engine_one_acts(gateway: Gateway, people: Cast, acme: Caller) -> None:
    demo, first, second = await new_demo(gateway, people), FakeDriver(), FakeDriver()
    async with launcher_of(gateway, first) as active:
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        await until(acme, launch["id"], "running")
        async with launcher_of(gateway, second, "second") as waiting:
            async with asyncio.timeout(20):
                while not waiting.is_synced:
                    await asyncio.sleep(0.01)
            assert active.is_ready
            assert not waiting.is_ready
            assert await second.list() == []
            assert len(await first.list()) == 1


class Hanging(FakeDriver):
    """An engine on which a start takes for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.broken_off = asyncio.Event(), asyncio.Event()

    async def start(self, spec: Spec, tell: Tell = tell_nobody) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.broken_off.set()


async def test_a_launcher_that_has_lost_its_engine_breaks_off_what_it_does(
    gateway: Gateway, people: Cast, acme: Caller, clock: SettableClock
) -> None:
    demo, driver = await new_demo(gateway, people), Hanging()
    async with launcher_of(gateway, driver):
        await acme.post(f"/api/demos/{demo}/open")
        async with asyncio.timeout(20):
            await driver.begun.wait()
            clock.pass_(seconds=20)
            await driver.broken_off.wait()


async def test_a_full_engine_takes_no_more_until_there_is_room(gateway: Gateway, people: Cast, acme: Caller) -> None:

    demo, driver = await new_demo(gateway, people), FakeDriver(copies=1)
    async with launcher_of(gateway, driver):
        first = (await acme.post(f"/api/demos/{demo}/open")).json()
        await until(acme, first["id"], "running")
        await driver.start(spec("one that fills the engine again, once the first is gone"))
        assert len(await driver.list()) == 2
        await acme.delete(f"/api/launches/{first['id']}")
        second = (await acme.post(f"/api/demos/{demo}/open")).json()
        assert (await until(acme, second["id"], "running"))["reason"] == ""
