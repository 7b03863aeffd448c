"""Keeping webhooks: added, changed, rotated, tried out, removed; and what was delivered. For administrators."""

import os
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ecatalog.kit.actor import ADMINS, Actor
from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.notices import webhook_queries as queries
from ecatalog.notices.outbox import replay_message
from ecatalog.notices.webhook_model import body_of, refuse_bad_url, secret_of
from ecatalog.notices.webhooks import Webhooks, purpose_of
from ecatalog.web.door import Door
from ecatalog_client.types.messages import Message
from ecatalog_client.types.paging import Page
from ecatalog_client.types.webhooks import NewWebhook, Webhook, WebhookForm, WebhookTest

MOST_WEBHOOKS = 50
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
_SECRET_BYTES = 32
_REMOVED = "The webhook was removed."
_BATCH = 500
_NEWEST = 2**62

Kinds = list[str] | Literal["all"]


def list_webhooks(tx: Tx, actor: Actor) -> list[Webhook]:
    """All of them, newest first, without their secrets. Raises Forbidden."""
    _refuse_others(actor)
    return queries.list_webhooks(tx)


def webhook_for(tx: Tx, actor: Actor, webhook_id: str) -> Webhook:
    """The webhook, without its secrets. Raises Forbidden, NotFound."""
    _refuse_others(actor)
    found = queries.find_webhook(tx, webhook_id)
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


# adding and changing ------------------------------------------------------------------------------------------


async def new_webhook(
    door: Door, actor: Actor, *, url: str, kinds: Kinds = "all", form: WebhookForm = "standard"
) -> NewWebhook:
    """Adds a webhook and answers its secret, which nobody can read again. Raises what `add_webhook` raises, and
    Conflict without ENCRYPTION_KEY.
    """
    _refuse_others(actor)
    channel, webhook_id, secret = door.part(Webhooks), new_id(), _new_secret()
    refuse_bad_url(url, may_be_plain=channel.may_be_plain)
    sealed = channel.secrets.seal(secret, purpose_of(webhook_id))
    added = await door.write_secret(add_webhook, actor, webhook_id, url=url, kinds=kinds, form=form, sealed=sealed)
    return NewWebhook(**_fields(added), secret=secret)


def _new_secret() -> str:
    return secret_of(os.urandom(_SECRET_BYTES))


def _fields(webhook: Webhook) -> dict[str, Any]:
    return msgspec.structs.asdict(webhook)


def add_webhook(
    tx: Tx, actor: Actor, webhook_id: str, *, url: str, kinds: Kinds, form: WebhookForm, sealed: str
) -> Webhook:
    """Adds the webhook with its sealed secret; it is told of facts from now on. Raises Forbidden, Conflict."""
    _refuse_others(actor)
    if queries.count_webhooks(tx) >= MOST_WEBHOOKS:
        raise Conflict(f"There are {MOST_WEBHOOKS} webhooks, and that is as many as there may be. Remove one first.")
    webhook = Webhook(
        id=webhook_id,
        url=url,
        kinds=_without_doubles(kinds),
        form=form,
        is_on=True,
        paused_reason="",
        old_secret_until=None,
        created_by=actor.user_id,
        created_at=tx.now,
        updated_at=tx.now,
        version=1,
    )
    position = tx.record("webhook.added", actor, webhook=webhook_id, host=_host(url), form=form)
    queries.add_webhook(tx, webhook, sealed, told_after=position)
    tx.touch("webhooks")
    return webhook


def _without_doubles(kinds: Kinds) -> Kinds:
    return kinds if isinstance(kinds, str) else sorted(set(kinds))


def _host(url: str) -> str:
    """What a fact may tell of an address: its path is the secret of some."""
    return urlsplit(url).hostname or ""


async def patch_webhook(door: Door, actor: Actor, webhook_id: str, **changes: Any) -> Webhook:
    """Changes what is given. Raises what `change_webhook` raises, and Invalid for an address that is none."""
    if "url" in changes:
        refuse_bad_url(changes["url"], may_be_plain=door.part(Webhooks).may_be_plain)
    return await door.write(change_webhook, actor, webhook_id, changes)


def change_webhook(tx: Tx, actor: Actor, webhook_id: str, changes: dict[str, Any]) -> Webhook:
    """Changes the webhook; with `is_on` one that was paused goes on. Raises Forbidden, NotFound."""
    was = webhook_for(tx, actor, webhook_id)
    if "kinds" in changes:
        changes = changes | {"kinds": _without_doubles(changes["kinds"])}
    if changes.get("is_on"):
        changes = changes | {"paused_reason": ""}
    wanted = msgspec.structs.replace(was, **changes)
    fields = sorted(name for name in changes if getattr(was, name) != getattr(wanted, name))
    if not fields:
        return was
    position = tx.record("webhook.edited", actor, webhook=webhook_id, fields=fields)
    was_silent = not was.is_on or bool(was.paused_reason)
    queries.set_webhook(tx, wanted, told_after=position if was_silent else None)
    tx.touch("webhooks", "outbox")
    return webhook_for(tx, actor, webhook_id)


async def rotate_secret(door: Door, actor: Actor, webhook_id: str) -> NewWebhook:
    """Another secret, shown this once; the one before signs too for 24 hours. Raises Forbidden, NotFound, Conflict."""
    secret = _new_secret()
    sealed = door.part(Webhooks).secrets.seal(secret, purpose_of(webhook_id))
    rotated = await door.write_secret(replace_secret, actor, webhook_id, sealed)
    return NewWebhook(**_fields(rotated), secret=secret)


def replace_secret(tx: Tx, actor: Actor, webhook_id: str, sealed: str) -> Webhook:
    """Signs with another secret from now on. Raises Forbidden, NotFound."""
    webhook_for(tx, actor, webhook_id)
    queries.set_secret(tx, webhook_id, sealed, tx.now + OLD_SECRET_SIGNS_FOR)
    tx.touch("webhooks")
    tx.record("webhook.rotated", actor, webhook=webhook_id)
    return webhook_for(tx, actor, webhook_id)


async def remove_webhook(door: Door, actor: Actor, webhook_id: str) -> None:
    """Removes the webhook, and ends what waits for it, batch by batch. Raises Forbidden, NotFound."""
    await door.write(forget_webhook, actor, webhook_id)
    while await door.db.write(queries.end_waiting, webhook_id, _REMOVED, _BATCH):
        pass


def forget_webhook(tx: Tx, actor: Actor, webhook_id: str) -> None:
    """It is told of nothing more. Raises Forbidden, NotFound."""
    webhook = webhook_for(tx, actor, webhook_id)
    queries.remove_webhook(tx, webhook_id)
    tx.touch("webhooks", "outbox")
    tx.record("webhook.removed", actor, webhook=webhook_id, host=_host(webhook.url))


# what is sent -------------------------------------------------------------------------------------------------


async def try_webhook(door: Door, actor: Actor, webhook_id: str) -> WebhookTest:
    """Sends a message of the kind `webhook.test` at once, past those that wait. Raises Forbidden, NotFound."""
    await door.db.read(webhook_for, actor, webhook_id)
    subscription = await door.db.read(queries.find_subscription, webhook_id)
    if subscription is None:
        raise NotFound("There is no such webhook.")
    payload = {
        "type": "webhook.test",
        "timestamp": to_text(door.clock()),
        "data": {"webhook": webhook_id},
        "text": "A test of the E-Catalog: this webhook works.",
    }
    return await door.part(Webhooks).try_out(subscription, new_id(), body_of(subscription.form, payload))


def list_deliveries(
    tx: Tx, actor: Actor, webhook_id: str, *, state: str = "", limit: int = PAGE_SIZE, cursor: str | None = None
) -> Page[Message]:
    """What was sent to a webhook or waits for it, newest first. Raises Forbidden, NotFound, Invalid."""
    webhook_for(tx, actor, webhook_id)
    (before,) = decode_cursor(cursor, (_NEWEST,))
    rows = queries.list_deliveries(tx, webhook_id, state=state, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda message: (message.id,))


def replay_delivery(tx: Tx, actor: Actor, webhook_id: str, message_id: str) -> Message:
    """Sends a message once more, under the same id. Raises Forbidden, NotFound, or Conflict when it is on its way."""
    webhook_for(tx, actor, webhook_id)
    found = queries.find_delivery(tx, webhook_id, message_id)
    if found is None:
        raise NotFound("This webhook got no such message: those that were delivered are kept for 90 days.")
    return replay_message(tx, actor, str(found.id))


def _refuse_others(actor: Actor) -> None:
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator keeps webhooks.")
