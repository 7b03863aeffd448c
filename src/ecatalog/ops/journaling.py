"""Keeping the journal of revocations while the gateway runs: it follows the log of facts, and writes what changed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal, TypeVar

import structlog

from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.facts import Fact, last_position
from ecatalog.launches.serving import identity_of
from ecatalog.ops import standing_queries as queries
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import place_of, positions_kept
from ecatalog.ops.journal import JournalWriter, Line
from ecatalog.ops.standings import Standing, Subject, subject_of
from ecatalog.web.door import Door

T = TypeVar("T")

_MOST_AT_A_TIME = 500
# Writers come in groups: one fsync of ours for many of theirs.
_SECONDS_BETWEEN_ROUNDS = 0.05
_SECONDS_AFTER_A_FAILURE = 10.0
_BETWEEN_SHORTENINGS = timedelta(days=1)

_log = structlog.get_logger("ecatalog.ops")


class RevocationJournal:
    """Keeps the journal from `start`, which comes before anybody is served, to `stop`, when nobody is any more.

    A place that cannot be written is logged and tried again: the catalog goes on without it. Without anybody who could
    open a backup, there is nothing to keep a journal for.
    """

    def __init__(self, door: Door, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._door = door
        self._sleep = sleep
        self._writer: JournalWriter | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None
        self._epoch = ""
        self._position = 0
        self._shorten_at = door.clock()

    @property
    def is_kept(self) -> bool:
        """False while changes are missing in it because its place, or the note beside the database, is not written."""
        return self._task is None or self._writer is not None

    async def start(self) -> None:
        """Returns once the journal says that it is open: until it says `closed` again, something may be missing."""
        if not self._door.settings.makes_backups:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ecatalog-journal")
        await self._try(self._begin)
        self._task = asyncio.create_task(self._follow(), name="keep_journal")

    async def stop(self) -> None:
        """Writes what is left, and the mark of an orderly end. Twice does no harm."""
        if self._task is None or self._thread is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self._try(self._end)
        self._thread.shutdown(wait=False)

    async def _follow(self) -> None:
        while True:
            seen = self._door.db.position
            is_kept = await self._try(self._begin if self._writer is None else self.catch_up)
            if is_kept:
                await self._try(self.shorten_if_due)
                await self._door.db.moved(seen)
            await self._sleep(_SECONDS_BETWEEN_ROUNDS if is_kept else _SECONDS_AFTER_A_FAILURE)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except Unavailable:
            return True  # The database has stopped: `moved` says so too.
        except Exception:
            _log.exception("journal_not_kept")
            self._writer = None
            return False
        return True

    async def _begin(self) -> None:
        writer, last = await self._in_thread(self._open)
        db = self._door.db
        self._epoch = (await db.read(identity_of)).epoch
        now = await db.read(last_position)
        # After a restore the numbers begin again, below where the journal was.
        self._position = now if last is None else min(last.position, now)
        self._writer = writer
        await self._append("opened")
        await self.catch_up()

    def _open(self) -> tuple[JournalWriter, Line | None]:
        data = self._door.settings.data
        writer = JournalWriter(place_of(self._door.settings).store, signing_key(data), data)
        return writer, writer.resume()

    async def _end(self) -> None:
        if self._writer is not None:
            await self.catch_up()
            await self._append("closed")

    async def catch_up(self) -> None:
        """Writes every change that is visible by now."""
        db = self._door.db
        epoch = (await db.read(identity_of)).epoch
        if epoch != self._epoch:
            self._epoch = epoch
            await self._append("opened")
        while facts := await db.read(queries.list_changes, self._position, _MOST_AT_A_TIME):
            standings = await db.read(standings_after, facts)
            self._position = facts[-1].position
            await self._append("standing", standings)
        self._position = max(self._position, await db.read(last_position))

    async def shorten_if_due(self) -> None:
        """Once a day, and at the start: leaves out what is older than the oldest backup."""
        if self._writer is None or self._door.clock() < self._shorten_at:
            return
        self._shorten_at = self._door.clock() + _BETWEEN_SHORTENINGS
        left_out = await self._in_thread(self._shorten, self._writer)
        if left_out:
            _log.info("journal_shortened", lines=left_out)

    def _shorten(self, writer: JournalWriter) -> int:
        settings = self._door.settings
        return writer.shorten(positions_kept(place_of(settings), signing_key(settings.data).public_key()))

    async def _append(self, kind: Literal["opened", "standing", "closed"], standings: Sequence[Standing] = ()) -> None:
        what: Sequence[Standing | None] = standings if kind == "standing" else (None,)
        if not what:
            return
        at, epoch, position = self._door.clock(), self._epoch, self._position
        lines = [Line(kind=kind, epoch=epoch, position=position, at=at, after="", standing=each) for each in what]
        assert self._writer is not None
        await self._in_thread(self._writer.append, lines)

    async def _in_thread(self, call: Callable[..., T], *args: object) -> T:
        """In one thread, and not given up with a task: what was handed over is written first, and whole."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, call, *args))


def standings_after(tx: Tx, facts: Sequence[Fact]) -> list[Standing]:
    """The standing, as it is now, of each whom these facts are about, in the order of the first fact about it."""
    subjects = dict.fromkeys(subject for fact in facts if (subject := subject_of(fact)) is not None)
    return [standing for subject in subjects if (standing := _standing_of(tx, subject)) is not None]


def _standing_of(tx: Tx, subject: Subject) -> Standing | None:
    match subject.kind:
        case "grant":
            return queries.grant_standing(tx, subject.id, subject.demo_id)
        case "client":
            return queries.client_standing(tx, subject.id)
        case "user":
            return queries.user_standing(tx, subject.id)
        case _:
            return queries.token_standing(tx, subject.id)
