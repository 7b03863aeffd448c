"""A stop that comes while messages are handed over: their answers are waited for, noted, and nothing is repeated."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.facts import Fact
from ecatalog.kit.ids import new_id
from ecatalog.notices import courier
from ecatalog.notices.channels import GAPS, Draft, Outgoing
from ecatalog.notices.jobs import deliver_messages
from ecatalog.notices.outbox import list_messages
from ecatalog.notices.post import Post
from ecatalog.settings import Settings
from ecatalog.web.door import Door
from tests.cast import SettableClock


class Counterpart:
    """A channel to somebody who answers when `answers` is set. `taken` are the ids of what he was handed."""

    gaps: Sequence[timedelta] = GAPS
    lanes = 2
    find_heads: ClassVar[None] = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken: list[str] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.closed = asyncio.Event()
        self.is_deaf = False

    async def deliver(self, message: Outgoing) -> None:
        self.taken.append(message.message_id)
        self.asked.set()
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            if not self.is_deaf:
                raise

    async def close(self) -> None:
        self.closed.set()


class ToTheSlow:
    """Each fact makes a message over the channel `slow`."""

    def wants(self, kind: str) -> bool:
        return True

    def plan(self, tx: Tx, fact: Fact) -> list[Draft]:
        return [Draft(channel="slow", recipient="him", kind=fact.kind, payload={}, message_id=new_id())]


class Stand:
    """Two channels of one post: somebody slow, and somebody for whom there is nothing."""

    def __init__(self, db: Database, clock: SettableClock, folder: Path) -> None:
        self.slow, self.idle = Counterpart("slow"), Counterpart("idle")
        self.post = Post(db, clock, folder, [self.slow, self.idle], [ToTheSlow()])
        self.receipts = folder / "outbox.receipts"
        self._door = Door(db, Settings(data=folder), clock, {Post: self.post})
        self._db = db

    async def begin(self, messages: int) -> asyncio.Task[None]:
        """Delivers, up to the first message that is handed over and waits for its answer."""
        await self.post.start()
        for _ in range(messages):
            await self._db.write(_tell)
        await self.post.gather_all()
        delivering = asyncio.create_task(deliver_messages(self._door))
        await self.slow.asked.wait()
        return delivering

    async def states(self) -> list[str]:
        return [each.state for each in (await self._db.read(list_messages, SYSTEM)).items]


def _tell(tx: Tx) -> None:
    tx.record("test.told", SYSTEM)


@pytest.fixture
def stand(db: Database, clock: SettableClock, tmp_path: Path) -> Stand:
    return Stand(db, clock, tmp_path)


async def test_a_stop_waits_for_the_answer_though_other_channels_have_ended(stand: Stand) -> None:
    delivering = await stand.begin(1)
    delivering.cancel()
    await stand.idle.closed.wait()
    await _some_turns()

    assert not delivering.done()
    assert await stand.states() == ["leased"]

    stand.slow.answers.set()
    await asyncio.wait([delivering])
    assert await stand.states() == ["sent"]
    assert stand.receipts.read_text().split() == stand.slow.taken


async def test_a_stop_gives_back_only_what_no_lane_has(stand: Stand) -> None:
    delivering = await stand.begin(6)
    delivering.cancel()
    await stand.idle.closed.wait()
    stand.slow.answers.set()
    await asyncio.wait([delivering])

    assert sorted(await stand.states()) == ["pending"] * 4 + ["sent"] * 2
    assert len(stand.slow.taken) == 2


async def test_what_is_not_answered_in_time_stays_leased(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether it was taken: only the next start may send it again, under the same id."""
    monkeypatch.setattr(courier, "_SECONDS_TO_FINISH", 0.0)
    delivering = await stand.begin(1)
    delivering.cancel()
    await asyncio.wait([delivering])

    assert await stand.states() == ["leased"]


async def test_an_answer_that_comes_with_the_cancellation_counts(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_for` of Python 3.11 goes on with the answer then; the lane must end all the same."""
    monkeypatch.setattr(courier, "_SECONDS_TO_FINISH", 0.0)
    stand.slow.is_deaf = True
    delivering = await stand.begin(1)
    delivering.cancel()
    await asyncio.wait([delivering])

    assert await stand.states() == ["sent"]
    assert stand.receipts.read_text().split() == stand.slow.taken


async def _some_turns() -> None:
    """So many that whoever hears of something in this loop has heard of it."""
    for _ in range(20):
        await asyncio.sleep(0)
