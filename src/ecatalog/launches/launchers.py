"""The launchers: of those that share an engine one is active, by a lease that is stored before it is told."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import Clock, utc_now
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import CatalogError
from ecatalog.launches import serving_queries as queries
from ecatalog.launches.moves import fill_places
from ecatalog.launches.queue_queries import find_engine
from ecatalog_client.types.serving import EngineStatus

log = structlog.get_logger()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Short, because a launcher that died keeps the next one of its engine waiting for so long.
LEASE = timedelta(seconds=15)
# Every heartbeat is answered. A launcher that hangs keeps its connection, and must not keep its engine.
_HEARD_LATELY = timedelta(seconds=4)


@dataclass(slots=True)
class Post:
    """One stream of one launcher, and what it last said of itself."""

    launcher_id: str
    engine: str
    nudge: asyncio.Event
    heard_at: datetime
    status: EngineStatus = field(default_factory=EngineStatus)
    stored: EngineStatus | None = None
    lease_until: datetime = NEVER
    is_claiming: bool = False
    is_relieved: bool = False


class LauncherHub:
    """All launchers that are connected. One per gateway."""

    def __init__(self, db: Database, *, lease: timedelta = LEASE, clock: Clock = utc_now) -> None:
        self._db = db
        self._lease = lease
        self._clock = clock
        self._posts: dict[str, Post] = {}
        self._writes: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Waits for the leases that are being written."""
        if self._writes:
            await asyncio.wait(self._writes)

    def take_post(self, launcher_id: str, engine: str) -> Post:
        """A stream of this launcher begins; an earlier one is relieved."""
        before = self._posts.get(launcher_id)
        if before is not None:
            before.is_relieved = True
            before.nudge.set()
        post = self._posts[launcher_id] = Post(launcher_id, engine, asyncio.Event(), self._clock())
        return post

    def quit_post(self, post: Post) -> None:
        """The stream is over; the lease runs on."""
        if self._posts.get(post.launcher_id) is post:
            del self._posts[post.launcher_id]

    def take_status(self, post: Post, status: EngineStatus) -> None:
        """What the launcher says of its engine. What it can hold is stored with the lease."""
        post.status, post.heard_at = status, self._clock()
        self._claim_if_due(post)

    def beat(self, post: Post) -> tuple[datetime, bool]:
        """For a heartbeat: the lease, and whether this launcher is the active one of its engine."""
        self._claim_if_due(post)
        return post.lease_until, post.lease_until > self._clock()

    async def leave(self, launcher_id: str) -> None:
        """The launcher acts no more: the next one of its engine may begin. Returns once that is durable."""
        post = self._posts.pop(launcher_id, None)
        if post is not None:
            post.is_relieved = True
            post.nudge.set()
        await self._db.write(queries.end_launcher_lease, launcher_id)

    def running(self) -> dict[str, int]:
        """How many copies each active launcher says it runs, by engine."""
        now = self._clock()
        return {post.engine: post.status.running for post in self._posts.values() if post.lease_until > now}

    def _claim_if_due(self, post: Post) -> None:
        is_active = post.lease_until > self._clock()
        is_due = post.lease_until - self._clock() < self._lease * 0.75
        has_news = is_active and (post.stored is None or _room(post.status) != _room(post.stored))
        is_heard = self._clock() - post.heard_at <= _HEARD_LATELY
        if post.is_claiming or not is_heard or not (is_due or has_news):
            return
        if self._db.read_now(queries.who_holds, post.engine) not in (None, post.launcher_id):
            return
        post.is_claiming = True
        task = asyncio.create_task(self._claim(post))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _claim(self, post: Post) -> None:
        status = post.status
        try:
            if post.is_relieved:
                return
            until = await self._db.write(claim_engine, post.launcher_id, post.engine, status, self._lease)
        except CatalogError as error:
            log.warning("launcher.lease_not_written", launcher=post.launcher_id, error=str(error))
            return
        finally:
            post.is_claiming = False
        if until is not None:
            post.lease_until, post.stored = until, status
            post.nudge.set()


def _room(status: EngineStatus) -> tuple[int, int, int]:
    return status.capacity, status.memory_mb, status.starts


def claim_engine(tx: Tx, launcher_id: str, engine: str, status: EngineStatus, lease: timedelta) -> datetime | None:
    """Until when the launcher holds the engine now; None when another one does. Who waits may get a place by it."""
    until = tx.now + lease
    had = find_engine(tx)
    if not queries.claim_engine(tx, launcher_id, engine, status, until):
        return None
    if find_engine(tx) != had:
        tx.touch("launchers")
        tx.record("launcher.ready", SYSTEM, launcher=launcher_id, engine=engine, capacity=status.capacity)
    fill_places(tx)
    return until
