"""Webhooks against a real server: signed, in order for each, with a deadline, and never to where they must not go."""

import asyncio
import base64
import hmac
import json
import re
from pathlib import Path
from typing import Any

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.notices.webhook_keeping import change_webhook, replace_secret, replay_delivery
from ecatalog.notices.webhook_model import secret_of
from ecatalog.notices.webhook_planning import PAUSED
from ecatalog.notices.webhooks import GAPS, purpose_of
from tests.architecture.code import ROOT
from tests.cast import Cast, SettableClock, facts
from tests.guides.typing_blocks import blocks
from tests.notices.hooks import Receiver, Stand

GUIDE = "docs/guide/webhooks.md"
(VERIFYING,) = blocks(GUIDE, language="python")

# what is sent -------------------------------------------------------------------------------------------------


async def test_a_fact_is_told_and_the_receiver_verifies_it(stand: Stand, receiver: Receiver, cast: Cast) -> None:
    webhook_id, secret = await stand.add(receiver.url(), kinds=["test.told"])
    await stand.tell(7, client=cast.acme.id, demo=cast.desk)
    (got,) = await receiver.until(1)
    assert got.is_signed_by(secret)
    assert not got.is_signed_by(secret_of(b"another" * 5))
    assert got.headers["webhook-timestamp"] == str(int(stand.clock().timestamp()))
    assert got.headers["content-type"] == "application/json"
    told = got.json
    assert told.keys() == {"type", "timestamp", "data"}
    assert (told["type"], told["timestamp"]) == ("test.told", "2026-03-10T12:00:00.000Z")
    data = told["data"]
    assert (data["client_id"], data["demo_id"], data["actor"]) == (cast.acme.id, cast.desk, "system")
    assert data["details"] == {"number": 7}
    (message,) = await stand.until(webhook_id, "sent")
    assert message.message_id == got.id


async def test_the_receiver_verifies_it_as_the_guide_says(stand: Stand, receiver: Receiver) -> None:
    _, secret = await stand.add(receiver.url())
    await stand.tell(7)
    (got,) = await receiver.until(1)

    def is_ours(secret: str) -> Any:
        here = {"base64": base64, "hmac": hmac, "headers": got.headers, "body": got.body, "secret": secret}
        exec(VERIFYING, here)
        return here["is_ours"]

    assert is_ours(secret)
    assert not is_ours(secret_of(b"another" * 5))


async def test_what_is_sent_has_the_fields_of_the_example_in_the_guide(stand: Stand, receiver: Receiver) -> None:
    (written,) = re.findall(r'^{"type".*?}}}$', (ROOT / GUIDE).read_text(), re.MULTILINE | re.DOTALL)
    example = json.loads(written)

    await stand.add(receiver.url())
    await stand.tell(7)
    (got,) = await receiver.until(1)

    assert got.json.keys() == example.keys()
    assert got.json["data"].keys() == example["data"].keys()


async def test_it_is_told_of_the_kinds_that_it_asked_for(stand: Stand, receiver: Receiver) -> None:
    await stand.add(receiver.url("/some"), kinds=["test.one", "test.two"])
    await stand.add(receiver.url("/all"))
    for number, kind in enumerate(("test.one", "test.other", "test.two")):
        await stand.tell(number, kind=kind)
    assert [got.number for got in await receiver.until(2, "/some")] == [0, 2]
    told = [got.json["type"] for got in await receiver.until(3, "/all")]
    assert told == ["test.one", "test.other", "test.two"], "nor of what was before it"


async def test_who_asked_for_nothing_costs_no_write(stand: Stand, receiver: Receiver, db: Database) -> None:
    await stand.add(receiver.url(), kinds=["test.rare"])
    await stand.tell(1, kind="test.frequent")
    commits = db.stats.commits
    await stand.gather()
    await stand.tell(2, kind="test.frequent")
    assert db.stats.commits == commits + 1, "the fact itself"


async def test_slack_gets_a_sentence(stand: Stand, receiver: Receiver, cast: Cast) -> None:
    await stand.add(receiver.url("/slack"), kinds=["test.told"], form="slack")
    await stand.tell(1, client=cast.acme.id, demo=cast.portal)
    (got,) = await receiver.until(1, "/slack")
    assert got.json == {"text": "Test told: Client of acme (Acme), Customer portal."}


# in order for each --------------------------------------------------------------------------------------------


async def test_what_fails_holds_back_what_follows_and_no_other_webhook(stand: Stand, receiver: Receiver) -> None:
    slow, _ = await stand.add(receiver.url("/slow"), kinds=["test.told"])
    quick, _ = await stand.add(receiver.url("/quick"), kinds=["test.told"])
    receiver.will_answer(500, path="/slow")
    await stand.tell(1, 2, 3)
    await stand.until(quick, "sent", "sent", "sent")
    assert [got.number for got in receiver.at("/quick")] == [1, 2, 3]
    await stand.until_tried(slow)
    waiting = await stand.until(slow, "pending", "pending", "pending")
    assert [message.attempts for message in waiting] == [1, 0, 0]
    assert waiting[0].last_error == "It answered 500, not 200 to 299."
    assert [got.number for got in receiver.at("/slow")] == [1]
    await stand.pass_(seconds=7)
    await stand.until(slow, "sent", "sent", "sent")
    assert [got.number for got in receiver.at("/slow")] == [1, 1, 2, 3]


async def test_the_id_stays_the_same_over_the_tries_and_the_signature_is_of_each(
    stand: Stand, receiver: Receiver
) -> None:
    webhook_id, secret = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(503)
    await stand.tell(1)
    await stand.until_tried(webhook_id)
    await stand.pass_(seconds=7)
    first, second = await receiver.until(2)
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 7
    assert first.is_signed_by(secret)
    assert second.is_signed_by(secret)


async def test_what_is_dead_holds_nothing_back(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(*[500] * (len(GAPS) + 1))
    await stand.tell(1, 2)
    for times, gap in enumerate(GAPS, 1):
        await stand.until_tried(webhook_id, times)
        await stand.pass_(seconds=gap.total_seconds() * 1.3)
    first, second = await stand.until(webhook_id, "dead", "sent")
    assert (first.attempts, second.attempts) == (len(GAPS) + 1, 1)
    assert [got.number for got in receiver.got] == [1] * (len(GAPS) + 1) + [2]


async def test_a_hundred_facts_come_one_after_the_other(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    await stand.tell(*range(100))
    await stand.until(webhook_id, *["sent"] * 100)
    assert [got.number for got in receiver.got] == list(range(100))
    assert receiver.connections == 1, "one connection serves them all"


async def test_after_a_restart_the_order_goes_on(
    stand: Stand, receiver: Receiver, db: Database, clock: SettableClock, tmp_path: Path
) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(500)
    await stand.tell(1, 2)
    await stand.until_tried(webhook_id)
    await stand.stop()
    again = Stand(db, clock, tmp_path)
    await again.start()
    await again.pass_(seconds=7)
    await again.until(webhook_id, "sent", "sent")
    await again.stop()
    assert [got.number for got in receiver.got] == [1, 1, 2]


# what keeps failing -------------------------------------------------------------------------------------------


async def test_three_dead_in_a_row_pause_it_until_it_is_turned_on(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told", "webhook.paused"])
    receiver.will_answer(410, 410, 410)
    await stand.tell(1, 2, 3)
    await stand.until(webhook_id, "dead", "dead", "dead")
    await stand.gather()
    (paused,) = await stand.db.read(facts, "webhook.paused")
    assert paused["details"] == {"webhook": webhook_id}
    await stand.tell(4)
    assert len(await stand.until(webhook_id, "dead", "dead", "dead")) == 3, "what happens meanwhile is not told"
    changed = await stand.db.write(change_webhook, SYSTEM, webhook_id, {"is_on": True})
    assert changed.paused_reason == ""
    await stand.tell(5)
    await stand.until(webhook_id, "dead", "dead", "dead", "sent")
    assert receiver.got[-1].number == 5


async def test_what_waited_behind_goes_on_when_it_is_turned_on(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(500)
    await stand.tell(1, 2)
    await stand.until_tried(webhook_id)
    await stand.db.write(change_webhook, SYSTEM, webhook_id, {"is_on": False})
    await stand.pass_(hours=1)
    await stand.tell(3)
    await stand.db.write(change_webhook, SYSTEM, webhook_id, {"is_on": True})
    stand.post.call()
    await stand.until(webhook_id, "sent", "sent")
    assert [got.number for got in receiver.got] == [1, 1, 2]


async def test_one_that_was_taken_between_two_that_were_not_pauses_nothing(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(410, 410, 200, 410)
    await stand.tell(1, 2, 3, 4)
    await stand.until(webhook_id, "dead", "dead", "sent", "dead")
    await stand.gather()
    assert await stand.db.read(facts, "webhook.paused") == []
    assert "turn the webhook on again" in PAUSED


async def test_dead_messages_of_webhooks_are_told_to_no_webhook(stand: Stand, receiver: Receiver) -> None:
    failing, _ = await stand.add(receiver.url("/failing"), kinds=["test.told"])
    receiver.will_answer(410, path="/failing")
    other, _ = await stand.add(receiver.url("/other"))
    await stand.tell(1)
    await stand.until(failing, "dead")
    await stand.tell(2)
    await stand.until(other, "sent", "sent")
    assert "message.dead" not in [message.kind for message in await stand.messages(other)]


# rotation and replay ------------------------------------------------------------------------------------------


async def test_after_a_rotation_both_secrets_sign_for_a_day(stand: Stand, receiver: Receiver) -> None:
    webhook_id, old = await stand.add(receiver.url(), kinds=["test.told"])
    new = secret_of(b"n" * 32)
    await stand.db.write(replace_secret, SYSTEM, webhook_id, stand.secrets.seal(new, purpose_of(webhook_id)))
    await stand.tell(1)
    (both,) = await receiver.until(1)
    assert (both.is_signed_by(old), both.is_signed_by(new)) == (True, True)
    assert len(both.headers["webhook-signature"].split(" ")) == 2
    await stand.pass_(hours=24)
    await stand.tell(2)
    _, last = await receiver.until(2)
    assert (last.is_signed_by(old), last.is_signed_by(new)) == (False, True)


async def test_a_replay_is_the_same_message_once_more(stand: Stand, receiver: Receiver) -> None:
    webhook_id, secret = await stand.add(receiver.url(), kinds=["test.told"])
    await stand.tell(1, 2)
    first, _ = await stand.until(webhook_id, "sent", "sent")
    await stand.pass_(minutes=5)
    await stand.db.write(replay_delivery, SYSTEM, webhook_id, first.message_id)
    stand.post.call()
    got = (await receiver.until(3))[-1]
    assert (got.id, got.number) == (first.message_id, 1)
    assert got.is_signed_by(secret)
    assert int(got.headers["webhook-timestamp"]) == int(stand.clock().timestamp())


async def test_what_was_taken_is_not_repeated_though_its_answer_breaks_off(stand: Stand, receiver: Receiver) -> None:
    webhook_id, _ = await stand.add(receiver.url(), kinds=["test.told"])
    receiver.will_answer(b"HTTP/1.1 200 Said\r\nContent-Length: 9\r\n\r\n", hang_up)
    await stand.tell(1, 2)
    await stand.until(webhook_id, "sent", "sent")

    assert [got.number for got in receiver.got] == [1, 2]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Answers by half."""
    writer.write(b"HTTP/1.1 200 Said\r\nContent-Length: 9\r\n\r\nonly")
    await writer.drain()
    writer.close()
