"""Follows the gateway's watch: applies what it tells, cuts what no longer holds, and only then acknowledges."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

import structlog

from ecatalog_client.types.serving import Begin, Change, Cut, EdgeUpdate, Heartbeat, Lost, Synced
from ecatalog_edge.deadlines import Deadlines
from ecatalog_edge.guard import Guard
from ecatalog_edge.stats import Stats

log = structlog.get_logger()


class Acks(Protocol):
    """Where acknowledgements go; never blocks."""

    def send(self, position: int, cuts: Sequence[Cut] = ()) -> None: ...


class Feed(Protocol):
    """What the edge follows: `ecatalog_client.services.EdgeGateway`, or a twin of it."""

    @property
    def acks(self) -> Acks: ...

    def watch(self, edge_id: str) -> AsyncGenerator[EdgeUpdate, None]: ...


class Follower:
    """One per edge. `take` is synchronous: when it returns, what had to be closed is closed."""

    def __init__(self, feed: Feed, edge_id: str, guard: Guard, deadlines: Deadlines, stats: Stats) -> None:
        self._feed = feed
        self._edge_id = edge_id
        self._guard = guard
        self._deadlines = deadlines
        self._stats = stats
        self._is_caught_up = False

    async def run(self) -> None:
        """For as long as the edge lives; the watch reconnects by itself."""
        async with aclosing(self._feed.watch(self._edge_id)) as updates:
            async for update in updates:
                self.take(update)

    def take(self, update: EdgeUpdate) -> None:
        match update:
            case Heartbeat():
                self._heard(update)
            case Change():
                self._changed(update)
            case Synced():
                self._is_caught_up = True
                self._acknowledge(update.position, self._guard.synced(update))
                log.info("watch.synced", position=update.position)
            case Begin():
                self._is_caught_up = False
                self._guard.begin(update)
                log.info("watch.began", epoch=update.epoch, is_snapshot=update.is_snapshot)
            case Lost():
                self._is_caught_up = False
                self._stats.streams_lost += 1
                log.warning("watch.lost", reason=update.reason, lease_seconds=max(0, round(self._guard.lease.left, 1)))

    def _changed(self, change: Change) -> None:
        cuts = self._guard.change(change)
        # Within a snapshot there is nothing to acknowledge: it takes effect as a whole.
        if not self._guard.is_gathering:
            self._acknowledge(change.position, cuts)

    def _heard(self, heartbeat: Heartbeat) -> None:
        """A lease is taken only while everything that was told before is applied."""
        self._stats.heartbeats += 1
        clock = self._guard.clock
        steps = clock.steps_back
        clock.heard(heartbeat.now, heartbeat.received_at_boottime)
        if clock.steps_back != steps:
            log.error("clock.went_back", heard=heartbeat.now.isoformat(), now=clock.now().isoformat())
        if self._is_caught_up:
            self._guard.lease.renew(heartbeat.now, heartbeat.lease_until, heartbeat.received_at_boottime)
            self._deadlines.renewed()

    def _acknowledge(self, position: int, cuts: list[Cut]) -> None:
        if position > 0:
            self._feed.acks.send(position, cuts)
