"""The post: which planners make rows of facts, and which channels deliver them. Built by `app.py`, run by `jobs.py`."""

from collections.abc import Sequence
from pathlib import Path

from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.notices.channels import Channel, Planner
from ecatalog.notices.courier import Courier
from ecatalog.notices.metrics import Tally
from ecatalog.notices.outbox import begin_outbox, gather
from ecatalog.notices.queries import find_position, kinds_after
from ecatalog.notices.receipts import Receipts

# So many facts that make no rows may be passed over before the position is written: a restart reads them again.
_FACTS_PASSED_OVER = 1000
_FACTS_AT_A_LOOK = 500


class Post:
    """Follows the facts and calls the couriers. `start` comes before any fact of this run is recorded."""

    def __init__(
        self, db: Database, clock: Clock, folder: Path, channels: Sequence[Channel], planners: Sequence[Planner]
    ) -> None:
        self.channels = {channel.name: channel for channel in channels}
        self._db = db
        self._clock = clock
        self._planners = planners
        self._receipts = Receipts(folder / "outbox.receipts")
        self._couriers = {name: Courier(db, clock, channel, self._receipts) for name, channel in self.channels.items()}
        self._written = 0
        self._seen = 0

    async def start(self) -> None:
        """Keeps the receipts of the process before, frees its leases, and finds where it stopped."""
        await self._db.write(begin_outbox, self._receipts.read())
        self._receipts.open()
        self._seen = self._written = await self._db.read(find_position)

    def stop(self) -> None:
        self._receipts.close()

    @property
    def couriers(self) -> Sequence[Courier]:
        return list(self._couriers.values())

    def tallies(self) -> Sequence[tuple[str, Tally]]:
        """How the tries ended, by channel."""
        return [(name, courier.tally) for name, courier in self._couriers.items()]

    def call(self) -> None:
        """Something may be due: the couriers look at once."""
        for courier in self._couriers.values():
            courier.call()

    async def gather_all(self) -> None:
        """Turns every fact that is visible into rows. Facts that make none cost a read, not a write."""
        while self._seen < self._db.position:
            seen, kinds = await self._db.read(kinds_after, self._seen, _FACTS_AT_A_LOOK)
            is_wanted = any(planner.wants(kind) for planner in self._planners for kind in kinds)
            if is_wanted or seen - self._written > _FACTS_PASSED_OVER:
                await self._gather_up_to(seen)
            self._seen = max(seen, self._written)

    async def _gather_up_to(self, position: int) -> None:
        while self._written < position:
            self._written, channels = await self._db.write(gather, self._planners)
            for name in channels:
                if name in self._couriers:
                    self._couriers[name].call()
