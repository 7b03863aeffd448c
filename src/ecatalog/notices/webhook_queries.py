"""All SQL on `webhooks`, and what webhooks ask of the outbox."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx
from ecatalog.notices.channels import Head
from ecatalog.notices.webhook_model import WEBHOOK, Listener, Names, Subscription
from ecatalog_client.types.messages import Message
from ecatalog_client.types.webhooks import Webhook

# webhooks -------------------------------------------------------------------------------------------------

_SHOWN = """SELECT id, url, kinds, form, is_on, paused_reason, created_by, created_at, updated_at, version,
    CASE WHEN old_secret_until > :now THEN old_secret_until END AS old_secret_until
  FROM webhooks """


def add_webhook(tx: Tx, webhook: Webhook, sealed: str, told_after: int) -> None:
    tx.run(
        """INSERT INTO webhooks
             (id, url, kinds, form, secret_encrypted, told_after, created_by, created_at, updated_at)
           VALUES (:id, :url, :kinds, :form, :sealed, :told_after, :created_by, :now, :now)""",
        id=webhook.id,
        url=webhook.url,
        kinds=msgspec.json.encode(webhook.kinds).decode(),
        form=webhook.form,
        sealed=sealed,
        told_after=told_after,
        created_by=webhook.created_by,
        now=tx.now,
    )


def count_webhooks(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM webhooks"))


def find_webhook(tx: Tx, webhook_id: str) -> Webhook | None:
    return tx.one(Webhook, _SHOWN + "WHERE id = :id", id=webhook_id, now=tx.now)


def list_webhooks(tx: Tx) -> list[Webhook]:
    """All of them, newest first: they are few."""
    return tx.all(Webhook, _SHOWN + "ORDER BY id DESC", now=tx.now)


def list_listeners(tx: Tx) -> list[Listener]:
    """Those that are told of new facts, oldest first."""
    return tx.all(
        Listener, "SELECT id, kinds, told_after FROM webhooks WHERE is_on = 1 AND paused_reason = '' ORDER BY id"
    )


def set_webhook(tx: Tx, webhook: Webhook, told_after: int | None) -> None:
    """Writes the webhook as it shall be; from which fact on it is told stays unless that is given."""
    tx.run(
        """UPDATE webhooks SET url = :url, kinds = :kinds, form = :form, is_on = :is_on,
             paused_reason = :paused_reason, told_after = coalesce(:told_after, told_after),
             updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=webhook.id,
        url=webhook.url,
        kinds=msgspec.json.encode(webhook.kinds).decode(),
        form=webhook.form,
        is_on=int(webhook.is_on),
        paused_reason=webhook.paused_reason,
        told_after=told_after,
        now=tx.now,
    )


def set_paused(tx: Tx, webhook_id: str, reason: str) -> int:
    """0 when it had stopped before, or is gone."""
    return tx.run(
        """UPDATE webhooks SET paused_reason = :reason, updated_at = :now, version = version + 1
           WHERE id = :id AND paused_reason = ''""",
        id=webhook_id,
        reason=reason,
        now=tx.now,
    )


def set_secret(tx: Tx, webhook_id: str, sealed: str, old_until: datetime) -> int:
    """Another secret; the one until now signs too until then."""
    return tx.run(
        """UPDATE webhooks SET old_secret_encrypted = secret_encrypted, old_secret_until = :old_until,
             secret_encrypted = :sealed, updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=webhook_id,
        sealed=sealed,
        old_until=old_until,
        now=tx.now,
    )


def remove_webhook(tx: Tx, webhook_id: str) -> int:
    return tx.run("DELETE FROM webhooks WHERE id = :id", id=webhook_id)


def find_subscription(tx: Tx, webhook_id: str) -> Subscription | None:
    """What sending takes; the old secret only while it signs too."""
    return tx.one(
        Subscription,
        """SELECT id, url, form, secret_encrypted,
             CASE WHEN old_secret_until > :now THEN old_secret_encrypted ELSE '' END AS old_secret_encrypted
           FROM webhooks WHERE id = :id""",
        id=webhook_id,
        now=tx.now,
    )


# the outbox ---------------------------------------------------------------------------------------------------


def count_by_standing(tx: Tx) -> dict[str, int]:
    """How many are on, off and paused."""
    found = tx.rows(
        """SELECT CASE WHEN is_on = 0 THEN 'off' WHEN paused_reason <> '' THEN 'paused' ELSE 'on' END AS name,
             count(*) AS number FROM webhooks GROUP BY name"""
    )
    return {row["name"]: row["number"] for row in found}


def list_heads(tx: Tx) -> list[Head]:
    """For each webhook that is told, the first of its messages that is not finished: nothing overtakes it."""
    return tx.all(
        Head,
        """SELECT o.id, o.next_at FROM webhooks w JOIN outbox o ON o.id = (
             SELECT f.id FROM outbox f
             WHERE f.channel = 'webhook' AND f.recipient = w.id AND f.state IN ('pending', 'leased')
             ORDER BY f.id LIMIT 1)
           WHERE w.is_on = 1 AND w.paused_reason = ''
           ORDER BY o.next_at""",
    )


_MESSAGES = """SELECT id, position, channel, recipient, kind, client_id, message_id, state, attempts, next_at, sent_at,
  last_error, created_at FROM outbox """


def list_deliveries(tx: Tx, webhook_id: str, *, state: str, before: int, limit: int) -> list[Message]:
    """Newest first."""
    return tx.all(
        Message,
        _MESSAGES
        + """WHERE channel = :channel AND recipient = :id AND id < :before AND (:state = '' OR state = :state)
             ORDER BY id DESC LIMIT :limit""",
        channel=WEBHOOK,
        id=webhook_id,
        state=state,
        before=before,
        limit=limit,
    )


def find_delivery(tx: Tx, webhook_id: str, message_id: str) -> Message | None:
    return tx.one(
        Message,
        _MESSAGES + "WHERE message_id = :message_id AND channel = :channel AND recipient = :id",
        message_id=message_id,
        channel=WEBHOOK,
        id=webhook_id,
    )


def list_last_states(tx: Tx, webhook_id: str, limit: int) -> list[str]:
    """What became of the last messages that are finished, newest first."""
    found = tx.rows(
        """SELECT state FROM outbox WHERE channel = :channel AND recipient = :id AND state IN ('sent', 'dead')
           ORDER BY id DESC LIMIT :limit""",
        channel=WEBHOOK,
        id=webhook_id,
        limit=limit,
    )
    return [row["state"] for row in found]


def end_waiting(tx: Tx, webhook_id: str, reason: str, limit: int) -> int:
    """Ends at most `limit` messages of a webhook that is gone; how many."""
    return tx.run(
        """UPDATE outbox SET state = 'dead', last_error = :reason, lease = '' WHERE id IN (
             SELECT id FROM outbox WHERE channel = :channel AND recipient = :id AND state IN ('pending', 'leased')
             ORDER BY id LIMIT :limit)""",
        channel=WEBHOOK,
        id=webhook_id,
        reason=reason,
        limit=limit,
    )


# words for people ---------------------------------------------------------------------------------------------


def find_names(tx: Tx, *, client_id: str | None, demo_id: str | None, person_id: str) -> Names:
    """What those that a fact is about are called; empty for what it does not name, or what is gone."""
    found = tx.one(
        Names,
        """SELECT coalesce((SELECT name || ' (' || company || ')' FROM clients WHERE id = :client_id), '') AS client,
             coalesce((SELECT name FROM demos WHERE id = :demo_id), '') AS demo,
             coalesce((SELECT full_name FROM users WHERE id = :person_id),
                      (SELECT name FROM clients WHERE id = :person_id), '') AS person""",
        client_id=client_id,
        demo_id=demo_id,
        person_id=person_id,
    )
    return found or Names()
