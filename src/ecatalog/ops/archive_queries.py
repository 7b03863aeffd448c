"""The SQL of the archive: reading old use batch by batch, and asking the archived and the living together."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec
from apsw.ext import VTColumnAccess, make_virtual_module

from ecatalog.kit.connections import open_reader
from ecatalog.kit.db import Tx

_COLUMNS = "id, client_id, demo_id, event_type, timestamp, launch_id, seconds, details"
_BOTH = f"""CREATE TEMP VIEW usage_analytics AS
  SELECT {_COLUMNS} FROM main.usage_analytics UNION SELECT {_COLUMNS} FROM archived"""  # noqa: S608
_EVENTS = f"SELECT {_COLUMNS} FROM usage_analytics"  # noqa: S608 - names of ours


class Event(msgspec.Struct, frozen=True, array_like=True):
    """A row of `usage_analytics`, as the database holds it: a line of an archive is one, in this order."""

    id: int
    client_id: str
    demo_id: str | None
    event_type: str
    timestamp: str
    launch_id: str | None
    seconds: int
    details: str


def oldest_event_at(tx: Tx) -> str | None:
    """Reads the whole table."""
    found = tx.value("SELECT min(timestamp) FROM usage_analytics")
    return None if found is None else str(found)


def events_after(tx: Tx, event_id: int, since: datetime, until: datetime, limit: int) -> list[Event]:
    """The next events of that time (half-open), in the order in which they were recorded."""
    found = tx.rows(
        f"{_EVENTS} WHERE id > :id AND timestamp >= :since AND timestamp < :until ORDER BY id LIMIT :limit",
        id=event_id,
        since=since,
        until=until,
        limit=limit,
    )
    return [Event(**row) for row in found]


def find_event(tx: Tx, event_id: int) -> Event | None:
    found = tx.rows(f"{_EVENTS} WHERE id = :id", id=event_id)
    return Event(**found[0]) if found else None


@contextmanager
def both(database: Path, archived: Callable[[], Iterable[Event]]) -> Iterator[apsw.Connection]:
    """A connection that knows the tables of the catalog, and of use also what is archived. Nothing can be changed.

    What is in both (a crash may leave that until the next run) counts once.
    """
    with closing(open_reader(database, 5000)) as connection:
        connection.pragma("query_only", False)
        make_virtual_module(connection, "from_files", _Files(archived))  # type: ignore[arg-type]
        connection.execute(f"CREATE TEMP TABLE archived AS SELECT {_COLUMNS} FROM from_files")  # noqa: S608
        connection.execute(_BOTH)
        connection.pragma("query_only", True)
        yield connection


class _Files:
    """The events of the files as a table, for one reading."""

    columns = _COLUMNS.split(", ")
    column_access = VTColumnAccess.By_Index

    def __init__(self, archived: Callable[[], Iterable[Event]]) -> None:
        self._archived = archived

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        return map(msgspec.structs.astuple, self._archived())


def ask(connection: apsw.Connection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns, and the rows. Raises apsw.Error for what is no question, or would change something."""
    cursor = connection.cursor()
    described: list[tuple[str, str]] = []

    def look(started: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
        described[:] = started.get_description()
        return True

    # A question without an answer has no description once it is over.
    cursor.exec_trace = look
    cursor.execute(sql)
    rows = cursor.fetchall()
    return [name for name, _ in described], rows
