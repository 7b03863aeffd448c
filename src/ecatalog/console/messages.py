"""What the page of messages shows: the outbox with names, and how many messages are in each state."""

import msgspec

from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.sentences import said
from ecatalog.notices import queries, webhook_queries
from ecatalog.notices.mails import find_addressee
from ecatalog.notices.outbox import list_messages
from ecatalog.notices.webhook_model import WEBHOOK
from ecatalog_client.types.messages import Message

STATES = ("pending", "leased", "sent", "dead")
CHANNELS = ("mail", WEBHOOK)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and for whom: a name, and an address or a host."""

    message: Message
    name: str
    address: str


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """A page of it, newest first; `counts` are by state, of those that were not sent."""

    lines: list[Line]
    next: str | None
    counts: dict[str, int]


def outbox_page(tx: Tx, actor: Actor, state: str, channel: str, cursor: str | None, limit: int) -> Outbox:
    """Raises Forbidden, Invalid."""
    found = list_messages(tx, actor, state=state, channel=channel, limit=limit, cursor=cursor)
    known: dict[str, tuple[str, str]] = {}
    for each in found.items:
        if each.recipient not in known:
            known[each.recipient] = _whom(tx, each)
    lines = [
        Line(message=each, name=known[each.recipient][0], address=known[each.recipient][1]) for each in found.items
    ]
    return Outbox(lines=lines, next=found.next, counts=queries.count_unsent(tx))


def _whom(tx: Tx, message: Message) -> tuple[str, str]:
    if message.channel == WEBHOOK:
        webhook = webhook_queries.find_webhook(tx, message.recipient)
        return said("A webhook"), said("removed since") if webhook is None else webhook.url
    person = find_addressee(tx, message.recipient)
    return (said("Somebody"), said("the account is closed")) if person is None else (person.name, person.email)
