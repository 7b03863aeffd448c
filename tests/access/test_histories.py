"""Any history of grants, revocations, renewals, openings and passing time: a demo opens exactly when it may."""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ecatalog.access.actions import renew_client, restore_client, revoke_client
from ecatalog.demos.grants import grant_demo, withdraw_demo
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError, Conflict, Invalid
from ecatalog.launches.actions import end_overdue, stop_launch
from ecatalog.launches.opening import open_demo
from tests.blank import lay_blank
from tests.cast import LAUNCHER, NOON, Cast, SettableClock, load_cast, run_launch

STEPS = ("open", "run", "stop", "revoke", "restore", "shorten", "prolong", "withdraw", "grant", "wait", "sweep")


@dataclass
class Expected:
    """What a history so far means, in a few words of Python: the other half of the comparison."""

    ends_at: datetime
    is_revoked: bool = False
    is_granted: bool = True

    def may_open(self, now: datetime) -> bool:
        return self.is_granted and not self.is_revoked and now < self.ends_at


class History:
    """Acme and the portal, step by step, in the real database and in the expectation."""

    def __init__(self, db: Database, cast: Cast, clock: SettableClock) -> None:
        self.db, self.cast, self.clock = db, cast, clock
        self.expected = Expected(ends_at=NOON.replace(day=31, hour=22))
        self.launch_id = ""
        # Without a session: revoking ends those, and what is compared here is access.
        self.actor = Actor(Role.CLIENT, cast.acme.id)

    async def take(self, step: str) -> None:
        await getattr(self, step)()
        await self.check()

    async def open(self) -> None:
        may = self.expected.may_open(self.clock.now)
        try:
            launch = await self.db.write(open_demo, self.actor, self.cast.portal)
        except CatalogError:
            assert not may
            return
        assert may
        assert launch.ends_at <= self.expected.ends_at
        assert launch.ends_at > self.clock.now
        self.launch_id = launch.id

    async def run(self) -> None:
        try:
            await run_launch(self.db, self.launch_id)
        except CatalogError:
            return

    async def stop(self) -> None:
        try:
            await self.db.write(stop_launch, self.actor, self.launch_id)
        except CatalogError:
            assert not self.launch_id

    async def revoke(self) -> None:
        revoked = await self.db.write(revoke_client, self.cast.seller.actor, self.cast.acme.id)
        assert revoked.client.access_status == "revoked"
        self.expected.is_revoked = True

    async def restore(self) -> None:
        await self.db.write(restore_client, self.cast.seller.actor, self.cast.acme.id)
        self.expected.is_revoked = False

    async def shorten(self) -> None:
        end = self.clock.now + timedelta(minutes=90)
        await self._renew(access_end_date=end.isoformat())

    async def prolong(self) -> None:
        await self._renew(days=2)

    async def _renew(self, access_end_date: str | None = None, days: int | None = None) -> None:
        try:
            client = await self.db.write(
                renew_client,
                self.cast.seller.actor,
                self.cast.acme.id,
                access_end_date=access_end_date,
                days=days,
            )
        except (Conflict, Invalid):
            assert self.expected.is_revoked
            return
        assert not self.expected.is_revoked
        self.expected.ends_at = client.access_ends_at

    async def withdraw(self) -> None:
        await self.db.write(withdraw_demo, self.cast.seller.actor, self.cast.acme.id, self.cast.portal)
        self.expected.is_granted = False

    async def grant(self) -> None:
        await self.db.write(grant_demo, self.cast.seller.actor, self.cast.acme.id, self.cast.portal)
        self.expected.is_granted = True

    async def wait(self) -> None:
        self.clock.pass_(hours=1)

    async def sweep(self) -> None:
        await self.db.write(end_overdue, LAUNCHER)
        overdue = "wanted = 'running' AND state IN ('queued', 'starting', 'running') AND ends_at <= :now"
        assert await self.db.read(count, f"SELECT count(*) FROM launches WHERE {overdue}") == 0

    async def check(self) -> None:
        """What holds after every step: at most one live copy, none of a revoked client, no time past the window."""
        live = "wanted = 'running' AND state IN ('queued', 'starting', 'running')"
        copies = await self.db.read(count, f"SELECT count(*) FROM launches WHERE {live}")
        assert copies <= 1
        assert not (copies and self.expected.is_revoked)
        late = f"SELECT count(*) FROM launches l JOIN clients c ON c.id = l.client_id WHERE {live} AND "
        assert await self.db.read(count, late + "l.ends_at > c.access_ends_at") == 0


def count(tx: Tx, sql: str) -> int:
    return int(tx.value(sql, now=tx.now))


async def live_through(steps: list[str]) -> None:
    clock = SettableClock()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(lay_blank(Path(folder) / "catalog.db"), clock=clock)
        await db.start()
        try:
            history = History(db, await db.write(load_cast), clock)
            for step in steps:
                await history.take(step)
        finally:
            await db.stop()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=30))
def test_a_demo_opens_exactly_when_it_may(steps: list[str]) -> None:
    asyncio.run(live_through(steps))
