"""Tx: what every query and action is handed. It lives for one call, and returns lists, never cursors."""

from datetime import datetime
from typing import Any, TypeVar

import apsw

from ecatalog.kit.actor import Actor
from ecatalog.kit.codec import Plans, Row, encode_params

T = TypeVar("T")

_RECORD = """INSERT INTO audit_log (at, actor, kind, client_id, demo_id, details)
  VALUES (:at, :actor, :kind, :client, :demo, :details)"""


class Session:
    """One connection with what is kept beside it: a cursor that is used again and again, and the plans."""

    __slots__ = ("connection", "cursor", "plans")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.plans = Plans()

    def forget_plans(self) -> None:
        """After a foreign write the tables may have other columns. A transaction under way keeps the old plans."""
        self.plans = Plans()


class Tx:
    """A transaction: `now` (aware UTC, one per call) and statements with `:name` parameters.

    Values are encoded (see kit/codec.py). `Database.read` and `write` make it; after the call it raises.
    """

    __slots__ = ("_is_over", "_is_write", "_plans", "_session", "last_position", "now", "touched")

    def __init__(self, session: Session, now: datetime, *, is_write: bool) -> None:
        self.now = now
        self.touched: set[str] = set()
        self.last_position = 0
        self._session = session
        self._plans = session.plans
        self._is_write = is_write
        self._is_over = False

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """Every row as a dict of its columns, as the database holds them."""
        found = self._fetch(sql, params, named=True)
        if not found:
            return []
        names = self._plans.names[sql]
        return [dict(zip(names, row, strict=True)) for row in found]

    def all(self, kind: type[T], sql: str, **params: Any) -> list[T]:
        """Every row as a `kind` (a Struct): instants, flags and JSON columns as its fields are annotated."""
        found = self._fetch(sql, params, named=True)
        return self._plans.reader(kind, sql).read(found) if found else []

    def one(self, kind: type[T], sql: str, **params: Any) -> T | None:
        """The first row as a `kind`, None when there is none."""
        found = self._fetch(sql, params, named=True)
        if not found:
            return None
        first: T = self._plans.reader(kind, sql).read(found[:1])[0]
        return first

    def value(self, sql: str, **params: Any) -> Any:
        """The first column of the first row, None when there is no row."""
        found = self._fetch(sql, params)
        return found[0][0] if found else None

    def run(self, sql: str, **params: Any) -> int:
        """Runs a change and returns how many rows it changed (not counting those that triggers changed)."""
        self._must_write()
        connection = self._session.connection
        before = connection.total_changes()
        self._fetch(sql, params)
        # A statement that changes nothing leaves changes() at what the one before it did.
        return connection.changes() if connection.total_changes() != before else 0

    def record(
        self, kind: str, actor: Actor, *, client: str | None = None, demo: str | None = None, **details: Any
    ) -> int:
        """Appends a fact and returns its position. Who follows the log sees it after the commit."""
        self._must_write()
        params = {
            "at": self.now,
            "actor": str(actor),
            "kind": kind,
            "client": client,
            "demo": demo,
            "details": details,
        }
        self._fetch(_RECORD, params)
        self.last_position = self._session.connection.last_insert_rowid()
        return self.last_position

    def touch(self, *counters: str) -> None:
        """Names the counters (tables) whose caches are stale once this is committed."""
        self._must_write()
        self.touched.update(counters)

    def optimize(self) -> None:
        """Brings the planner's statistics up to date where they may be behind; bounded (sqlite.org/pragma.html)."""
        self._must_write()
        self._session.connection.pragma("optimize")

    def end(self) -> None:
        """The call is over: whoever kept this transaction finds it dead. Called by the database only."""
        self._is_over = True

    def _must_write(self) -> None:
        if not self._is_write:
            raise RuntimeError("A read cannot write: call the action through Database.write.")

    def _fetch(self, sql: str, params: dict[str, Any], *, named: bool = False) -> list[Row]:
        if self._is_over:
            raise RuntimeError("This transaction is over: what needs it belongs inside the action or query.")
        session = self._session
        plans = self._plans
        if sql not in plans.known:
            plans.add(sql)
        try:
            cursor = session.cursor.execute(sql, encode_params(params))
            if named and sql not in plans.names:
                plans.learn(sql, cursor)
            # fetchall drains: a statement left open would sink the COMMIT of the whole group.
            return cursor.fetchall()
        except apsw.Error:
            # The engine may have dropped the transaction (an interrupt, a full disk). Were the action to
            # catch the error and go on, its next statement would be committed by itself.
            self._is_over = not session.connection.in_transaction
            raise


def finished(result: T) -> T:
    """The result, if it is one. What would only run later would run outside of its transaction."""
    kind = type(result)
    if hasattr(kind, "__await__") or hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        raise TypeError(f"an action or query returns a finished value, not a {kind.__name__}")
    return result
