"""A gateway with a launcher on the fake engine: what the tests of warm copies, trials and checks share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ecatalog.app import Gateway
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import grant_demo
from ecatalog.demos.images import add_image
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM
from ecatalog_client.services import LauncherGateway
from ecatalog_launcher.drivers.contract import Driver
from ecatalog_launcher.reconciler import Reconciler
from tests.cast import Caller, Cast


@asynccontextmanager
async def launcher_of(
    gateway: Gateway, driver: Driver, launcher_id: str = "first", *, starts: int = 4
) -> AsyncIterator[Reconciler]:
    """A launcher as the process runs it, without the process."""
    token = (gateway.settings.data / "tokens" / "launcher").read_text()
    sdk = LauncherGateway(f"127.0.0.1:{gateway.grpc_port}", token)
    reconciler = Reconciler(sdk, driver, launcher_id, starts=starts)
    work = asyncio.create_task(reconciler.run())
    yield reconciler
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await sdk.aclose()


async def new_demo(gateway: Gateway, people: Cast, name: str = "Fake", **fields: Any) -> str:
    """An active demo whose copies behave as `FAKE` in its environment says, granted to the clients of the cast."""
    image = await gateway.db.write(add_image, SYSTEM, "ecatalog-samples/customers")
    new = NewDemo(name=name, docker_image_id=image, status="active", **fields)
    demo = await gateway.db.write(add_demo, SYSTEM, new)
    for client in (people.acme, people.bolt):
        await gateway.db.write(grant_demo, SYSTEM, client.id, demo.id)
    return demo.id


async def launches_of(caller: Caller, demo: str, **wanted: Any) -> list[dict[str, Any]]:
    """The demo's launches that have these values, newest first."""
    items = (await caller.get(f"/api/launches?demo_id={demo}&limit=100")).json()["items"]
    return [item for item in items if all(item[key] == value for key, value in wanted.items())]


async def eventually(find: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """What `find` finds as soon as it is something; the bound only ends a broken test."""
    async with asyncio.timeout(seconds):
        while not (found := await find()):
            await asyncio.sleep(0.01)
    return found
