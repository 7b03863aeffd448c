"""A gateway, two edges that follow it over gRPC and a demo behind them, all in this loop: what a proof does to them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ecatalog.app import Gateway, build
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import grant_demo
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.ids import new_id
from ecatalog.launches.jobs import end_what_is_over
from ecatalog.settings import Settings
from ecatalog_client.services import EdgeGateway
from ecatalog_edge.clock import Clock
from ecatalog_edge.edge import Edge
from ecatalog_edge.journal import Journal
from tests.cast import NOON, Answer, Caller, Cast, Person, load_cast, report, run_launch, start_session
from tests.edge.visitors import Line
from tests.proofs.access_model import LIFETIME, SESSION
from tests.proofs.wires import EchoDemo, Wire

# A lease that outlives every leap of the clock, so that what ends here ends for the reason that the model knows.
LEASE = timedelta(days=36_500)
# Nobody is out for having been idle: that is another promise.
NEVER_IDLE = timedelta(days=365)
ADMIN_TOKEN = "token.of-the-administrator"
WAIT = 10.0


class LeapingClock:
    """Runs as time does, from noon of the cast's day on, and can be made to leap ahead."""

    def __init__(self) -> None:
        self._ahead = NOON + timedelta(minutes=5) - datetime.now(UTC)

    def __call__(self) -> datetime:
        now = datetime.now(UTC) + self._ahead
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def leap(self, span: timedelta) -> None:
        self._ahead += span


class KillableGateway(EdgeGateway):
    """The library as an edge uses it; a killed edge does not say goodbye."""

    is_killed = False

    async def leave(self, *, deadline: float = 1.0) -> None:
        if not self.is_killed:
            await super().leave(deadline=deadline)


@dataclass
class EdgeSeat:
    """One edge that keeps its name over restarts, and its own idea of the wall clock."""

    name: str
    clock: LeapingClock
    behind: float = 0.0
    edge: Edge = field(init=False)
    gateway: KillableGateway = field(init=False)

    async def start(self, target: str, token: str, demos_url: str) -> None:
        self.gateway = KillableGateway(target, token)
        clock = Clock(wall=lambda: self.clock().timestamp() - self.behind)
        self.edge = Edge(self.gateway, self.name, demos_url, clock=clock, journal=Journal(is_silent=True))
        await self.edge.start("127.0.0.1", 0)

    def is_ready(self) -> bool:
        return self.edge.is_ready

    def knows_the_time(self) -> bool:
        return self.edge.guard.clock.now() >= self.clock() - timedelta(seconds=2)

    async def stop(self, *, is_killed: bool = False) -> None:
        self.gateway.is_killed = is_killed
        await self.edge.stop()
        await self.gateway.aclose()


class World:
    """Everything that runs. Calls to the API fail the proof unless they are answered as they should be."""

    def __init__(self, folder: Path) -> None:
        self.clock = LeapingClock()
        self.settings = _settings(folder, 0)
        self.demo = EchoDemo()
        self.seats = [EdgeSeat(f"edge-{number}", self.clock) for number in (1, 2)]
        self.gateway: Gateway
        self.cast: Cast
        self.demos: dict[str, str] = {}

    async def start(self) -> None:
        await self.demo.start()
        self.gateway = build(self.settings, clock=self.clock)
        await self.gateway.start()
        self.settings = _settings(self.settings.data, self.gateway.grpc_port)
        self.cast = await self.gateway.db.write(load_cast)
        await self.gateway.db.write(start_session, ADMIN_TOKEN, LEASE, user_id=self.cast.admin.id)
        spare = await self.gateway.db.write(_settle_demos, self.cast)
        self.demos = {"portal": self.cast.portal, "desk": self.cast.desk, "spare": spare}
        for seat in self.seats:
            await self._start_edge(seat)
        await self.synced()

    async def stop(self) -> None:
        for seat in self.seats:
            await seat.stop()
        await self.gateway.stop()
        await self.demo.stop()

    def now(self) -> float:
        return self.clock().timestamp()

    # What the operators do.

    async def restart_gateway(self) -> None:
        """Stops it and builds another one over the same database, on the same port."""
        await self.gateway.stop()
        self.gateway = build(self.settings, clock=self.clock)
        await self.gateway.start()

    async def restart_edge(self, seat: EdgeSeat, *, is_killed: bool) -> None:
        await seat.stop(is_killed=is_killed)
        await self._start_edge(seat)

    async def _start_edge(self, seat: EdgeSeat) -> None:
        token = (self.settings.data / "tokens" / "edge").read_text()
        await seat.start(f"127.0.0.1:{self.gateway.grpc_port}", token, self.settings.demos_url)

    async def synced(self) -> None:
        """Waits until every edge serves, has applied all that has happened, and has failed in nothing."""
        position = self.gateway.db.position
        for seat in self.seats:
            assert await seat.edge.guard.applied(position, WAIT), f"{seat.name} has not applied {position}"
            await until(seat.is_ready, f"{seat.name} is ready")
            assert not seat.edge.failed.is_set()

    async def leap(self, span: timedelta, *, is_told: bool) -> None:
        """Time passes: by all clocks at once, or (`is_told`) by the gateway's, whose heartbeats tell the edges."""
        late = span.total_seconds() if is_told else 0.0
        for seat in self.seats:
            seat.behind += late
        self.clock.leap(span)
        for seat in self.seats:
            await until(seat.knows_the_time, f"{seat.name} knows the time")
            seat.behind -= late

    async def sweep(self) -> None:
        """The gateway ends in its rows what is over: for the edges that must be no news."""
        await end_what_is_over(self.gateway.db)

    # What people do.

    def admin(self) -> Caller:
        """The administrator, in a session that outlives every leap."""
        return Caller(self.gateway.asgi, replace(self.cast.admin, token=ADMIN_TOKEN))

    async def api(self, who: Caller, method: str, path: str, body: Any = None, *, status: int = 200) -> Answer:
        answer = await who.ask(method, path, body)
        assert answer.status == status, (method, path, answer.status, answer.body)
        return answer

    async def log_in(self, client: str) -> Caller:
        """A session that begins now, by a token of its own; the password is another room's matter."""
        token, person = f"token.{new_id()}", self._person(client)
        lasts = timedelta(seconds=SESSION)
        session_id = await self.gateway.db.write(start_session, token, lasts, client_id=person.id)
        return Caller(self.gateway.asgi, Person(Role.CLIENT, person.id, person.email, token, session_id))

    def as_(self, who: Caller) -> Caller:
        """The same person, at the gateway that runs now."""
        return Caller(self.gateway.asgi, who.person)

    def client_id(self, client: str) -> str:
        return self._person(client).id

    def _person(self, client: str) -> Person:
        return {"acme": self.cast.acme, "bolt": self.cast.bolt}[client]

    async def open(self, who: Caller, demo: str) -> str:
        """Opens a demo, and brings a new copy up as a launcher does; the launch."""
        answer = await self.api(self.as_(who), "POST", f"/api/demos/{self.demos[demo]}/open")
        launch = answer.json()
        if launch["state"] == "queued":
            await run_launch(self.gateway.db, launch["id"], self.demo.address)
        return str(launch["id"])

    async def catch_up(self) -> None:
        """The launcher reports the end of every copy that is not wanted any more."""
        for launch_id in await self.gateway.db.read(_unwanted):
            await report(self.gateway.db, launch_id, "stopped")

    async def enter(self, who: Caller, launch_id: str, seat: EdgeSeat) -> tuple[str, str]:
        """The host of a launch, and the cookie that the way in sets; asked for again while the edge cannot ask."""
        ends = time.monotonic() + WAIT
        while True:
            answer = await self.api(self.as_(who), "POST", f"/api/launches/{launch_id}/enter")
            host, _, path = answer.json()["url"].removeprefix("http://").partition("/")
            async with await Line.open(seat.edge.port) as line:
                reply = await line.ask("GET", "/" + path, host=host, cookies=None)
            if reply.status != 503 or time.monotonic() > ends:
                assert reply.status == 303, (reply.status, reply.body)
                return host, reply.get("set-cookie").partition(";")[0]

    # What visitors do.

    async def visit(self, seat: EdgeSeat, host: str, cookie: str) -> bool:
        """One request on a connection of its own; whether the demo answered it. If not, it has not heard of it."""
        status, is_heard = await self._ask(seat, host, cookie)
        assert is_heard is (status == 200), (status, is_heard)
        return is_heard

    async def _ask(self, seat: EdgeSeat, host: str, cookie: str) -> tuple[int, bool]:
        target = f"/visit-{new_id()}"
        async with await Line.open(seat.edge.port) as line:
            status = (await line.ask("GET", target, host=host, cookies=cookie)).status
        is_heard = self.demo.has_heard(target)
        assert status in ({200, 401, 403, 404, 410, 503} if is_heard else {401, 403, 404, 410, 503}), status
        return status, is_heard

    async def connect(self, seat: EdgeSeat, host: str, cookie: str, *, is_socket: bool) -> Wire:
        """A WebSocket, or a stream of events, both of its ends in our hands."""
        line = await Line.open(seat.edge.port)
        return await Wire.open(line, self.demo, host, cookie, is_socket=is_socket)

    async def amid_visits(self, call: Callable[[], Awaitable[None]], doors: list[tuple[str, str]]) -> None:
        """Makes the call while visitors ask at these doors without a pause, at both edges."""
        is_over = asyncio.Event()

        async def knock(seat: EdgeSeat, host: str, cookie: str) -> None:
            # One that is on its way at the cut is heard by the demo, and answered by the edge.
            while not is_over.is_set():
                await self._ask(seat, host, cookie)

        knocking = [asyncio.create_task(knock(seat, *door)) for seat in self.seats for door in doors]
        await asyncio.sleep(0)
        try:
            await call()
        finally:
            is_over.set()
            await asyncio.gather(*knocking)


async def until(fact: Callable[[], bool], what: str) -> None:
    """Waits for a fact, a turn of the loop at a time."""
    ends = time.monotonic() + WAIT
    while not fact():
        assert time.monotonic() < ends, f"not in {WAIT} s: {what}"
        await asyncio.sleep(0.002)


def _settings(folder: Path, grpc_port: int) -> Settings:
    return Settings(
        data=folder,
        grpc_port=grpc_port,
        log_level="error",
        jwt_secret="s" * 43,
        edge_lease=LEASE,
        session_idle=NEVER_IDLE,
    )


def _settle_demos(tx: Tx, cast: Cast) -> str:
    """Adds one more demo, which is everybody's; no copy ends for want of visitors."""
    image = str(tx.value("SELECT docker_image_id FROM demos WHERE id = :id", id=cast.portal))
    spare: str = add_demo(tx, SYSTEM, NewDemo(name="Spare", docker_image_id=image, status="active")).id
    for client in (cast.acme, cast.bolt):
        grant_demo(tx, SYSTEM, client.id, spare)
    tx.run("UPDATE demos SET idle_seconds = 8640000, lifetime_seconds = :lifetime", lifetime=int(LIFETIME))
    return spare


def _unwanted(tx: Tx) -> list[str]:
    rows = tx.rows("SELECT id FROM launches WHERE wanted = 'stopped' AND state IN ('starting', 'running', 'stopping')")
    return [str(row["id"]) for row in rows]
