"""What time brings is told once: windows that begin and end, the last days, requests that wait, digests."""

from datetime import datetime

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.app import Gateway, build
from ecatalog.kit.db import Tx
from ecatalog.notices.jobs import tell_time
from ecatalog.notices.post import Post
from ecatalog.settings import Settings
from tests.cast import Caller, Cast, SettableClock, facts
from tests.notices.mailbox import Mailbox
from tests.notices.outbox import kinds, messages

ENDING, ENDED, STARTED = "access_ending", "access_ended", "access_started"


async def at(gateway: Gateway, clock: SettableClock, instant: str) -> None:
    """Two looks at the clock at this instant, as a restart makes them."""
    clock.now = datetime.fromisoformat(instant)
    for _ in range(2):
        await tell_time(gateway.door)


async def test_a_window_from_its_start_to_its_end(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    told = []
    for instant in (
        "2026-03-16T03:59:59+00:00",  # A second before the start, in New York.
        "2026-03-16T04:00:00+00:00",
        "2026-03-19T12:59:59+00:00",  # The last day is Friday 20 March: a day before it opens at nine.
        "2026-03-19T13:00:00+00:00",
        "2026-03-21T03:59:59+00:00",
        "2026-03-21T04:00:00+00:00",
        "2026-03-24T14:00:00+00:00",
    ):
        await at(gateway, clock, instant)
        told.append(await kinds(gateway, people, f"client:{people.pending.id}"))

    assert told == [
        [],
        [STARTED],
        [STARTED],
        [STARTED, ENDING],
        [STARTED, ENDING],
        [STARTED, ENDING, ENDED],
        [STARTED, ENDING, ENDED],
    ]


async def test_a_week_and_a_day_before_and_anew_after_a_renewal(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    for instant in ("2026-03-24T09:00:00+01:00", "2026-03-30T09:00:00+02:00"):
        await at(gateway, clock, instant)
    await gateway.db.write(renew_client, people.seller.actor, people.acme.id, "2026-04-30")
    await gateway.part(Post).gather_all()
    for instant in ("2026-03-31T10:00:00+02:00", "2026-04-23T09:00:00+02:00", "2026-04-29T09:00:00+02:00"):
        await at(gateway, clock, instant)

    found = await gateway.db.read(facts, "window.ending")
    mine = [fact["details"]["days"] for fact in found if fact["client_id"] == people.acme.id]
    assert mine == [7, 1, 7, 1]


async def test_nobody_is_told_at_night_or_at_the_weekend(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    """The gateway was down on Tuesday, and comes back in the night."""
    await at(gateway, clock, "2026-03-24T23:00:00+01:00")
    at_night = await kinds(gateway, people, f"client:{people.acme.id}")
    await at(gateway, clock, "2026-03-28T11:00:00+01:00")
    on_saturday = await kinds(gateway, people, f"client:{people.acme.id}")
    await at(gateway, clock, "2026-03-30T09:30:00+02:00")
    on_monday = await kinds(gateway, people, f"client:{people.acme.id}")

    assert at_night == on_saturday == []
    assert on_monday == [ENDING]  # That of the last day; that of the week is not told as well.


async def test_what_a_renewal_has_just_said_is_not_said_again(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    await Caller(gateway.asgi, people.seller).patch(path, {"access_end_date": "2026-03-13"})
    await gateway.part(Post).gather_all()
    await at(gateway, clock, "2026-03-11T10:00:00+01:00")

    assert await kinds(gateway, people, f"client:{people.acme.id}") == ["access_renewed"]


@pytest.mark.parametrize("days", [2, 5])
async def test_who_was_away_for_long_tells_no_old_news(
    gateway: Gateway, people: Cast, clock: SettableClock, days: int
) -> None:
    clock.now = datetime.fromisoformat("2026-03-31T22:00:00+00:00")
    clock.pass_(days=days)
    await tell_time(gateway.door)

    told = await kinds(gateway, people, f"client:{people.acme.id}")
    assert (ENDED in told) == (days == 2)


async def test_a_revoked_client_is_told_nothing_by_the_clock(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    await at(gateway, clock, "2026-03-24T10:00:00+00:00")
    await at(gateway, clock, "2026-04-01T10:00:00+00:00")

    told = [each.kind for each in await messages(gateway, client_id=people.revoked.id)]
    assert told == ["access_revoked"]


async def test_an_upgrade_tells_nothing_of_the_past(
    settings: Settings, clock: SettableClock, people: Cast, gateway: Gateway, mailbox: Mailbox
) -> None:
    """The first start begins after the last fact there is: a year of them makes no message. What lies ahead is told."""
    await gateway.stop()
    await gateway.db.start()
    await gateway.db.write(_forget_the_outbox)
    await gateway.db.stop()
    again = build(settings, clock=clock)
    await again.start()
    try:
        await at(again, clock, "2026-03-10T12:00:00+00:00")
        assert [(each.kind, each.client_id) for each in await messages(again)] == [(ENDING, people.bolt.id)]
    finally:
        await again.stop()


def _forget_the_outbox(tx: Tx) -> None:
    """As a database is that was never opened by a gateway with an outbox."""
    tx.run("DELETE FROM outbox")
    tx.run("DELETE FROM settings WHERE key LIKE 'outbox%'")


async def test_digests_on_mondays_only_and_once(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    for instant in (
        "2026-03-13T09:00:00+00:00",
        "2026-03-16T08:59:59+00:00",
        "2026-03-16T09:00:00+00:00",
        "2026-03-17T09:00:00+00:00",
        "2026-03-23T20:00:00+00:00",
    ):
        await at(gateway, clock, instant)

    due = [fact["details"]["user"] for fact in await gateway.db.read(facts, "digest.due")]
    assert sorted(due) == sorted([people.admin.id, people.seller.id] * 2)
