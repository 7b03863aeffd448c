"""Rows are delivered once: what is refused is tried again or dies with its reason; a crash repeats nothing answered."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecatalog.access.actions import renew_client
from ecatalog.app import Gateway, build
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.notices import queries
from ecatalog.notices.channels import GAPS
from ecatalog.notices.links import Links
from ecatalog.notices.outbox import gather, replay_message
from ecatalog.notices.planning import MAIL, MailPlanner
from ecatalog.notices.post import Post
from ecatalog.settings import Settings
from tests.cast import Caller, Cast, SettableClock, facts
from tests.notices.mailbox import Mailbox
from tests.notices.outbox import Row, messages, states, until

RENEWED = "access_renewed"


async def renew(gateway: Gateway, people: Cast, end: str = "2026-05-01") -> None:
    answer = await Caller(gateway.asgi, people.seller).patch(
        f"/api/clients/{people.acme.id}/renew", {"access_end_date": end}
    )
    assert answer.status == 200, answer.body


async def test_a_mail_goes_out_and_its_row_is_sent(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    await renew(gateway, people)

    mail = await mailbox.to("client@acme.test", "more time")
    row = await until(gateway, "sent", RENEWED)

    assert row == (RENEWED, "sent", 1, "")
    assert mail["Message-ID"].endswith("@ecatalog.test>")


async def test_many_mails_share_a_few_connections(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    for day in range(1, 29):
        await renew(gateway, people, f"2026-05-{day:02}")
    await mailbox.wait_for(28)

    assert mailbox.connections <= 4


async def test_a_temporary_refusal_is_tried_again_under_the_same_id(
    gateway: Gateway, people: Cast, mailbox: Mailbox, clock: SettableClock
) -> None:
    tried: list[str] = []
    mailbox.answer = lambda mail: tried.append(mail["Message-ID"]) or "451 try later"  # type: ignore[func-returns-value]
    await renew(gateway, people)
    refused = await until(gateway, "pending", RENEWED, tries=1)
    mailbox.answer = lambda mail: "250 OK"
    clock.pass_(minutes=2)
    gateway.part(Post).call()
    mail = await mailbox.to("client@acme.test", "more time")

    assert "451" in refused[3]
    assert mail["Message-ID"] in tried
    assert await until(gateway, "sent", RENEWED) == (RENEWED, "sent", 2, "")


async def test_after_five_tries_a_message_is_dead_and_is_replayed_by_hand(
    gateway: Gateway, people: Cast, mailbox: Mailbox, clock: SettableClock
) -> None:
    tried: list[str] = []
    mailbox.answer = lambda mail: tried.append(mail["Message-ID"]) or "452 full"  # type: ignore[func-returns-value]
    await renew(gateway, people)
    for number, gap in enumerate(GAPS):
        await until(gateway, "pending", RENEWED, tries=number + 1)
        clock.pass_(seconds=gap.total_seconds() * 1.3)
        gateway.part(Post).call()
    dead = await until(gateway, "dead", RENEWED)
    mailbox.answer = lambda mail: "250 OK"
    told = next(each for each in await messages(gateway, state="dead") if each.kind == RENEWED)
    again = await gateway.db.write(replay_message, people.admin.actor, str(told.id))
    gateway.part(Post).call()
    mail = await mailbox.to("client@acme.test", "more time")

    assert dead == (RENEWED, "dead", 5, "The mail server said 452: full")
    assert again.state == "pending"
    assert tried.count(mail["Message-ID"]) == 5
    reasons = [fact["details"]["reason"] for fact in await gateway.db.read(facts, "message.dead")]
    assert set(reasons) == {"The mail server said 452: full"}
    assert [each["actor"] for each in await gateway.db.read(facts, "message.replayed")] == [f"admin:{people.admin.id}"]


async def test_an_address_that_does_not_exist_is_tried_once_and_a_corrected_one_counts(
    gateway: Gateway, people: Cast, mailbox: Mailbox
) -> None:
    mailbox.rcpt_answer = "550 no such user"
    await renew(gateway, people)
    dead = await until(gateway, "dead", RENEWED)
    mailbox.rcpt_answer = "250 OK"
    admin = Caller(gateway.asgi, people.admin)
    await admin.patch(f"/api/clients/{people.acme.id}", {"email": "right@acme.test"})
    [told] = await messages(gateway, state="dead", client_id=people.acme.id)
    assert (await admin.post(f"/api/messages/{told.id}/replay")).status == 200

    assert dead == (RENEWED, "dead", 1, "The mail server said 550: no such user")
    assert await mailbox.to("right@acme.test", "more time")


async def test_what_got_no_answer_comes_again_under_the_same_id(
    gateway: Gateway, people: Cast, mailbox: Mailbox, clock: SettableClock
) -> None:
    mailbox.answer = lambda mail: None
    await renew(gateway, people)
    first = await mailbox.to("client@acme.test", "more time")
    await until(gateway, "pending", RENEWED, error="broke before it answered")
    mailbox.answer = lambda mail: "250 OK"
    clock.pass_(minutes=2)
    gateway.part(Post).call()
    await until(gateway, "sent", RENEWED)

    same = [mail for mail in mailbox.mails if mail["Message-ID"] == first["Message-ID"]]
    assert len(same) == 2
    assert same[0].as_bytes() == same[1].as_bytes()


async def test_a_server_that_is_away_is_waited_for(
    gateway: Gateway, people: Cast, mailbox: Mailbox, clock: SettableClock, settings: Settings
) -> None:
    await until(gateway, "sent", "access_revoked")
    await gateway.stop()
    without = build(replace(settings, smtp_url="smtp://127.0.0.1:1?starttls=never"), clock=clock)
    await without.start()
    try:
        await renew(without, people)
        row = await until(without, "pending", RENEWED, error="was not reached")
    finally:
        await without.stop()

    assert row[2] == 1


async def test_an_account_that_was_closed_gets_nothing(
    gateway: Gateway, people: Cast, mailbox: Mailbox, clock: SettableClock
) -> None:
    mailbox.answer = lambda mail: "451 later"
    asked = await Caller(gateway.asgi, people.acme).post(
        "/api/requests", {"request_type": "renewal", "requested_end_date": "2026-05-01"}
    )
    assert asked.status == 201
    await until(gateway, "pending", "request_received", tries=1)
    await Caller(gateway.asgi, people.admin).patch(f"/api/users/{people.seller.id}", {"is_disabled": True})
    clock.pass_(minutes=2)
    gateway.part(Post).call()

    assert "closed" in (await until(gateway, "dead", "request_received"))[3]


# crashes ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def crashed(gateway: Gateway, people: Cast, mailbox: Mailbox) -> Database:
    """The database of a gateway that is gone, after its mails so far went out. Whoever asks starts another."""
    await until(gateway, "sent", "access_revoked")
    await gateway.stop()
    return gateway.db


async def test_facts_that_no_message_was_made_of_are_not_lost(
    crashed: Database, settings: Settings, people: Cast, mailbox: Mailbox, clock: SettableClock
) -> None:
    """The crash came between the commit of the fact and the outbox."""
    await crashed.start()
    await crashed.write(renew_client, SYSTEM, people.acme.id, "2026-05-01")
    await crashed.stop()

    await deliver(settings, clock)

    assert mailbox.subjects("client@acme.test") == ["You have more time for the demos"]


async def test_a_lease_of_a_process_that_is_gone_is_freed_at_the_next_start(
    crashed: Database, settings: Settings, people: Cast, mailbox: Mailbox, clock: SettableClock, gateway: Gateway
) -> None:
    """The crash came after the lease, before the mail."""
    await lease_a_renewal(gateway, people)

    await deliver(settings, clock)

    assert mailbox.subjects("client@acme.test") == ["You have more time for the demos"]


async def test_what_was_answered_is_not_sent_again(
    crashed: Database, settings: Settings, people: Cast, mailbox: Mailbox, clock: SettableClock, gateway: Gateway
) -> None:
    """The crash came after the answer, before the commit that says so: the receipt is there."""
    message_id = await lease_a_renewal(gateway, people)
    receipts(settings).write_text(f"{message_id}\n01a2-cut-o")

    after = await deliver(settings, clock)

    assert mailbox.subjects("client@acme.test") == []
    assert [row[1] for row in after if row[0] == RENEWED] == ["sent"]
    assert message_id not in receipts(settings).read_text()


def receipts(settings: Settings) -> Path:
    return settings.data / "outbox.receipts"


async def lease_a_renewal(gateway: Gateway, people: Cast) -> str:
    """Leaves a row as a process leaves it that dies while it delivers; its message id."""
    db = gateway.db
    await db.start()
    await db.write(renew_client, SYSTEM, people.acme.id, "2026-05-01")
    await db.write(gather, [MailPlanner(Links("s" * 43, ""))])
    until_then = gateway.door.clock() + timedelta(minutes=5)
    rows = await db.write(queries.lease_due, MAIL, "another process", until_then, 10)
    await db.stop()
    return next(row.message_id for row in rows if row.kind == RENEWED)


async def deliver(settings: Settings, clock: SettableClock) -> list[Row]:
    """Starts another gateway over the same data, and stops it when nothing waits any more; the rows then."""
    gateway = build(settings, clock=clock)
    await gateway.start()
    try:
        await gateway.part(Post).gather_all()
        await until(gateway, "sent", RENEWED)
        return await gateway.db.read(states)
    finally:
        await gateway.stop()


async def test_stopping_gives_back_what_was_not_begun(
    gateway: Gateway, people: Cast, settings: Settings, mailbox: Mailbox, clock: SettableClock
) -> None:
    for day in range(1, 29):
        await renew(gateway, people, f"2026-05-{day:02}")
    await gateway.part(Post).gather_all()
    await gateway.stop()
    await deliver(settings, clock)
    await mailbox.wait_for(28)

    assert len(mailbox.subjects("client@acme.test")) == 28
