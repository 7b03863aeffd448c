"""`Database.read`, `read_now` and `read_long`: queries on a snapshot, which cannot write."""

import asyncio
import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import to_text
from ecatalog.kit.codec import encode_params, encode_value
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.readers import LongReaders
from tests.kit.rows import keys, put

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNT_FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Colour(StrEnum):
    RED = "red"


class Part(msgspec.Struct):
    size: int


class Thing(msgspec.Struct, kw_only=True):
    """A field of every sort that a column can hold."""

    name: str
    note: str | None
    count: int
    weight: float
    is_good: bool
    colour: Colour
    at: datetime
    until: datetime | None
    words: list[str]
    sizes: dict[str, int]
    times: dict[str, datetime]
    part: Part
    parts: tuple[Part, ...]
    maybe: list[int] | None


THING = Thing(
    name="[1]",
    note="null",
    count=3,
    weight=1.5,
    is_good=True,
    colour=Colour.RED,
    at=NOON,
    until=None,
    words=["a", "b"],
    sizes={"a": 1},
    times={"ready": NOON},
    part=Part(1),
    parts=(Part(1), Part(2)),
    maybe=None,
)
AS_COLUMNS = "SELECT " + ", ".join(f":{name} AS {name}" for name in Thing.__struct_fields__)


async def test_a_row_becomes_a_struct_and_its_json_columns_what_they_hold(db: Database) -> None:
    found = await db.read(lambda tx: tx.one(Thing, AS_COLUMNS, **msgspec.structs.asdict(THING)))
    assert found == THING


async def test_columns_that_the_struct_does_not_have_are_left_out(db: Database) -> None:
    assert await db.read(lambda tx: tx.all(Part, "SELECT 1 AS size, 'x' AS search")) == [Part(1)]


async def test_of_two_columns_of_one_name_the_last_counts(db: Database) -> None:
    assert await db.read(lambda tx: tx.one(Part, "SELECT 1 AS size, count(*), 2 AS size")) == Part(2)


async def test_a_field_without_a_column_has_its_default_or_is_missed(db: Database) -> None:
    class Whole(msgspec.Struct):
        size: int
        name: str = "none"

    assert await db.read(lambda tx: tx.one(Whole, "SELECT 1 AS size")) == Whole(1)
    with pytest.raises(msgspec.ValidationError, match="size"):
        await db.read(lambda tx: tx.one(Whole, "SELECT 'x' AS name"))


async def test_a_query_that_finds_nothing_says_so(db: Database) -> None:
    def look(tx: Tx) -> tuple[object, ...]:
        sql = "SELECT key FROM settings WHERE key = :key"
        return tx.rows(sql, key="a"), tx.all(Part, sql, key="a"), tx.one(Part, sql, key="a"), tx.value(sql, key="a")

    assert await db.read(look) == ([], [], None, None)


async def test_the_first_of_several_rows_is_the_one(db: Database) -> None:
    def look(tx: Tx) -> tuple[object, ...]:
        sql = "SELECT 1 AS size UNION ALL SELECT 2 ORDER BY 1"
        return tx.one(Part, sql), tx.value(sql), tx.all(Part, sql)

    assert await db.read(look) == (Part(1), 1, [Part(1), Part(2)])


async def test_one_statement_may_become_rows_of_several_types(db: Database) -> None:
    class Other(msgspec.Struct):
        size: str

    def look(tx: Tx) -> tuple[object, ...]:
        sql = "SELECT '1' AS size"
        return tx.one(Part, sql), tx.one(Other, sql), tx.rows(sql)

    assert await db.read(look) == (Part(1), Other("1"), [{"size": "1"}])


async def test_a_list_of_ids_is_one_parameter(db: Database) -> None:
    sql = "SELECT value FROM json_each(:ids) ORDER BY value"
    assert await db.read(lambda tx: [row["value"] for row in tx.rows(sql, ids=["b", "a"])]) == ["a", "b"]


def test_values_have_one_column_form() -> None:
    assert encode_params({"a": None, "b": True, "c": b"x"}) == {"a": None, "b": True, "c": b"x"}
    assert encode_value(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-03-01T12:00:00.000Z"
    assert encode_value(Colour.RED) == "red"
    assert encode_value(("a", 1)) == '["a",1]'
    assert encode_value(Part(1)) == '{"size":1}'
    assert encode_value({}) == "{}"


@pytest.mark.parametrize("value", [object(), timedelta(1), datetime(2026, 3, 1)])  # noqa: DTZ001
def test_a_value_without_a_column_form_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_value(value)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_the_order_of_columns_is_the_order_of_instants(one: datetime, other: datetime) -> None:
    def cut(instant: datetime) -> datetime:
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    assert (encode_value(one) < encode_value(other)) == (cut(one) < cut(other))
    assert len(to_text(one)) == 24


async def test_rows_become_structs_only(db: Database) -> None:
    with pytest.raises(TypeError, match="Struct"):
        await db.read(lambda tx: tx.all(dict, "SELECT 1 AS a"))


async def test_what_the_type_forbids_is_not_read(db: Database) -> None:
    with pytest.raises(msgspec.ValidationError):
        await db.read(lambda tx: tx.all(Part, "SELECT 'many' AS size"))


async def test_all_statements_of_a_query_see_one_snapshot(db: Database) -> None:
    def look(tx: Tx) -> tuple[set[str], set[str]]:
        first = keys(tx)
        asyncio.run_coroutine_threadsafe(db.write(put, "b"), loop).result()
        return first, keys(tx)

    loop = asyncio.get_running_loop()
    await db.write(put, "a")
    # read_long works beside the event loop, so a write can be durable between its two statements.
    assert await db.read_long(look) == ({"a"}, {"a"})
    assert await db.read_long(keys) == {"a", "b"}


async def test_a_read_sees_every_write_that_has_returned(db: Database) -> None:
    for i in range(20):
        await db.write(put, f"k{i}")
        assert len(db.read_now(keys)) == i + 1


async def test_an_uncommitted_change_is_seen_by_nobody(db: Database) -> None:
    def change(tx: Tx) -> set[str]:
        put(tx, "a")
        return asyncio.run_coroutine_threadsafe(db.read(keys), loop).result()

    loop = asyncio.get_running_loop()
    assert await db.write(change) == set()


@pytest.mark.parametrize("name", ["read", "read_long"])
async def test_a_read_cannot_write(db: Database, name: str) -> None:
    read: Any = getattr(db, name)
    for action in (
        lambda tx: put(tx, "a"),
        lambda tx: tx.run("DELETE FROM settings"),
        lambda tx: tx.record("note.added", SYSTEM),
        lambda tx: tx.touch("settings"),
    ):
        with pytest.raises(RuntimeError, match="cannot write"):
            await read(action)
    with pytest.raises(apsw.ReadOnlyError):
        await read(lambda tx: tx.rows("DELETE FROM settings RETURNING key"))
    assert await read(keys) == set()


async def test_a_read_that_raises_ends_its_snapshot(db: Database) -> None:
    def fail(tx: Tx) -> None:
        keys(tx)
        raise KeyError("a")

    for name in ("read", "read_long"):
        with pytest.raises(KeyError):
            await getattr(db, name)(fail)
    await db.write(put, "a")
    assert await db.read(keys) == {"a"}
    assert await db.read_long(keys) == {"a"}


async def test_a_read_inside_of_a_read_is_refused(db: Database) -> None:
    with pytest.raises(RuntimeError, match="inside of a read"):
        await db.read(lambda _: db.read_now(keys))
    assert await db.read(keys) == set()


async def test_a_long_read_leaves_the_event_loop_free(db: Database) -> None:
    def wait(_: Tx) -> str:
        is_waiting.set()
        go_on.wait()
        return threading.current_thread().name

    is_waiting, go_on = threading.Event(), threading.Event()
    task = asyncio.ensure_future(db.read_long(wait))
    await asyncio.to_thread(is_waiting.wait)
    await db.write(put, "a")
    go_on.set()
    assert (await task).startswith("ecatalog-reader")


async def test_a_read_that_takes_too_long_is_ended(db: Database) -> None:
    from functools import partial

    from ecatalog.kit.connections import open_reader

    long = LongReaders(partial(open_reader, db.path, 0), most_seconds=0.0)
    with pytest.raises(Unavailable, match="too long"):
        await long.run(NOON, lambda tx: tx.value(COUNT_FOR_EVER))
    long.close()


async def test_stop_ends_long_reads(db: Database) -> None:
    def count(tx: Tx) -> Any:
        is_counting.set()
        return tx.value(COUNT_FOR_EVER)

    db._long._most_seconds = math.inf
    is_counting = threading.Event()
    task = asyncio.ensure_future(db.read_long(count))
    await asyncio.to_thread(is_counting.wait)
    await db.stop()
    with pytest.raises(Unavailable):
        await task
