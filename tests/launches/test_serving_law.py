"""The law of the watches: whoever applies the stream knows, in the end, what a fresh snapshot would tell.

Whatever happens in between: any actions in any order, slow reading, resumes, other epochs, and the passing of time.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ecatalog.access.actions import log_out, renew_client, restore_client, revoke_client
from ecatalog.accounts.actions import end_sessions, start_session
from ecatalog.demos.grants import grant_demo, withdraw_demo
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError
from ecatalog.kit.ids import new_id
from ecatalog.launches import serving
from ecatalog.launches.actions import end_overdue, report_launch, stop_all, stop_launch
from ecatalog.launches.model import MOVES
from ecatalog.launches.opening import open_demo
from ecatalog.launches.serving import FOR_EDGES, FOR_LAUNCHERS, Beat, View
from ecatalog_client.types.launches import LaunchReport
from ecatalog_client.types.serving import Begin, Change, Synced, WantedChange
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.wire import message_of, struct_of
from tests.blank import lay_blank
from tests.cast import Cast, Person, SettableClock, load_cast
from tests.rpc.stand import Follower, Rows, rows_of

# What happens, to whom, how; and how many updates each watch takes then (ALL: until there are no more).
Step = tuple[str, int, int, tuple[int, int]]

WORDS = [
    "open",
    "open",
    "open",
    "report",
    "report",
    "report",
    "stop",
    "stop_all",
    "revoke",
    "restore",
    "renew",
    "grant",
    "withdraw",
    "log_in",
    "log_out",
    "end_sessions",
    "end_overdue",
    "change_demo",
    "remove_demo",
    "rename_user",
    "pass_time",
    "resume",
    "forget",
    "begin_epoch",
]
ALL = 7
few = st.integers(0, 7)
taken = st.tuples(st.sampled_from([ALL, 0, 1, 2, 3]), st.sampled_from([ALL, 0, 1, 2, 3]))
stories = st.lists(st.tuples(st.sampled_from(WORDS), few, few, taken), min_size=3, max_size=60)


@dataclass
class Watch:
    """One follower, and the stream that it reads when it likes. What it gets has been over the wire."""

    db: Database
    view: View[Any]
    follower: Follower = field(default_factory=Follower)
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    stream: AsyncGenerator[Any, None] | None = None

    async def begin(self, *, is_resumed: bool) -> None:
        await self.end()
        epoch, since = self.follower.place if is_resumed else ("", 0)
        self.stream = serving.follow(self.db, self.view, epoch=epoch, since=since, nudge=self.nudge)

    async def take(self, most: int) -> None:
        """So many updates, or until everything that has happened was told. The stream then stands where it is."""
        assert self.stream is not None
        while most:
            self.nudge.set()
            update = await anext(self.stream)
            most -= most < ALL
            if not isinstance(update, Beat):
                self.follower.apply(over_the_wire(update))
            elif update.position >= self.db.position:
                return

    async def end(self) -> None:
        if self.stream is not None:
            await self.stream.aclose()


def over_the_wire(update: Begin | Change | WantedChange | Synced) -> Any:
    match update:
        case Change():
            return struct_of(_sent(message_of(update, pb.EdgeChange)), Change)
        case WantedChange():
            return struct_of(_sent(message_of(update, pb.LauncherChange)), WantedChange)
    return update


def _sent(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


class World:
    """A catalog in which steps happen. A step that is refused changes nothing, which is fine."""

    def __init__(self, db: Database, cast: Cast, clock: SettableClock) -> None:
        self.db = db
        self.cast = cast
        self.clock = clock
        self.watches = [Watch(db, FOR_EDGES), Watch(db, FOR_LAUNCHERS)]

    async def happen(self, word: str, first: int, second: int, taken: tuple[int, int]) -> None:
        match word:
            case "resume" | "forget":
                await self.watches[first % 2].begin(is_resumed=word == "resume")
            case "pass_time":
                self.clock.pass_(minutes=(1, 10, 90, 300, 1500, 3000, 10_000, 40_000)[second])
            case "begin_epoch":
                was = (await self.db.read(serving.identity_of)).epoch
                await self.db.write(serving.begin_epoch, was, new_id())
            case _:
                await self._act(word, first, second)
        for watch, most in zip(self.watches, taken, strict=True):
            await watch.take(most)

    async def _act(self, word: str, first: int, second: int) -> None:
        act: Callable[..., Any] = getattr(self, f"_{word}")
        with suppress(CatalogError):
            await self.db.write(act, _one(self.cast.clients, first), second)

    def _open(self, tx: Tx, person: Person, second: int) -> None:
        who = self.cast.seller if second > 5 else person
        open_demo(tx, who.actor, _one([self.cast.portal, self.cast.desk, self.cast.remote], second))

    def _report(self, tx: Tx, person: Person, second: int) -> None:
        row = _launch(tx, second)
        state = _one(sorted(MOVES[row["state"]]), second + len(person.email))
        report = LaunchReport(
            launch_id=row["id"],
            attempt=row["attempt"],
            was=row["state"],
            state=state,
            phase="pulling" if second % 2 else "",
            upstream="127.0.0.1:4000",
        )
        report_launch(tx, SYSTEM, report)

    def _stop(self, tx: Tx, person: Person, second: int) -> None:
        stop_launch(tx, SYSTEM, _launch(tx, second)["id"])

    def _stop_all(self, tx: Tx, person: Person, second: int) -> None:
        stop_all(tx, SYSTEM, client=person.id, reason="all")

    def _revoke(self, tx: Tx, person: Person, second: int) -> None:
        revoke_client(tx, SYSTEM, person.id, "over")

    def _restore(self, tx: Tx, person: Person, second: int) -> None:
        restore_client(tx, SYSTEM, person.id)

    def _renew(self, tx: Tx, person: Person, second: int) -> None:
        renew_client(tx, SYSTEM, person.id, days=second + 1)

    def _grant(self, tx: Tx, person: Person, second: int) -> None:
        grant_demo(tx, SYSTEM, person.id, _one([self.cast.portal, self.cast.desk, self.cast.draft], second))

    def _withdraw(self, tx: Tx, person: Person, second: int) -> None:
        withdraw_demo(tx, SYSTEM, person.id, _one([self.cast.portal, self.cast.desk], second))

    def _log_in(self, tx: Tx, person: Person, second: int) -> None:
        expires_at = tx.now.replace(year=tx.now.year + second)
        start_session(
            tx,
            token_hash=new_id(),
            session_id=new_id(),
            expires_at=expires_at,
            address="",
            agent="",
            client_id=person.id,
        )

    def _log_out(self, tx: Tx, person: Person, second: int) -> None:
        log_out(tx, person.actor)

    def _end_sessions(self, tx: Tx, person: Person, second: int) -> None:
        end_sessions(tx, SYSTEM, client=person.id)

    def _end_overdue(self, tx: Tx, person: Person, second: int) -> None:
        end_overdue(tx, SYSTEM)

    def _change_demo(self, tx: Tx, person: Person, second: int) -> None:
        """As an administrator's change will do it: the row and the fact."""
        tx.run("UPDATE demos SET port = 9000 + :n, name = :n WHERE id = :id", n=second, id=self.cast.portal)
        tx.record("demo.changed", SYSTEM, demo=self.cast.portal)

    def _remove_demo(self, tx: Tx, person: Person, second: int) -> None:
        tx.run("UPDATE demos SET status = 'removed' WHERE id = :id", id=self.cast.desk)
        ended = stop_all(tx, SYSTEM, demo=self.cast.desk, reason="removed")
        tx.record("demo.removed", SYSTEM, demo=self.cast.desk, launches=ended)

    def _rename_user(self, tx: Tx, person: Person, second: int) -> None:
        tx.run("UPDATE users SET full_name = :n WHERE id = :id", n=f"Name {second}", id=self.cast.seller.id)
        tx.record("user.changed", SYSTEM, user=self.cast.seller.id)


def _one(choices: Any, number: int) -> Any:
    return choices[number % len(choices)]


def _launch(tx: Tx, number: int) -> dict[str, Any]:
    rows = tx.rows("SELECT id, state, attempt FROM launches WHERE state NOT IN ('stopped', 'failed') ORDER BY id")
    if not rows:
        raise CatalogError("no launch")
    row: dict[str, Any] = _one(rows, number)
    return row


def _alive(rows: Rows, world: World) -> Rows:
    """Nobody is told that a session's time is over: a follower looks at the clock, and so does this."""
    now = world.clock()
    return {key: row for key, row in rows.items() if key[0] != "session" or row.expires_at > now}


async def obey(path: Path, story: list[Step]) -> None:
    clock = SettableClock()
    db = Database(lay_blank(path / "catalog.db"), clock=clock)
    await db.start()
    try:
        world = World(db, await db.write(load_cast), clock)
        await serving.ensure_identity(db)
        for watch in world.watches:
            await watch.begin(is_resumed=False)
            await watch.take(ALL)
        for step in story:
            await world.happen(*step)
        for watch in world.watches:
            await watch.take(ALL)
            identity, fresh = await db.read(serving.take_snapshot, watch.view)
            assert _alive(watch.follower.rows, world) == rows_of(fresh)
            assert watch.follower.position == db.position
            assert watch.follower.begins[-1].epoch == identity.epoch
            await watch.end()
    finally:
        await db.stop()


@settings(max_examples=100, deadline=None)
@given(story=stories, most_facts=st.sampled_from([1000, 1000, 3]))
def test_a_follower_ends_with_what_a_fresh_snapshot_tells(story: list[Step], most_facts: int) -> None:
    before, serving.MOST_FACTS = serving.MOST_FACTS, most_facts
    try:
        with TemporaryDirectory() as directory:
            asyncio.run(obey(Path(directory), story))
    finally:
        serving.MOST_FACTS = before
