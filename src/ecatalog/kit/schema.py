"""Whether a database has the schema that our migrations make: each object, word by word, before any of it is used.

What another could write may hold triggers, views and checks, and these are programs that run in whoever opens it.
"""

import re
from contextlib import closing
from functools import cache
from pathlib import Path

import apsw

from ecatalog.kit.connections import open_untrusted, open_writer, read_int
from ecatalog.kit.migrations import made_by, shipped_migrations

# The type, the name, the table and the SQL, as they stand in `sqlite_schema`.
Object = tuple[str, str, str, str | None]

# What others put beside our tables, and only in these words: the planner's statistics, and Litestream (0.5).
_OF_OTHERS = {
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
    "_litestream_seq": "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)",
    "_litestream_lock": "CREATE TABLE _litestream_lock (id INTEGER)",
}
_KNOWN = {("table", name, name, sql) for name, sql in _OF_OTHERS.items()}
_PLAIN = re.compile(r"\w{1,64}", re.ASCII)


def foreign_objects(path: Path) -> list[str]:
    """What of the file's schema our migrations do not make at its version, a sentence for each; empty when it is ours.

    Reads only the schema itself, so that nothing in it runs. Raises apsw.Error for what is no database.
    """
    steps = shipped_migrations()
    with closing(open_untrusted(path, 5000)) as connection:
        version, found = read_int(connection, "PRAGMA user_version"), _objects_in(connection)
    if not found:
        return ["It has no tables."]
    if not 1 <= version <= len(steps):
        return [f"It has the schema version {version}, and this program knows those from 1 to {len(steps)}."]
    return _differences(found - _KNOWN, _ours(version))


def drop_foreign_tables(path: Path) -> None:
    """Removes what others keep beside our tables: they make it anew. Only after `foreign_objects` found nothing."""
    with closing(open_writer(path, 5000)) as connection:
        for name in _OF_OTHERS:
            connection.execute(f"DROP TABLE IF EXISTS {name}")


@cache
def _ours(version: int) -> frozenset[Object]:
    with closing(made_by(shipped_migrations()[:version])) as connection:
        return _objects_in(connection)


def _objects_in(connection: apsw.Connection) -> frozenset[Object]:
    return frozenset(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


def _differences(found: frozenset[Object], ours: frozenset[Object]) -> list[str]:
    found_names, our_names = {each[:2] for each in found}, {each[:2] for each in ours}
    foreign = [f"{_named(each)} is not of the catalog." for each in found_names - our_names]
    missing = [f"{_named(each)} is missing." for each in our_names - found_names]
    changed = [f"{_named(each[:2])} is not as the catalog makes it." for each in found - ours if each[:2] in our_names]
    return [*sorted(foreign), *sorted(changed), *sorted(missing)]


def _named(each: tuple[str, str]) -> str:
    """Somebody else chose these words, and they may be shown on a terminal."""
    kind, name = (str(word) if _PLAIN.fullmatch(str(word)) else ascii(word)[:80] for word in each)
    return f"The {kind} {name}"
