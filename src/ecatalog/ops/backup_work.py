"""Which backup is being made or checked just now, for whoever looks on; what somebody began goes on without them."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog

from ecatalog.kit.clock import Clock
from ecatalog.kit.errors import CatalogError

_log = structlog.get_logger("ecatalog.ops")


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is empty for a backup that gets one when it is made."""

    kind: Literal["making", "checking"]
    since: datetime
    name: str = ""


class BackupWork:
    """One at a time, as the lock beside the database has it. In memory: a process that ends takes its work along."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.under_way: Work | None = None
        self.refused = ""
        """Why what somebody began last did not end well, in a sentence."""

    @contextmanager
    def noted(self, kind: Literal["making", "checking"], name: str = "") -> Iterator[None]:
        """While the block lasts it is what is under way, unless something is."""
        mine = Work(kind=kind, since=self._clock(), name=name)
        if self.under_way is None:
            self.under_way = mine
        try:
            yield
        finally:
            if self.under_way is mine:
                self.under_way = None

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Runs it beside the page that asked for it; what was begun before goes on, and this one is let go."""
        if self._task is not None and not self._task.done():
            work.close()
            return
        self.refused = ""
        self._task = asyncio.create_task(self._run(work), name="backup")

    async def _run(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except CatalogError as error:
            self.refused = error.message
        except Exception:
            self.refused = "Something broke on our side: the log of the gateway says what."
            _log.exception("backup_work_failed")

    async def ended(self) -> None:
        """Waits until what was begun is over."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        """Ends what was begun: its process dies with it, and leaves no backup."""
        if self._task is not None:
            self._task.cancel()
        await self.ended()
