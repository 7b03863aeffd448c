"""Database: two verbs. `read` runs a query on a snapshot, `write` returns once the change is durable."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from ecatalog.kit.clock import Clock, utc_now
from ecatalog.kit.connections import open_reader, open_writer, read_int
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.guards import InUse, RefusedToStart, WriterLock, check_engine, check_place, make_directory
from ecatalog.kit.jobs import Job, Outcome, Stats, trouble_of
from ecatalog.kit.migrations import migrate, shipped_migrations
from ecatalog.kit.readers import LongReaders, run_query
from ecatalog.kit.steady import SteadyClock
from ecatalog.kit.times import Times
from ecatalog.kit.tx import Session, Tx
from ecatalog.kit.witness import Witness
from ecatalog.kit.writer import Writer

__all__ = ["Database", "InUse", "RefusedToStart", "Tx"]

P = ParamSpec("P")
T = TypeVar("T")

# Callers behind a larger group would wait for everybody else's actions; the rest makes the next group.
_MOST_IN_A_GROUP = 512


class Database:
    """One SQLite file, owned by one process, and called from the event loop that called `start`.

    `position` is the last visible fact, `times` and `troubles` are those of reads; `foreign_writes` counts changes by
    somebody else's connection. `on_fatal`, if given, is called in the loop after an I/O error at COMMIT: the process
    should end, for the state of its files is unknown. From then on every write is Unavailable. `is_replicated`
    leaves the checkpoints to another program.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = utc_now,
        busy_timeout_ms: int = 5000,
        on_fatal: Callable[[BaseException], None] | None = None,
        is_replicated: bool = False,
    ) -> None:
        self.path = path
        self.position = 0
        self.foreign_writes = 0
        self.on_fatal = on_fatal
        self.times = Times()
        self.troubles: Counter[str] = Counter()
        self._now = SteadyClock(clock)
        self._busy_timeout_ms = busy_timeout_ms
        self._is_replicated = is_replicated
        self._is_open = False
        self._fatal: BaseException | None = None
        self._gathering: list[Job] = []
        self._is_in_flight = False
        self._is_called = False
        self._drained: asyncio.Future[None] | None = None
        self._is_reading = False
        self._counters: dict[str, int] = {}
        self._stamps: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._doubts = 0
        self._waiters: dict[asyncio.Future[None], Callable[[], bool]] = {}

    @property
    def stats(self) -> Stats:
        """Counts for the metrics."""
        return self._writer.stats

    async def start(self) -> None:
        """Opens the database, migrating it first. RefusedToStart says why not and what to do."""
        # With the default of 5 ms a busy event loop keeps the writer thread from the interpreter for that
        # long at each of its steps: measured 150 against 266 writes/s beside saturated reads.
        sys.setswitchinterval(0.0005)
        self._fatal = self._drained = None
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open)
        self._is_open = True
        self._writer.start()

    def _open(self) -> None:
        check_engine()
        make_directory(self.path.parent)
        check_place(self.path.parent)
        self._lock = WriterLock(self.path.parent)
        self._lock.acquire()
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            try:
                self._connect(undo)
            except apsw.Error as error:
                raise RefusedToStart(
                    f"{self.path} cannot be opened ({error}). Check its rights and its disk, "
                    "or restore it from a backup."
                ) from error
            undo.pop_all()

    def _connect(self, undo: ExitStack) -> None:
        migrate(self.path, self._now(), shipped_migrations())
        writing = open_writer(self.path, self._busy_timeout_ms)
        undo.callback(writing.close)
        read_int(writing, "SELECT count(*) FROM sqlite_schema")  # The first read makes the memory that is shared.
        self._witness = Witness(self.path)
        undo.callback(self._witness.close)
        undo.callback(writing.close)  # before the witness
        self._long = LongReaders(partial(open_reader, self.path, self._busy_timeout_ms))
        self._writer = Writer(
            writing,
            self._now,
            self._busy_timeout_ms,
            self._deliver_soon,
            self._witness,
            self._long.give_way,
            is_replicated=self._is_replicated,
        )
        self._reading = Session(open_reader(self.path, self._busy_timeout_ms))
        self.position = self._writer.position

    async def stop(self) -> None:
        """Finishes the writes that were asked for, empties the WAL, frees the lock. Twice does no harm."""
        if not self._is_open:
            return
        self._is_open = False
        self._wake()
        if self._is_in_flight or self._gathering:
            self._drained = self._loop.create_future()
            await self._drained
        await asyncio.to_thread(self._close)
        # Before the next start the file may be replaced by a backup.
        self.foreign_writes += 1
        self._stamps.clear()

    def _close(self) -> None:
        self._long.close()
        self._reading.connection.close()
        self._writer.stop()
        self._witness.close()
        self._lock.release()

    async def read(self, query: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the query on a snapshot, in the event loop: for what takes well under a millisecond."""
        return self.read_now(query, *args, **kwargs)

    def read_now(self, query: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for callers in the event loop that cannot wait (caches)."""
        if not self._is_open:
            raise _closed()
        if self._is_reading:
            raise RuntimeError("a read inside of a read would see another snapshot: hand the tx on instead")
        self._is_reading, started = True, perf_counter()
        try:
            return run_query(self._reading, self._now(), lambda tx: query(tx, *args, **kwargs))
        except apsw.Error as error:
            self.troubles.update(trouble_of(error))
            raise
        finally:
            self._is_reading = False
            self.times.add(query, args, perf_counter() - started)

    async def read_long(self, query: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the query on a snapshot in a thread: analytics, exports. Unavailable past 30 s."""
        if not self._is_open:
            raise _closed()
        started = perf_counter()
        try:
            return await self._long.run(self._now(), lambda tx: query(tx, *args, **kwargs))
        except apsw.Error as error:
            self.troubles.update(trouble_of(error))
            raise
        finally:
            self.times.add(query, args, perf_counter() - started)

    async def write(self, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the action in the writer's thread and returns what it returned, once that is durable.

        Raises what the action raised (its changes are gone then), Unavailable when the disk does not take the
        change. The action may run more than once and touches nothing but its tx. Cancelling the caller does
        not undo a write that has begun.
        """
        if not self._is_open or self._fatal is not None:
            raise _closed()
        future: asyncio.Future[T] = self._loop.create_future()
        self._gathering.append(Job(action, args, kwargs, future))
        if not self._is_in_flight and not self._is_called:
            # Not at once: the callers that this turn of the loop wakes write too, and share the fsync.
            self._is_called = True
            self._loop.call_soon(self._hand_over)
        return await future

    def _hand_over(self) -> None:
        self._is_called = False
        wanted = [job for job in self._gathering if not job.future.done()]
        group, self._gathering = wanted[:_MOST_IN_A_GROUP], wanted[_MOST_IN_A_GROUP:]
        if group:
            self._is_in_flight = True
            self._writer.put(group)
        elif self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _deliver_soon(self, outcome: Outcome) -> None:
        """Called in the writer's thread."""
        with suppress(RuntimeError):  # The loop was closed without stop(): nobody is left to be told.
            self._loop.call_soon_threadsafe(self._deliver, outcome)

    def _deliver(self, outcome: Outcome) -> None:
        self._make_visible(outcome)
        for job in outcome.jobs:
            job.settle()
        if outcome.fatal is not None and self._fatal is None:
            self._end(outcome.fatal)
        if outcome.jobs:
            self._is_in_flight = False
            if self._gathering or self._drained is not None:
                self._hand_over()

    def _make_visible(self, outcome: Outcome) -> None:
        """Before the callers hear of it, so that whoever reads after his own write finds no stale cache."""
        self._stamps.clear()
        for name in outcome.touched:
            self._counters[name] = self._counters.get(name, 0) + 1
        if outcome.foreign_writes:
            self.foreign_writes += outcome.foreign_writes
            self._reading.forget_plans()
            self._long.forget_plans()
        if outcome.witnessed is not None and (outcome.foreign_writes or not outcome.jobs):
            self._witness.tell(outcome.witnessed)
        if outcome.position is not None:
            self.position = outcome.position
        if outcome.position is not None or outcome.touched:
            self._wake()

    def _end(self, error: BaseException) -> None:
        self._fatal = error
        for job in self._gathering:
            job.fail(_closed())
            job.settle()
        self._gathering.clear()
        if self.on_fatal is not None:
            self.on_fatal(error)

    def counter(self, name: str) -> int:
        """How often a commit that touched this table became visible.

        A cache is good while its counter stands still: read it before the query that fills it, never after.
        """
        return self._counters.get(name, 0) + self.foreign_writes

    def stamp(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The counters of these tables, for caches that must be exact.

        What was kept under an equal stamp is good at this moment, also after a write by hand to the file: until the
        writer has looked at that, every stamp differs from every other.
        """
        if self._witness.is_certain():
            return self._stamps.get(names) or self._make_stamp(names)
        self._doubts -= 1
        return (self._doubts,)

    def _make_stamp(self, names: tuple[str, ...]) -> tuple[int, ...]:
        stamp = self._stamps[names] = tuple(map(self.counter, names))
        return stamp

    async def moved(self, since: int) -> int:
        """Waits until `position` is past `since`, and returns it.

        Returns after a foreign write too, at whatever position: compare `foreign_writes` before each wait.
        Unavailable once the database stops.
        """
        seen = self.foreign_writes
        await self.stirred(lambda: self.position > since or self.foreign_writes != seen)
        return self.position

    async def stirred(self, is_past: Callable[[], bool]) -> None:
        """Waits for the commit after which this holds, such as a counter that has moved: for rows without a fact.

        Asked after each commit, so it only compares. Unavailable once the database stops.
        """
        while self._is_open and not is_past():
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters[waiter] = is_past
            try:
                await waiter
            finally:
                del self._waiters[waiter]
        if not self._is_open:
            raise _closed()

    def _wake(self) -> None:
        for waiter, is_past in self._waiters.items():
            if not waiter.done() and (not self._is_open or is_past()):
                waiter.set_result(None)


def _closed() -> Unavailable:
    return Unavailable("The catalog is stopping or starting. Try again in a moment.", retry_after=1)
