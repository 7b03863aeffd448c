"""Recording use: an event and the sums of its day, in one transaction."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import apsw
import pytest

from ecatalog.kit.db import Database, Tx
from ecatalog.usage.actions import record_use
from ecatalog.usage.model import Event
from tests.cast import NOON, Cast, SettableClock


def events(tx: Tx, client_id: str) -> list[dict[str, Any]]:
    return tx.rows("SELECT * FROM usage_analytics WHERE client_id = :id ORDER BY id", id=client_id)


def days(tx: Tx, client_id: str, demo_id: str = "") -> list[dict[str, Any]]:
    return tx.rows(
        """SELECT day, opens, active_seconds, logins, failures, first_at, last_at FROM usage_daily
           WHERE client_id = :id AND demo_id = :demo_id ORDER BY day""",
        id=client_id,
        demo_id=demo_id,
    )


async def test_an_event_keeps_what_happened_and_when(db: Database, cast: Cast) -> None:
    await db.write(
        record_use,
        "active",
        client_id=cast.acme.id,
        demo_id=cast.portal,
        launch_id="a launch",
        seconds=42,
        details={"source": "keyboard"},
    )
    last = (await db.read(events, cast.acme.id))[-1]
    assert (last["event_type"], last["demo_id"], last["launch_id"]) == ("active", cast.portal, "a launch")
    assert (last["seconds"], last["details"]) == (42, '{"source":"keyboard"}')
    assert last["timestamp"] == "2026-03-10T12:00:00.000Z"


async def test_the_day_of_a_demo_adds_up(db: Database, cast: Cast, clock: SettableClock) -> None:
    about: Any = {"client_id": cast.acme.id, "demo_id": cast.portal}
    await db.write(record_use, "demo_opened", **about)
    clock.pass_(minutes=1)
    await db.write(record_use, "demo_opened", **about)
    await db.write(record_use, "active", seconds=30, **about)
    await db.write(record_use, "active", seconds=12, **about)
    clock.pass_(minutes=1)
    await db.write(record_use, "demo_failed", **about)
    assert await db.read(days, cast.acme.id, cast.portal) == [
        {
            "day": "2026-03-10",
            "opens": 2,
            "active_seconds": 42,
            "logins": 0,
            "failures": 1,
            "first_at": "2026-03-10T12:00:00.000Z",
            "last_at": "2026-03-10T12:02:00.000Z",
        }
    ]


async def test_a_login_belongs_to_no_demo(db: Database, cast: Cast) -> None:
    await db.write(record_use, "login", client_id=cast.bolt.id)
    (day,) = await db.read(days, cast.bolt.id)
    assert day["logins"] == 2, "the one of the cast, and this one"


async def test_days_are_utc_days(db: Database, cast: Cast, clock: SettableClock) -> None:
    clock.now = NOON.replace(hour=23, minute=59, second=59)
    await db.write(record_use, "demo_opened", client_id=cast.ended.id, demo_id=cast.portal)
    clock.pass_(seconds=1)
    await db.write(record_use, "demo_opened", client_id=cast.ended.id, demo_id=cast.portal)
    found = await db.read(days, cast.ended.id, cast.portal)
    assert [(day["day"], day["opens"]) for day in found] == [("2026-03-10", 1), ("2026-03-11", 1)]


async def test_use_that_is_told_late_counts_for_its_own_day(db: Database, cast: Cast) -> None:
    about: Any = {"client_id": cast.acme.id, "demo_id": cast.portal}
    for hours in (2, 3, 0, 1):
        await db.write(record_use, "demo_opened", **about, at=NOON - timedelta(hours=hours))
    await db.write(record_use, "demo_opened", **about, at=NOON - timedelta(days=2))
    before, today = await db.read(days, cast.acme.id, cast.portal)
    assert (before["day"], before["opens"]) == ("2026-03-08", 1)
    assert (today["first_at"], today["last_at"]) == ("2026-03-10T09:00:00.000Z", "2026-03-10T12:00:00.000Z")


@pytest.mark.parametrize("event", ["demo_ready", "demo_closed", "access_granted", "access_revoked", "logout"])
async def test_what_counts_nothing_moves_no_day(db: Database, cast: Cast, event: str) -> None:
    before = await db.read(days, cast.acme.id, cast.portal)
    await db.write(record_use, event, client_id=cast.acme.id, demo_id=cast.portal)
    assert await db.read(days, cast.acme.id, cast.portal) == before
    assert (await db.read(events, cast.acme.id))[-1]["event_type"] == event


async def test_every_event_fits_the_table(db: Database, cast: Cast) -> None:
    for event in Event:
        await db.write(record_use, event, client_id=cast.acme.id, demo_id=cast.portal)
    found = {row["event_type"] for row in await db.read(events, cast.acme.id)}
    assert found >= set(Event)


async def test_an_unknown_event_is_refused(db: Database, cast: Cast) -> None:
    with pytest.raises(ValueError, match="danced"):
        await db.write(record_use, "danced", client_id=cast.acme.id)


async def test_a_use_that_fails_leaves_neither_event_nor_sum(db: Database, cast: Cast) -> None:
    def act(tx: Tx) -> None:
        record_use(tx, "demo_opened", client_id=cast.acme.id, demo_id=cast.portal)
        raise LookupError

    before = await db.read(events, cast.acme.id)
    with pytest.raises(LookupError):
        await db.write(act)
    assert await db.read(events, cast.acme.id) == before
    assert await db.read(days, cast.acme.id, cast.portal) == []


# the days of all clients together -----------------------------------------------------------------------------

_OF_ALL = "SELECT * FROM usage_days ORDER BY day, demo_id"
_SUMMED = """SELECT day, demo_id, sum(opens) AS opens, sum(active_seconds) AS active_seconds, sum(logins) AS logins,
     sum(failures) AS failures, min(first_at) AS first_at, max(last_at) AS last_at
   FROM usage_daily GROUP BY day, demo_id ORDER BY day, demo_id"""


def use_of_some_days(tx: Tx, cast: Cast) -> None:
    for hours, event in enumerate(["demo_opened", "active", "active", "demo_failed", "login"] * 4):
        about: Any = {} if event == "login" else {"demo_id": cast.portal}
        for client, back in ((cast.acme, 5 * hours), (cast.bolt, 3 * hours)):
            record_use(tx, event, client_id=client.id, seconds=hours, at=NOON - timedelta(hours=back), **about)


async def test_the_days_of_all_are_the_sums_of_the_days_of_each(db: Database, cast: Cast) -> None:
    await db.write(use_of_some_days, cast)
    together = await db.read(lambda tx: tx.rows(_OF_ALL))
    assert together == await db.read(lambda tx: tx.rows(_SUMMED))
    assert len(together) == 10, "five days, with and without a demo"


async def test_a_catalog_of_before_gets_the_days_of_all(db: Database, cast: Cast, clock: SettableClock) -> None:
    await db.write(use_of_some_days, cast)
    together = await db.read(lambda tx: tx.rows(_OF_ALL))
    await db.stop()
    with closing(apsw.Connection(str(db.path))) as older:
        older.execute("DROP TABLE usage_days; PRAGMA user_version = 7")
    await db.start()
    assert await db.read(lambda tx: tx.rows(_OF_ALL)) == together
