"""The edges that serve: their leases, what they acknowledged, and waiting until all of them have cut.

A lease is in the table before an edge hears of it, so that a revocation waits for every edge that may still
be serving: also for one that is not connected now, and right after a restart of the gateway.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from ecatalog.kit.clock import Clock, utc_now
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError
from ecatalog.launches import serving_queries as queries
from ecatalog.launches.serving_queries import EdgeRow
from ecatalog_client.acks import Ack
from ecatalog_client.watch import boottime

log = structlog.get_logger()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# So many cuts are remembered per edge: a revocation asks for them within a second.
CUTS_KEPT = 2000
LAPSED_ARE_KEPT = timedelta(days=1)


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a position at the edges.

    `connections` were cut (of the client that was asked about) on `edges`; `waiting_for` names those that
    have not answered. Nothing that the position took away is served from `certain_at` on.
    """

    connections: int
    edges: int
    waiting_for: list[str]
    certain_at: datetime
    ms: int


@dataclass(slots=True)
class _Edge:
    """`persisted_until` is in the table;

    `told_until` is what the edge was told: never later, and what counts.

    `ends_by` is the same by a clock that nobody sets: a step of the wall clock must not end a lease early
    here while the edge still counts its seconds.
    """

    id: str
    acked: int = 0
    persisted_until: datetime = NEVER
    told_until: datetime = NEVER
    ends_by: float = float("-inf")
    sequence: int = 0
    cuts: deque[tuple[int, str, int]] = field(default_factory=lambda: deque(maxlen=CUTS_KEPT))
    seat: "Seat | None" = None
    is_renewing: bool = False


class Seat:
    """One stream of one edge. Made by `EdgeHub.sit`."""

    def __init__(self, hub: "EdgeHub", edge: _Edge) -> None:
        self.nudge = asyncio.Event()
        self._hub = hub
        self._edge = edge
        # What the edge must have applied before its lease is renewed: what it was told a heartbeat ago.
        self._required: int | None = None
        self._told = 0
        self._acked = 0

    @property
    def is_taken(self) -> bool:
        """Another stream of the same edge has begun, or the edge has left."""
        return self._edge.seat is not self

    def begin_snapshot(self) -> None:
        """What the edge knew is void, and so is what it had applied."""
        self._required, self._acked, self._edge.acked = None, 0, 0

    def synced(self, position: int) -> None:
        """The edge has been told everything up to here. Only having applied that earns a lease."""
        self._required = self._told = position

    def take(self, ack: Ack) -> None:
        """The edge has applied everything up to a position."""
        if self.is_taken:
            return
        self._acked = max(self._acked, ack.position)
        self._hub.note(self._edge, ack)
        self._hub.renew_if_due(self._edge)

    def beat(self, position: int) -> tuple[datetime, int]:
        """For a heartbeat: the lease that the edge may be told, and the last acknowledgement taken."""
        self._hub.renew_if_due(self._edge)
        if self._required is not None:
            self._required, self._told = self._told, position
        return self._hub.lease_to_tell(self._edge), self._edge.sequence

    def rise(self) -> None:
        """The stream is over; the lease runs on."""
        if not self.is_taken:
            self._edge.seat = None

    @property
    def keeps_up(self) -> bool:
        return self._required is not None and self._acked >= self._required


class EdgeHub:
    """All edges that hold a lease or had one lately.

    One per gateway; `start` it before the first edge comes.
    """

    def __init__(
        self,
        db: Database,
        lease: timedelta,
        *,
        clock: Clock = utc_now,
        boottime: Callable[[], float] = boottime,
    ) -> None:
        self._db = db
        self._lease = lease
        self._clock = clock
        self._boottime = boottime
        self._edges: dict[str, _Edge] = {}
        self._writes: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        # The highest position that was ever waited for. Whoever has not applied it is told no new lease: else
        # an edge could come to serve what the waiting has just declared cut.
        self._floor = 0

    async def start(self) -> None:
        """Loads the leases that an earlier gateway gave."""
        for row in await self._db.read(queries.list_edges):
            edge = self._edges[row.id] = _Edge(row.id, row.acked_position, persisted_until=row.lease_until)
            self._tell(edge)

    async def stop(self) -> None:
        """Waits for the leases that are being written."""
        if self._writes:
            await asyncio.wait(self._writes)

    def sit(self, edge_id: str) -> Seat:
        """A stream of this edge begins; an earlier one is over."""
        self._forget_lapsed()
        edge = self._edges.setdefault(edge_id, _Edge(edge_id))
        self._dismiss(edge)
        edge.seat = Seat(self, edge)
        return edge.seat

    def _dismiss(self, edge: _Edge) -> None:
        """Whoever sits there finds the seat taken, at once."""
        if edge.seat is not None:
            edge.seat.nudge.set()
        edge.seat = None

    def note(self, edge: _Edge, ack: Ack) -> None:
        """Takes an acknowledgement; one that is sent again (after a reconnect) adds no cuts."""
        edge.acked = max(edge.acked, ack.position)
        if ack.sequence > edge.sequence:
            edge.sequence = ack.sequence
            edge.cuts.extend((ack.position, cut.client_id, cut.connections) for cut in ack.cuts)
        self._ring()

    async def leave(self, edge_id: str, acks: Sequence[Ack]) -> None:
        """The edge serves nothing any more: nobody waits for it. Returns once that is durable."""
        edge = self._edges.get(edge_id)
        if edge is not None:
            for ack in acks:
                self.note(edge, ack)
            self._dismiss(edge)
            edge.persisted_until, edge.told_until, edge.ends_by = NEVER, NEVER, float("-inf")
            self._ring()
        await self._db.write(queries.forget_edge, edge_id)

    async def acknowledged(self, position: int, *, client_id: str | None = None, timeout: float = 1.0) -> Acknowledged:
        """Waits until every edge whose lease lives has applied the position, for at most `timeout` seconds.

        The cuts of `client_id` are summed, or all cuts without it. Asking again later completes the answer.
        """
        self._floor = max(self._floor, position)
        clock = asyncio.get_running_loop().time
        started = clock()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._silent(position):
                    await self._changed.wait()
        silent = self._silent(position)
        return Acknowledged(
            connections=sum(self._cuts(edge, position, client_id) for edge in self._edges.values()),
            edges=sum(1 for edge in self._live() if edge.acked >= position),
            waiting_for=sorted(edge.id for edge in silent),
            certain_at=max((self._end_of(edge) for edge in silent), default=self._clock()),
            ms=round((clock() - started) * 1000),
        )

    def count_live(self) -> int:
        """How many edges hold a lease."""
        return len(self._live())

    def renew_if_due(self, edge: _Edge) -> None:
        """Begins to write a new lease when a quarter of the last one is over, for an edge that keeps up."""
        is_due = edge.persisted_until - self._clock() < self._lease * 0.75
        if edge.seat is None or edge.is_renewing or not is_due or not self._has_earned(edge):
            return
        edge.is_renewing = True
        task = asyncio.create_task(self._renew(edge, edge.seat))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    def lease_to_tell(self, edge: _Edge) -> datetime:
        """What a heartbeat may say now; from then on it counts."""
        if edge.persisted_until > edge.told_until and self._has_earned(edge):
            self._tell(edge)
        return edge.told_until

    def _tell(self, edge: _Edge) -> None:
        edge.told_until = edge.persisted_until
        edge.ends_by = self._boottime() + (edge.told_until - self._clock()).total_seconds()

    def _end_of(self, edge: _Edge) -> datetime:
        """When the lease is over for certain, by either clock."""
        left = edge.ends_by - self._boottime()
        return max(edge.told_until, self._clock() + timedelta(seconds=left)) if left > 0 else edge.told_until

    def _has_earned(self, edge: _Edge) -> bool:
        return edge.seat is not None and edge.seat.keeps_up and edge.acked >= self._floor

    async def _renew(self, edge: _Edge, seat: Seat) -> None:
        try:
            if seat.is_taken:
                return
            until = await self._db.write(grant_lease, edge.id, edge.acked, self._lease)
        except CatalogError as error:
            log.warning("edge.lease_not_written", edge=edge.id, error=str(error))
            return
        finally:
            edge.is_renewing = False
        # An edge that has left meanwhile has no row any more: what was written then may not be told.
        if not seat.is_taken:
            edge.persisted_until = until
            seat.nudge.set()

    def _live(self) -> list[_Edge]:
        return [edge for edge in self._edges.values() if self._is_live(edge)]

    def _is_live(self, edge: _Edge) -> bool:
        return edge.told_until > self._clock() or edge.ends_by > self._boottime()

    def _silent(self, position: int) -> list[_Edge]:
        return [edge for edge in self._live() if edge.acked < position]

    def _cuts(self, edge: _Edge, position: int, client_id: str | None) -> int:
        return sum(
            count
            for acked, whose, count in edge.cuts
            if acked >= position and (client_id is None or whose == client_id)
        )

    def _ring(self) -> None:
        """Wakes everybody who waits, once."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _forget_lapsed(self) -> None:
        lapsed = [
            edge.id
            for edge in self._edges.values()
            if edge.seat is None and not edge.is_renewing and not self._is_live(edge)
        ]
        for edge_id in lapsed:
            del self._edges[edge_id]


def grant_lease(tx: Tx, edge_id: str, acked: int, lease: timedelta) -> datetime:
    """Writes a lease from now on, and how far the edge has come; until when it lasts."""
    until = tx.now + lease
    queries.forget_lapsed_edges(tx, tx.now - LAPSED_ARE_KEPT)
    queries.save_edge(tx, EdgeRow(id=edge_id, acked_position=acked, lease_until=until))
    return until
