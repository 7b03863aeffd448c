"""The courier of one channel: leases rows, has them delivered in a few lanes, and writes what became of them.

Transactions hold many rows each, and deliveries lie outside of them, so that the lanes never wait for the disk.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.kit.ids import new_id
from ecatalog.notices import queries
from ecatalog.notices.channels import Channel, Outgoing, Refused
from ecatalog.notices.metrics import Result, Tally
from ecatalog.notices.model import next_try
from ecatalog.notices.outbox import Outcome, keep_and_lease, keep_outcomes, lease_heads
from ecatalog.notices.receipts import Receipts

# A row waits in a lane's queue and is then delivered; whatever of that is not begun in time is left to the next lease.
LEASE = timedelta(minutes=5)
_SECONDS_TO_DELIVER = 60.0
_SECONDS_TO_BEGIN = LEASE.total_seconds() - _SECONDS_TO_DELIVER - 30
# For a lane: enough that a lease and a write of outcomes each serve many, and few enough that a kill leaves little.
_ROWS_PER_LANE = 16
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_FINISH = 3.0
_SECONDS_AFTER_TROUBLE = 1.0

_log = structlog.get_logger("ecatalog.notices")


class Courier:
    """Runs until it is cancelled; then what is under way gets three seconds, and the rest is given back."""

    def __init__(self, db: Database, clock: Clock, channel: Channel, receipts: Receipts) -> None:
        self.tally = Tally()
        self._db = db
        self._clock = clock
        self._channel = channel
        self._receipts = receipts
        self._lease = new_id()
        self._waiting: deque[tuple[float, Outgoing]] = deque()
        self._under_way: set[int] = set()
        self._outcomes: list[Outcome] = []
        self._is_ending = False
        self._called = asyncio.Event()
        self._has_work = asyncio.Condition()
        self._has_outcomes = asyncio.Event()
        self._most = channel.lanes * _ROWS_PER_LANE

    def call(self) -> None:
        """There may be rows: looks at once."""
        self._called.set()

    async def run(self) -> None:
        self._is_ending = False
        lanes = [asyncio.create_task(self._deliver_all()) for _ in range(self._channel.lanes)]
        others = [asyncio.create_task(self._lease_all()), asyncio.create_task(self._keep_all())]
        try:
            # Not `gather`, which would cancel what is under way together with this.
            done, _ = await asyncio.wait([*lanes, *others], return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await self._end(lanes, others)

    async def _end(self, lanes: list[asyncio.Task[None]], others: list[asyncio.Task[None]]) -> None:
        """What was not begun is given back; of what is cancelled in the middle nobody knows, so it stays leased."""
        self._is_ending = True
        for task in others:
            task.cancel()
        self._outcomes += [Outcome(row=row, is_untried=True) for _, row in self._waiting]
        self._waiting.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_FINISH):
                while self._under_way:
                    self._has_outcomes.clear()
                    await self._has_outcomes.wait()
        for task in lanes:
            task.cancel()
        await asyncio.gather(*lanes, *others, return_exceptions=True)
        self._under_way.clear()
        with suppress(Exception):  # The database refuses; the next start frees the leases, and the receipts count.
            await self._write_outcomes()
        await self._channel.close()

    # leasing ------------------------------------------------------------------------------------------------

    async def _lease_all(self) -> None:
        while True:
            self._called.clear()
            try:
                seconds = await self._lease_more()
            except Exception:
                _log.exception("messages_not_leased", channel=self._channel.name)
                seconds = _SECONDS_AFTER_TROUBLE
            if seconds:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._called.wait()

    async def _lease_more(self) -> float:
        """Leases as many rows as there is room for; the seconds until it is worth looking again."""
        room = self._room()
        if room < self._most // 2:
            return _SECONDS_BETWEEN_LOOKS  # A lane calls when half of them are done.
        due = await self._next_due()
        if due is None or due > self._clock():
            return _SECONDS_BETWEEN_LOOKS
        begun = asyncio.get_running_loop().time()
        until = self._clock() + LEASE
        rows = await self._lease_rows(until, room)
        await self._hand_to_lanes(rows, begun)
        return 0 if len(rows) == room else _SECONDS_BETWEEN_LOOKS

    def _room(self) -> int:
        return self._most - len(self._waiting) - len(self._under_way)

    async def _hand_to_lanes(self, rows: Sequence[Outgoing], begun: float) -> None:
        """`begun` is when leasing these began, by the loop's clock."""
        self._waiting.extend((begun + _SECONDS_TO_BEGIN, row) for row in rows)
        async with self._has_work:
            self._has_work.notify(len(rows))

    async def _next_due(self) -> datetime | None:
        find_heads = self._channel.find_heads
        if find_heads is None:
            return await self._db.read(queries.next_due, self._channel.name)
        return min((head.next_at for head in await self._db.read(find_heads)), default=None)

    async def _lease_rows(self, until: datetime, room: int) -> list[Outgoing]:
        find_heads = self._channel.find_heads
        if find_heads is None:
            return await self._db.write(queries.lease_due, self._channel.name, self._lease, until, room)
        return await self._db.write(lease_heads, find_heads, self._lease, until, room)

    # delivering ---------------------------------------------------------------------------------------------

    async def _deliver_all(self) -> None:
        loop = asyncio.get_running_loop()
        # A lane whose answer comes with its cancellation goes on with the answer (Python 3.11, `wait_for`), and would
        # then wait for work for ever.
        while not self._is_ending:
            async with self._has_work:
                await self._has_work.wait_for(lambda: self._waiting)
                begin_by, row = self._waiting.popleft()
                self._under_way.add(row.id)
            if loop.time() < begin_by:  # Later its lease might run out, and somebody else deliver it too.
                begun = loop.time()
                outcome = await self._deliver(row)
                self.tally.add(_result_of(outcome), loop.time() - begun)
                self._outcomes.append(outcome)
            self._under_way.discard(row.id)
            self._has_outcomes.set()
            if len(self._waiting) + len(self._under_way) <= self._most // 2:
                self._called.set()

    async def _deliver(self, row: Outgoing) -> Outcome:
        try:
            async with asyncio.timeout(_SECONDS_TO_DELIVER):
                await self._channel.deliver(row)
        except Refused as refused:
            return self._failed(row, refused.reason, is_final=refused.is_final)
        except TimeoutError:
            return self._failed(row, "The other side did not answer within a minute.")
        except Exception as error:
            _log.exception("message_not_delivered", channel=row.channel, message=row.message_id)
            return self._failed(row, f"A fault of the catalog: {type(error).__name__}. The log tells more.")
        self._receipts.note(row.message_id)
        return Outcome(row=row, is_sent=True)

    def _failed(self, row: Outgoing, reason: str, *, is_final: bool = False) -> Outcome:
        gap = None if is_final else next_try(row.attempts, self._channel.gaps, random.random())  # noqa: S311
        _log.warning(
            "message.refused",
            channel=row.channel,
            message=row.message_id,
            message_kind=row.kind,
            attempt=row.attempts,
            is_dead=gap is None,
            reason=reason,
        )
        return Outcome(row=row, next_at=None if gap is None else self._clock() + gap, reason=reason)

    # keeping ------------------------------------------------------------------------------------------------

    async def _keep_all(self) -> None:
        while True:
            await self._has_outcomes.wait()
            self._has_outcomes.clear()
            try:
                await self._write_outcomes_and_lease()
            except Exception:
                # Kept for the next time: what was sent must not be sent again for want of a commit.
                _log.exception("outcomes_not_kept", channel=self._channel.name)
                await asyncio.sleep(_SECONDS_AFTER_TROUBLE)
                self._has_outcomes.set()

    async def _write_outcomes_and_lease(self) -> None:
        """Where each recipient gets one after the other, what waited behind these is leased with the same commit."""
        outcomes, find_heads, room = self._outcomes[:], self._channel.find_heads, self._room()
        if find_heads is None or not outcomes or room <= 0:
            await self._write_outcomes()
            return
        begun, until = asyncio.get_running_loop().time(), self._clock() + LEASE
        rows = await self._db.write(keep_and_lease, self._lease, outcomes, find_heads, until, room)
        self._have_kept(outcomes)
        await self._hand_to_lanes(rows, begun)

    async def _write_outcomes(self) -> None:
        outcomes = self._outcomes[:]
        if outcomes:
            await self._db.write(keep_outcomes, self._lease, outcomes)
            self._have_kept(outcomes)

    def _have_kept(self, outcomes: Sequence[Outcome]) -> None:
        del self._outcomes[: len(outcomes)]
        self._receipts.forget(each.row.message_id for each in outcomes if each.is_sent)


def _result_of(outcome: Outcome) -> Result:
    if outcome.is_sent:
        return "sent"
    return "dead" if outcome.next_at is None else "refused"
