"""From a fact to webhooks: a row for each that is told of such facts. A webhook that keeps failing is paused here."""

import asyncio

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.facts import Fact
from ecatalog.kit.ids import new_id
from ecatalog.notices import webhook_queries as queries
from ecatalog.notices.channels import Draft
from ecatalog.notices.webhook_model import WEBHOOK, Listener, payload_of

DEAD_IN_A_ROW = 3
PAUSED = (
    f"The last {DEAD_IN_A_ROW} messages could not be delivered. Look why, then turn the webhook on again: it goes on "
    "with what waits, and what happened meanwhile is in the audit log."
)
_DEAD = "message.dead"
_TABLES = ("webhooks",)


class WebhookPlanner:
    """Keeps the contract `Planner`. Which kinds are wanted is remembered as long as no webhook changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stamp: tuple[int, ...] = ()
        self._listeners: list[Listener] = []

    def wants(self, kind: str) -> bool:
        """Whether some webhook is told of such facts, or one may have to be paused."""
        if kind == _DEAD or not _is_in_loop():
            return True  # In a transaction nothing but that may be read: `plan` decides.
        stamp = self._db.stamp(_TABLES)
        if stamp != self._stamp:
            self._listeners, self._stamp = self._db.read_now(queries.list_listeners), stamp
        return any(listener.wants(kind) for listener in self._listeners)

    def plan(self, tx: Tx, fact: Fact) -> list[Draft]:
        if fact.kind == _DEAD and fact.details.get("channel") == WEBHOOK:
            _pause_if_it_keeps_failing(tx, fact.details["recipient"])
            return []  # To tell webhooks that a webhook fails would go on for ever.
        told = [
            each for each in queries.list_listeners(tx) if each.wants(fact.kind) and fact.position > each.told_after
        ]
        if not told:
            return []
        person_id = fact.actor.partition(":")[2]
        names = queries.find_names(tx, client_id=fact.client_id, demo_id=fact.demo_id, person_id=person_id)
        payload = payload_of(fact, names)
        return [
            Draft(
                channel=WEBHOOK,
                recipient=each.id,
                kind=fact.kind,
                payload=payload,
                message_id=new_id(),
                client_id=fact.client_id,
            )
            for each in told
        ]


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _pause_if_it_keeps_failing(tx: Tx, webhook_id: str) -> None:
    last = queries.list_last_states(tx, webhook_id, DEAD_IN_A_ROW)
    if last == ["dead"] * DEAD_IN_A_ROW and queries.set_paused(tx, webhook_id, PAUSED):
        tx.touch("webhooks")
        tx.record("webhook.paused", SYSTEM, webhook=webhook_id)
