"""When the writer moves the WAL into the database: between two groups, never inside a COMMIT whose callers wait.

Where another program replicates the database, such as Litestream, that one does it, once it has copied the WAL.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import apsw
import structlog

log = structlog.get_logger("ecatalog.kit.checkpoints")

# While the block lasts no long read runs.
GiveWay = Callable[[], AbstractContextManager[None]]

_PAGES_TO_CHECKPOINT = 1_000
# Past this a reader must be standing in the way of the WAL's reset, so the next one waits for a gap.
_PAGES_TO_RESET = 8_000
# 48 MB. Beyond, no long read of ours may stand in the way: it has to give way, and its caller to ask again.
_PAGES_TOO_MANY = 12_000
# Writers wait meanwhile, so it does not wait long.
_WAIT_MS = 100


class Checkpoints:
    """Follows the size of the WAL and empties it. One per writer connection, used in the writer's thread.

    With `is_replicated` it only helps out when the WAL has grown too large: the other program has ended, or long reads
    keep it from its work.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        busy_timeout_ms: int,
        give_way: GiveWay = nullcontext,
        *,
        is_replicated: bool = False,
    ) -> None:
        self._connection = connection
        self._give_way = give_way
        self._busy_timeout_ms = busy_timeout_ms
        self._is_replicated = is_replicated
        self._pages = 0
        self._due_from = _PAGES_TOO_MANY if is_replicated else _PAGES_TO_CHECKPOINT
        self._due_at = self._due_from
        connection.set_wal_hook(self._see)

    def is_due(self) -> bool:
        """Whether the WAL has grown enough since it was last tried."""
        return self._pages >= self._due_at

    def run(self) -> None:
        """Raises apsw.IOError when the disk failed; a reader in the way only puts it off."""
        self._due_at = self._pages + _PAGES_TO_CHECKPOINT
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if self._pages >= _PAGES_TO_RESET else apsw.SQLITE_CHECKPOINT_PASSIVE
        with self._give_way() if self._pages >= _PAGES_TOO_MANY else nullcontext():
            self._checkpoint(mode)

    def run_last(self) -> bool:
        """Before the connection is closed. False when the WAL was not emptied."""
        if self._is_replicated:
            return False
        try:
            return self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.IOError:
            log.exception("checkpoint_failed")
            return False

    def _checkpoint(self, mode: int) -> bool:
        self._connection.set_busy_timeout(_WAIT_MS)
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.IOError:
            raise
        except apsw.Error as error:
            log.info("checkpoint_put_off", error=repr(error), wal_pages=self._pages)
            return False
        finally:
            self._connection.set_busy_timeout(self._busy_timeout_ms)
        return True

    def _see(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        if pages < self._pages:
            self._due_at = self._due_from
        self._pages = pages
        return apsw.SQLITE_OK
