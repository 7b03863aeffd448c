"""The writer: one thread, one connection. Each action runs in a savepoint; one fsync commits the group."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from queue import Empty, SimpleQueue
from time import perf_counter

import apsw
import structlog

from ecatalog.kit.checkpoints import Checkpoints, GiveWay
from ecatalog.kit.connections import keep_wal, read_int
from ecatalog.kit.jobs import Job, Outcome, Stats, unknown
from ecatalog.kit.tx import Session, Tx, finished
from ecatalog.kit.witness import Witness

log = structlog.get_logger("ecatalog.kit.writer")

SLOW_SECONDS = 0.05
# While nobody writes, a foreign write is looked for this often.
_IDLE_SECONDS = 1.0


class Writer:
    """Owns the connection from `start` to `stop`. `deliver` is called in its thread, once per group; `give_way` while
    the WAL is emptied for which long reads have to end.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        now: Callable[[], datetime],
        busy_timeout_ms: int,
        deliver: Callable[[Outcome], None],
        witness: Witness,
        give_way: GiveWay = nullcontext,
        *,
        is_replicated: bool = False,
    ) -> None:
        self.stats = Stats()
        self._connection = connection
        self._session = Session(connection)
        self._execute = self._session.cursor.execute
        self._now = now
        self._deliver = deliver
        self._witness = witness
        self._base = (0, 0)
        self._queue: SimpleQueue[Sequence[Job] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ecatalog-writer", daemon=True)
        self._fatal: BaseException | None = None
        self._checkpoints = Checkpoints(connection, busy_timeout_ms, give_way, is_replicated=is_replicated)
        # Who replicates writes a row of its own with each of its checkpoints: nothing to warn of.
        self._tell_foreign = log.debug if is_replicated else log.warning
        self._data_version = self._read_data_version()
        self.position = self._read_position()

    def start(self) -> None:
        self._thread.start()

    def put(self, jobs: Sequence[Job]) -> None:
        """Hands over one group: one wake-up of the thread."""
        self._queue.put(jobs)

    def stop(self) -> None:
        """Waits for what was handed over, checkpoints, closes. Blocks: call it off the event loop."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (jobs := self._next_group()) is not None:
            if jobs:
                self._deliver(self._settle(jobs))
            elif self._fatal is None:
                self._look_around()
            if self._fatal is None and self._checkpoints.is_due():
                self._checkpoint()
        self._close()

    def _next_group(self) -> Sequence[Job] | None:
        try:
            return self._queue.get(timeout=_IDLE_SECONDS)
        except Empty:
            return ()

    def _settle(self, jobs: Sequence[Job]) -> Outcome:
        outcome = Outcome(jobs, refused=self._fatal)
        try:
            self._run_group(outcome)
        except BaseException as error:
            # A thread that died here would leave its callers waiting for ever.
            log.exception("writer_failed")
            outcome.fatal = error
            for job in jobs:
                job.fail(unknown())
        self._fatal = self._fatal or outcome.fatal
        return outcome

    def _run_group(self, outcome: Outcome) -> None:
        self.stats.groups += 1
        if len(outcome.jobs) > 1 and outcome.refused is None:
            if self._run_together(outcome):
                return
            self.stats.replays += 1
        for job in outcome.jobs:
            if outcome.refused is None:
                self._run_alone(job, outcome)
            else:
                job.fail(outcome.refused)

    def _run_together(self, outcome: Outcome) -> bool:
        """The whole group in one transaction. False when it came to nothing and each must run alone."""
        if not self._begin(outcome):
            return False
        good: list[tuple[Job, Tx]] = []
        try:
            for job in outcome.jobs:
                self._execute("SAVEPOINT one_action")
                tx = self._attempt(job)
                if not self._connection.in_transaction:
                    log.warning("write_group_dropped", action=job.name, error=repr(job.error))
                    return False
                if job.error is None:
                    good.append((job, tx))
                else:
                    self._execute("ROLLBACK TO one_action")
                self._execute("RELEASE one_action")
            self._commit(outcome)
        except apsw.Error as error:
            log.warning("write_group_failed", error=repr(error), jobs=len(outcome.jobs))
            self._end_badly(error, outcome)
            return False
        self._note_commit(good, outcome)
        return True

    def _run_alone(self, job: Job, outcome: Outcome) -> None:
        if not self._begin(outcome):
            job.fail(outcome.refused or unknown())
            return
        tx = self._attempt(job)
        if job.error is not None:
            self._roll_back()
            return
        try:
            self._commit(outcome)
        except apsw.Error as error:
            job.fail(error)
            self._end_badly(error, outcome)
            return
        self._note_commit(((job, tx),), outcome)

    def _begin(self, outcome: Outcome) -> bool:
        try:
            self._execute("BEGIN IMMEDIATE")
            # With the lock held no foreign write can slip in between this look and our own commit.
            self._compare_data_version(outcome)
            self._base = self._witness.count, self._connection.total_changes()
        except apsw.Error as error:
            # Somebody else's lock has just been waited for in vain: the other jobs do not wait for it again.
            outcome.refused = error
            self.stats.note(error)
            self._roll_back()
        return outcome.refused is None

    def _commit(self, outcome: Outcome) -> None:
        base, before = self._base
        changes = self._connection.total_changes() != before
        self._witness.expect(base, changes=changes)
        try:
            self._execute("COMMIT")
        except apsw.Error:
            changes = False
            raise
        finally:
            outcome.witnessed = self._witness.settle(base, changes=changes)

    def _attempt(self, job: Job) -> Tx:
        """Runs the action. What it returned or raised is in the job; the returned transaction is dead."""
        self.stats.actions += 1
        tx = Tx(self._session, self._now(), is_write=True)
        started = perf_counter()
        try:
            job.value, job.error = finished(job.action(tx, *job.args, **job.kwargs)), None
        except BaseException as error:
            # Whatever it is, it belongs to the caller, not to this thread.
            job.fail(error)
            self.stats.note(error)
        tx.end()
        took = perf_counter() - started
        self.stats.times.add(job.action, job.args, took)
        if took > SLOW_SECONDS:
            self.stats.slow += 1
            log.warning("slow_action", action=job.name, ms=round(took * 1000))
        return tx

    def _end_badly(self, error: apsw.Error, outcome: Outcome) -> None:
        self.stats.note(error)
        if isinstance(error, apsw.IOError):
            # Not tried again: after an fsync that failed, the next one may report success for lost pages.
            outcome.refused = outcome.fatal = error
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def _note_commit(self, good: Sequence[tuple[Job, Tx]], outcome: Outcome) -> None:
        self.stats.commits += 1
        for job, tx in good:
            job.is_durable = True
            outcome.touched |= tx.touched
            if tx.last_position:
                self.position = outcome.position = tx.last_position

    def _look_around(self) -> None:
        outcome = Outcome((), witnessed=self._witness.count)
        try:
            self._compare_data_version(outcome)
        except apsw.Error as error:
            log.warning("database_unreadable", error=repr(error))
            return
        if outcome.foreign_writes or not self._witness.is_certain():
            self._deliver(outcome)

    def _compare_data_version(self, outcome: Outcome) -> None:
        version = self._read_data_version()
        if version == self._data_version:
            return
        self._data_version = version
        self._witness.hold()
        self._session.forget_plans()
        self.position = outcome.position = self._read_position()
        outcome.foreign_writes += 1
        self._tell_foreign("foreign_write", position=self.position)

    def _read_data_version(self) -> int:
        return read_int(self._connection, "PRAGMA data_version")

    def _read_position(self) -> int:
        return read_int(self._connection, "SELECT coalesce(max(position), 0) FROM audit_log")

    def _checkpoint(self) -> None:
        self.stats.checkpoints += 1
        try:
            self._checkpoints.run()
        except apsw.IOError as error:
            # The next fsync may report success for pages that were lost. Only the WAL still has them all.
            log.exception("checkpoint_failed")
            self.stats.note(error)
            self._fatal = error
            self._deliver(Outcome((), fatal=error))

    def _close(self) -> None:
        if self._fatal is not None or not self._checkpoints.run_last():
            # The next start reads the WAL as the disk holds it.
            keep_wal(self._connection)
        try:
            self._connection.close()
        except apsw.Error:
            log.exception("database_not_closed")
