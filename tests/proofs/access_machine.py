"""The steps of the proof that nobody is served after the end: each happens to the world and to the model alike.

After every one of them each open connection and each way in is tried.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import uvloop
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.cast import Caller
from tests.proofs.access_model import Client, Model, Pass, Session
from tests.proofs.access_world import EdgeSeat, World
from tests.proofs.wires import Wire

T = TypeVar("T")
DEMOS = ("portal", "desk", "spare")
# Leaps are multiples of 50 minutes and no end lies on one: a step is on one side of an end, or on the other.
LEAP = timedelta(minutes=50)
HALF_A_LEAP = timedelta(minutes=25)
PASSES_TRIED = 12

clients = st.sampled_from(["acme", "bolt"])
which = st.integers(0, 11)
seats = st.sampled_from([0, 1])


@dataclass(eq=False)
class Open:
    """A connection that was opened by a pass, at an edge."""

    by: Pass
    seat: EdgeSeat
    wire: Wire


class AccessMachine(RuleBasedStateMachine):
    """Counted over all examples: the steps; the connections that were cut when a call was answered; the calls that were
    answered while an edge was away, and said so.
    """

    steps: ClassVar[int] = 0
    cuts: ClassVar[int] = 0
    waited: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.folder = TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.callers: dict[Session, Caller] = {}
        self.open: list[Open] = []
        self.taken = 0
        self.run(self.world.start())
        cast = self.world.cast
        begun = self.world.now()
        self.model = Model(
            clients={
                "acme": Client(datetime(2026, 3, 31, 22, tzinfo=UTC).timestamp(), grants={"portal", "spare"}),
                "bolt": Client(datetime(2026, 3, 11, 18, tzinfo=UTC).timestamp(), grants=set(DEMOS)),
            },
            demos=dict.fromkeys(DEMOS, "active"),
        )
        for name, person in (("acme", cast.acme), ("bolt", cast.bolt)):
            session = Session(name, begun + 8 * 3600)
            self.model.sessions.append(session)
            self.callers[session] = Caller(self.world.gateway.asgi, person)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)

    def teardown(self) -> None:
        async def end() -> None:
            for one in self.open:
                await one.wire.close()
            await self.world.stop()

        self.run(end())
        self.runner.close()
        self.folder.cleanup()
        type(self).steps += self.taken

    @initialize()
    def everybody_comes_in(self) -> None:
        """Each client from two browsers, into one copy, at both edges."""
        for client in self.model.clients:
            self.log_in(client)
        for session in self.model.sessions:
            for seat in (0, 1):
                self._come_in(session, "portal", seat)
                self._connect(self.model.passes[-1], seat, is_socket=True)
                self._connect(self.model.passes[-1], seat, is_socket=False)

    # Coming in.

    @precondition(lambda self: self._openable())
    @rule(which=which, seat=seats)
    def open_a_demo_and_enter(self, which: int, seat: int) -> None:
        self._come_in(*_one(self._openable(), which), seat)

    def _come_in(self, session: Session, demo: str, seat: int) -> None:
        world, model, who = self.world, self.model, self.callers[session]
        launch_id = self.run(world.open(who, demo))
        launch = model.copy_of(session.client, demo)
        if launch is None:
            launch = model.opened(launch_id, session.client, demo, world.now())
        assert launch.id == launch_id
        host, cookie = self.run(world.enter(who, launch_id, world.seats[seat]))
        model.passes.append(Pass(session, launch, host, cookie))

    def _openable(self) -> list[tuple[Session, str]]:
        now = self.world.now()
        return [
            (session, demo)
            for session in self.model.sessions
            for demo in DEMOS
            if self.model.may_open(session, demo, now)
        ]

    @precondition(lambda self: len(self.model.living(self.world.now())) < 6)
    @rule(client=clients)
    def log_in(self, client: str) -> None:
        if self.model.clients[client].is_revoked:
            return
        caller = self.run(self.world.log_in(client))
        self.callers[self.model.logged_in(client, self.world.now())] = caller

    # Being there.

    @precondition(lambda self: self._allowed())
    @rule(which=which, seat=seats)
    def open_a_socket(self, which: int, seat: int) -> None:
        self._connect(_one(self._allowed(), which), seat, is_socket=True)

    @precondition(lambda self: self._allowed())
    @rule(which=which, seat=seats)
    def begin_a_stream(self, which: int, seat: int) -> None:
        self._connect(_one(self._allowed(), which), seat, is_socket=False)

    def _connect(self, by: Pass, seat: int, *, is_socket: bool) -> None:
        at = self.world.seats[seat]
        wire = self.run(self.world.connect(at, by.host, by.cookie, is_socket=is_socket))
        self.open.append(Open(by, at, wire))

    @precondition(lambda self: self.open)
    @rule(which=which)
    def disconnect(self, which: int) -> None:
        self._close([_one(self.open, which)])

    def _allowed(self) -> list[Pass]:
        now = self.world.now()
        return [one for one in self.model.passes if self.model.allows(one, now)]

    # What ends access, and is answered when it is cut.

    @rule(client=clients)
    def revoke(self, client: str) -> None:
        path = f"/api/clients/{self.world.client_id(client)}/revoke"
        self._cut("PATCH", path, {"reason": "over"}, lambda: self.model.revoked(client))

    @precondition(lambda self: self._granted())
    @rule(which=which)
    def withdraw(self, which: int) -> None:
        client, demo = _one(self._granted(), which)
        path = f"/api/clients/{self.world.client_id(client)}/demos/{self.world.demos[demo]}"
        self._cut("DELETE", path, None, lambda: self.model.withdrawn(client, demo))

    @precondition(lambda self: self._removable())
    @rule(which=which, drains=st.booleans())
    def remove_a_demo(self, which: int, drains: bool) -> None:
        demo = _one(self._removable(), which)
        drains = drains and self.model.demos[demo] == "active"
        path = f"/api/demos/{self.world.demos[demo]}?launches={'drain' if drains else 'stop'}"
        self._cut("DELETE", path, None, lambda: self.model.removed(demo, drains=drains))

    def _cut(self, method: str, path: str, body: Any, ends: Callable[[], None]) -> None:
        """Makes the call amid visits. When it is answered, before anything else runs, what it ends must be over."""
        world, now = self.world, self.world.now()
        doors = [(one.host, one.cookie) for one in self._allowed()[-2:]]
        before = [one for one in self.open if self.model.allows(one.by, now)]

        async def call() -> None:
            answer = await world.api(world.admin(), method, path, body)
            ends()
            cut = answer.json()["cut"]
            if cut is None or cut["waiting_for"]:
                type(self).waited += cut is not None
                return
            ended = [one for one in before if not self.model.allows(one.by, now)]
            assert sum(seat.edge.guard.count_past_end() for seat in world.seats) == 0
            assert cut["connections"] >= len(ended)
            for one in ended:
                one.wire.speak_late()
            type(self).cuts += len(ended)

        self.run(world.amid_visits(call, doors))

    def _granted(self) -> list[tuple[str, str]]:
        return [(name, demo) for name, client in self.model.clients.items() for demo in sorted(client.grants)]

    def _removable(self) -> list[str]:
        """Not the portal: some demo must be left."""
        return [demo for demo in ("desk", "spare") if self.model.demos[demo] in ("active", "draining")]

    # What gives access back, or moves its end.

    @precondition(lambda self: any(client.is_revoked for client in self.model.clients.values()))
    @rule(client=clients)
    def restore(self, client: str) -> None:
        self._call("PATCH", f"/api/clients/{self.world.client_id(client)}/restore")
        self.model.restored(client)

    @rule(client=clients, leaps=st.sampled_from([0, 1, 4, 200]))
    def renew(self, client: str, leaps: int) -> None:
        if not self.model.clients[client].is_revoked:
            self._renew(client, leaps)

    @rule(client=clients, seat=seats)
    def all_is_well_again(self, client: str, seat: int) -> None:
        """Whatever was taken from the client is given back, and it comes in anew."""
        if self.model.clients[client].is_revoked:
            self.restore(client)
        self._renew(client, 200)
        if (client, "portal") in self._grantable():
            self._grant(client, "portal")
        if not any(session.client == client for session in self.model.living(self.world.now())):
            self.log_in(client)
        session = next(one for one in self.model.living(self.world.now()) if one.client == client)
        self._come_in(session, "portal", seat)
        self._connect(self.model.passes[-1], seat, is_socket=True)

    def _renew(self, client: str, leaps: int) -> None:
        end = self.world.clock() + LEAP * leaps + HALF_A_LEAP
        path = f"/api/clients/{self.world.client_id(client)}/renew"
        self._call("PATCH", path, {"access_end_date": end.isoformat().replace("+00:00", "Z")})
        self.model.renewed(client, end.timestamp())

    @precondition(lambda self: self._grantable())
    @rule(which=which)
    def grant(self, which: int) -> None:
        self._grant(*_one(self._grantable(), which))

    def _grant(self, client: str, demo: str) -> None:
        self._call("PUT", f"/api/clients/{self.world.client_id(client)}/demos/{self.world.demos[demo]}")
        self.model.granted(client, demo)

    def _grantable(self) -> list[tuple[str, str]]:
        active = [demo for demo in DEMOS if self.model.demos[demo] == "active"]
        return [(name, demo) for name, one in self.model.clients.items() for demo in active if demo not in one.grants]

    def _call(self, method: str, path: str, body: Any = None) -> None:
        self.run(self.world.api(self.world.admin(), method, path, body))

    # What ends by itself, or by the client.

    @precondition(lambda self: self.model.living(self.world.now()))
    @rule(which=which)
    def log_out(self, which: int) -> None:
        session = _one(self.model.living(self.world.now()), which)
        who = self.world.as_(self.callers[session])
        self.run(self.world.api(who, "POST", "/api/auth/logout", status=204))
        self.model.logged_out(session, self.world.now())

    @rule(leaps=st.sampled_from([1, 1, 2, 5, 11]), is_told=st.booleans())
    def time_passes(self, leaps: int, is_told: bool) -> None:
        """The edges end what is over by themselves, before the gateway does."""
        self.run(self.world.leap(LEAP * leaps, is_told=is_told))
        self.model.time_passed(self.world.now())
        self.run(self._try_everything())
        self.run(self.world.sweep())

    @rule(seat=seats)
    def the_wall_clock_of_an_edge_jumps_back(self, seat: int) -> None:
        self.world.seats[seat].behind += 7200.0

    # What happens to the processes.

    @rule(is_hasty=st.booleans(), client=clients)
    def restart_the_gateway(self, is_hasty: bool, client: str) -> None:
        """Connections live on. A hasty administrator revokes before the edges are back."""
        self.run(self.world.restart_gateway())
        if is_hasty:
            self.revoke(client)

    @rule(seat=seats, is_killed=st.booleans(), is_hasty=st.booleans(), client=clients)
    def restart_an_edge(self, seat: int, is_killed: bool, is_hasty: bool, client: str) -> None:
        at = self.world.seats[seat]
        self._close([one for one in self.open if one.seat is at])
        self.run(self.world.restart_edge(at, is_killed=is_killed))
        if is_hasty:
            self.revoke(client)

    @rule()
    def the_launcher_reports_what_has_ended(self) -> None:
        self.run(self.world.catch_up())

    # The promise.

    @invariant()
    def exactly_who_may_is_served(self) -> None:
        self.taken += 1
        self.run(self._try_everything())

    async def _try_everything(self) -> None:
        await self.world.synced()
        await self._try_connections(list(self.open))
        for seat in self.world.seats:
            assert seat.edge.guard.count_past_end() == 0
        for number, one in enumerate(self.model.passes[-PASSES_TRIED:]):
            seat = self.world.seats[(number + self.taken) % 2]
            is_served = await self.world.visit(seat, one.host, one.cookie)
            assert is_served is self.model.allows(one, self.world.now()), (one, self.model)

    async def _try_connections(self, some: list[Open]) -> None:
        for one in some:
            if self.model.allows(one.by, self.world.now()):
                await one.wire.assert_passes()
            else:
                await one.wire.assert_cut()
                await one.wire.close()
                self.open.remove(one)

    def _close(self, some: list[Open]) -> None:
        for one in some:
            self.run(one.wire.close())
            self.open.remove(one)


def _one(choices: list[T], number: int) -> T:
    return choices[number % len(choices)]
