"""What Prometheus is told of the post: tries by channel and result, their times, and how webhooks stand."""

from ecatalog.app import Gateway
from ecatalog.kit.db import Tx
from tests.asgi import Caller as Scraper
from tests.cast import Caller, Cast
from tests.notices.mailbox import Mailbox
from tests.notices.outbox import until


async def scrape(gateway: Gateway) -> dict[str, float]:
    """What is told of deliveries and webhooks, by name and labels."""
    text = (await Scraper(gateway.internal).get("/metrics")).text
    lines = [
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(("ecatalog_deliver", "ecatalog_webh"))
    ]
    return {name: float(value) for name, value in lines}


async def test_tries_are_counted_by_their_result(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    await until(gateway, "sent", "access_revoked")
    before = await scrape(gateway)
    mailbox.answer = lambda mail: "550 no" if "more time" in mail["Subject"] else "451 later"
    await Caller(gateway.asgi, people.seller).patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})
    await until(gateway, "dead", "access_renewed")
    await Caller(gateway.asgi, people.seller).patch(f"/api/clients/{people.acme.id}/revoke", {"reason": "over"})
    await until(gateway, "pending", "access_revoked", tries=1)
    after = await scrape(gateway)

    def grew(name: str) -> float:
        return after[name] - before[name]

    assert before['ecatalog_deliveries_total{channel="mail",result="sent"}'] >= 1
    assert grew('ecatalog_deliveries_total{channel="mail",result="dead"}') == 1
    assert grew('ecatalog_deliveries_total{channel="mail",result="refused"}') == 1
    assert grew('ecatalog_deliveries_total{channel="webhook",result="sent"}') == 0
    assert grew('ecatalog_delivery_seconds_count{channel="mail"}') == 2


async def test_webhooks_are_counted_by_how_they_stand(gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(_add_three)
    found = await scrape(gateway)

    assert [found[f'ecatalog_webhooks{{state="{state}"}}'] for state in ("on", "off", "paused")] == [1, 1, 1]


def _add_three(tx: Tx) -> None:
    for webhook_id, is_on, reason in (("a", 1, ""), ("b", 0, "It kept failing."), ("c", 1, "It kept failing.")):
        tx.run(
            """INSERT INTO webhooks (id, url, kinds, form, is_on, paused_reason, told_after, secret_encrypted,
                 created_by, created_at, updated_at)
               VALUES (:id, 'https://hooks.example.com', '"all"', 'standard', :is_on, :reason, 0, 'sealed', NULL,
                 :now, :now)""",
            id=webhook_id,
            is_on=is_on,
            reason=reason,
            now=tx.now,
        )
