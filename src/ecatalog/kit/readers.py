"""Running queries on snapshots: at once on the caller's connection, or, for long ones, on own threads."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import TypeVar

import apsw

from ecatalog.kit.errors import Unavailable
from ecatalog.kit.tx import Session, Tx, finished

T = TypeVar("T")

_THREADS = 2
# While a read lasts the WAL is not reset: one without end lets it grow without end (sqlite.org/wal.html).
_MOST_SECONDS = 30.0
_STEPS_BETWEEN_LOOKS = 20_000


def run_query(session: Session, now: datetime, query: Callable[[Tx], T]) -> T:
    """Runs the query on one snapshot, which ends with it."""
    execute = session.cursor.execute
    execute("BEGIN")
    tx = Tx(session, now, is_write=False)
    try:
        return finished(query(tx))
    finally:
        tx.end()
        if session.connection.in_transaction:
            execute("ROLLBACK")


class LongReaders:
    """Threads with a connection each, opened when a thread first works."""

    def __init__(self, connect: Callable[[], apsw.Connection], most_seconds: float = _MOST_SECONDS) -> None:
        self._connect = connect
        self._most_seconds = most_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ecatalog-reader")
        self._own = threading.local()
        self._sessions: list[Session] = []
        self._is_closing = False
        self._turn = 0
        self._may_begin = threading.Event()
        self._may_begin.set()

    async def run(self, now: datetime, query: Callable[[Tx], T]) -> T:
        """Unavailable when the query takes too long."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, now, query)

    def forget_plans(self) -> None:
        """After a foreign write."""
        for session in self._sessions:
            session.forget_plans()

    @contextmanager
    def give_way(self) -> Iterator[None]:
        """Ends the queries that run, because the WAL cannot shrink behind them; the next wait until the block is over.

        Used in the writer's thread.
        """
        self._may_begin.clear()
        self._turn += 1
        try:
            yield
        finally:
            self._may_begin.set()

    def close(self) -> None:
        """Ends the queries that still run, then closes. Blocks."""
        self._is_closing = True
        self._threads.shutdown()
        for session in self._sessions:
            session.connection.close()

    def _run(self, now: datetime, query: Callable[[Tx], T]) -> T:
        session = self._session()
        self._may_begin.wait()
        ends, turn = monotonic() + self._most_seconds, self._turn

        def is_over() -> bool:
            return self._is_closing or self._turn != turn or monotonic() > ends

        session.connection.set_progress_handler(is_over, _STEPS_BETWEEN_LOOKS)
        try:
            return run_query(session, now, query)
        except apsw.InterruptError as error:
            if self._turn != turn:
                raise Unavailable("Much is being written just now. Ask again.", retry_after=1) from error
            raise Unavailable("This question takes too long to answer. Ask for less of it.") from error

    def _session(self) -> Session:
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = Session(self._connect())
            self._sessions.append(session)
        return session
