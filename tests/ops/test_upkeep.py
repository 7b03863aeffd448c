"""The database is kept in shape by itself: statistics each day, a look at every page each week."""

import apsw

from ecatalog.kit.db import Tx
from ecatalog.ops.upkeep import do_what_is_due
from ecatalog.web.door import Door
from tests.cast import Cast, SettableClock, facts


async def checks(door: Door) -> list[object]:
    return [fact["details"] for fact in await door.db.read(facts, "database.checked")]


def has_statistics(tx: Tx) -> bool:
    return bool(tx.value("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'"))


async def test_a_new_database_is_looked_at_after_a_week_and_then_each_week(door: Door, clock: SettableClock) -> None:
    for days, so_far in ((0, 0), (6, 0), (1, 1), (6, 1), (1, 2)):
        clock.pass_(days=days)
        await do_what_is_due(door)
        assert await checks(door) == [{"problems": []}] * so_far


async def test_the_statistics_are_made_each_day(door: Door, cast: Cast, clock: SettableClock) -> None:
    await do_what_is_due(door)
    clock.pass_(days=1)

    await do_what_is_due(door)

    assert await door.db.write(has_statistics)


async def test_what_is_found_is_a_fact(door: Door, cast: Cast, clock: SettableClock) -> None:
    await do_what_is_due(door)
    with apsw.Connection(str(door.db.path)) as connection:
        connection.pragma("foreign_keys", False)
        connection.execute(
            "INSERT INTO sessions (id, client_id, token_hash, expires_at, last_seen_at, created_at)"
            " VALUES ('s', 'nobody', 'h', :at, :at, :at)",
            {"at": "2026-03-10T12:00:00.000Z"},
        )
    clock.pass_(days=7)

    await do_what_is_due(door)

    (found,) = await checks(door)
    assert "sessions refers to a row of clients" in str(found)
