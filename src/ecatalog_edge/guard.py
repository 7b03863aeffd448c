"""The one place that says whether something is served at this moment, and that cuts what no longer is."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from ecatalog_client.types.serving import Begin, Change, Cut, ServedLaunch, Synced
from ecatalog_edge.clock import Clock
from ecatalog_edge.lease import Lease
from ecatalog_edge.registry import Live, Registry, cut
from ecatalog_edge.state import Denial, State, Why, ends_at, keys_in, may_serve
from ecatalog_edge.stats import Stats

log = structlog.get_logger()

SYNCING = Denial(Why.SYNCING)
SILENT = Denial(Why.SILENT)


class Guard:
    """Watched rows, time and lease on one side, live connections on the other.

    A snapshot is gathered aside and takes effect as a whole, at its `Synced`: until then nothing new is
    served, and what is live lives on under the old rows and the old lease.
    """

    def __init__(self, clock: Clock, lease: Lease, registry: Registry, stats: Stats) -> None:
        self.clock = clock
        self.lease = lease
        self.registry = registry
        self.stats = stats
        self.state = State()
        self.cookie_key = b""
        self.catalog_url = ""
        self.is_synced = False
        self._gathered: State | None = None
        self._changes = 0
        self._waiting: set[tuple[int, asyncio.Future[None]]] = set()
        self.on_instant: Callable[[datetime], None] = _ignore

    def check(self, launch: ServedLaunch | None, session_id: str) -> Denial | None:
        """None when this may be served now. Asked for every request, before anything reaches the demo."""
        if not self.is_synced:
            return SYNCING
        if not self.lease.is_live:
            return SILENT
        return may_serve(self.state, launch, session_id, self.clock.now())

    def still_serves(self, live: Live) -> bool:
        """True when it was found that this may be served, no row has changed since, and its end has not come."""
        return live.found == self._changes and self.lease.is_live and not self.clock.passed(live.ends_at)

    def found(self, live: Live) -> None:
        """`check` has just said that this may be served."""
        live.found = self._changes

    @property
    def is_gathering(self) -> bool:
        """A snapshot is under way."""
        return self._gathered is not None

    def hold(self, launch: ServedLaunch, session_id: str) -> Live:
        """Registers a visitor of this launch, whose connections can be cut from now on."""
        live = self.registry.hold(launch, session_id, ends_at(self.state, launch, session_id))
        self.on_instant(live.ends_at)
        return live

    async def applied(self, position: int, seconds: float) -> bool:
        """Waits until everything up to this position is applied; False when that took longer."""
        if self.is_synced and self.state.position >= position:
            return True
        future = asyncio.get_running_loop().create_future()
        waiter = (position, future)
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiter)
        return True

    def begin(self, begin: Begin) -> None:
        """A watch has begun: with a snapshot, what was known is void."""
        self._changes += 1
        self.cookie_key = begin.cookie_key
        self.catalog_url = begin.catalog_url
        if begin.is_snapshot:
            self._gathered = State()
            self.is_synced = False

    def change(self, change: Change) -> list[Cut]:
        """Takes over the rows, then cuts what they no longer allow; what was cut, by launch."""
        self._changes += 1
        if self._gathered is not None:
            self._gathered.apply(change)
            return []
        self.state.apply(change)
        self._tell_waiting()
        return self._review(self.registry.touched_by(keys_in(change)))

    def synced(self, synced: Synced) -> list[Cut]:
        """Everything up to this position has been told: a snapshot takes effect."""
        self._changes += 1
        if self._gathered is not None:
            self._gathered.remember(self.state)
            self.state, self._gathered = self._gathered, None
        self.state.position = max(self.state.position, synced.position)
        self.is_synced = True
        self._tell_waiting()
        return self._review(self.registry.all())

    def on_passed(self) -> None:
        """Some instant has passed: look at everything that is live."""
        self._review(self.registry.all())

    def on_silence(self) -> None:
        """The lease has ended: the gateway may have revoked anything since, so nothing is served."""
        log.warning("lease.ended", live=sum(self.registry.counts().values()))
        for live in self.registry.all():
            self._cut(live, SILENT)

    def close_all(self) -> None:
        """The edge stops."""
        for live in self.registry.all():
            self._cut(live, Denial(Why.CLOSING))

    def count_past_end(self) -> int:
        """Connections that are live although they may not be; anything but 0 is a fault."""
        return sum(len(live.connections) for live in self.registry.all() if self._denial_of(live) is not None)

    def _review(self, lives: Iterable[Live]) -> list[Cut]:
        cuts = (self._review_one(live) for live in lives)
        return [cut for cut in cuts if cut is not None]

    def _review_one(self, live: Live) -> Cut | None:
        launch = self.state.launch_at(live.launch.label) or live.launch
        if launch is not live.launch:
            self.registry.move(live, launch)
        denial = self._denial_of(live)
        if denial is not None:
            return self._cut(live, denial)
        live.ends_at = ends_at(self.state, launch, live.session_id)
        self.on_instant(live.ends_at)
        return None

    def _tell_waiting(self) -> None:
        for position, future in self._waiting:
            if self.is_synced and self.state.position >= position and not future.done():
                future.set_result(None)

    def _denial_of(self, live: Live) -> Denial | None:
        return may_serve(self.state, live.launch, live.session_id, self.clock.now())

    def _cut(self, live: Live, denial: Denial) -> Cut | None:
        if not live.connections:
            return None
        began = time.perf_counter()
        counts = cut(live, denial)
        seconds = time.perf_counter() - began
        self.stats.cut(denial.why, counts, seconds)
        log.info(
            "access.cut",
            why=denial.why,
            launch=live.launch.id,
            client=live.launch.client_id or None,
            session=live.session_id,
            connections=counts.total(),
            ms=round(seconds * 1000, 3),
            **counts,
        )
        return Cut(launch_id=live.launch.id, client_id=live.launch.client_id or "", connections=counts.total())


def _ignore(instant: datetime) -> None:
    """Until somebody watches the instants at which something ends."""
