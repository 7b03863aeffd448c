"""When the writer moves the WAL into the database: between two groups, never inside a COMMIT whose callers wait."""

import apsw
import structlog

log = structlog.get_logger("ecatalog.kit.checkpoints")

_PAGES_TO_CHECKPOINT = 1_000
# Past this a reader must be standing in the way of the WAL's reset, so the next one waits for a gap.
_PAGES_TO_RESET = 8_000
# Writers wait meanwhile, so it does not wait long.
_WAIT_MS = 100


class Checkpoints:
    """Follows the size of the WAL and empties it. One per writer connection, used in the writer's thread."""

    def __init__(self, connection: apsw.Connection, busy_timeout_ms: int) -> None:
        self._connection = connection
        self._busy_timeout_ms = busy_timeout_ms
        self._pages = 0
        self._due_at = _PAGES_TO_CHECKPOINT
        connection.set_wal_hook(self._see)

    def is_due(self) -> bool:
        """Whether the WAL has grown enough since it was last tried."""
        return self._pages >= self._due_at

    def run(self) -> None:
        """Raises apsw.IOError when the disk failed; a reader in the way only puts it off."""
        self._due_at = self._pages + _PAGES_TO_CHECKPOINT
        self._checkpoint(
            apsw.SQLITE_CHECKPOINT_TRUNCATE if self._pages >= _PAGES_TO_RESET else apsw.SQLITE_CHECKPOINT_PASSIVE
        )

    def run_last(self) -> bool:
        """Before the connection is closed. False when the WAL could not be emptied."""
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
            self._due_at = _PAGES_TO_CHECKPOINT
        self._pages = pages
        return apsw.SQLITE_OK
