"""Looking at the outbox, after every fact has become rows."""

import asyncio

from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.notices.outbox import list_messages
from ecatalog.notices.post import Post
from ecatalog_client.types.messages import Message
from ecatalog_client.types.paging import Page
from tests.cast import Cast

# Kind, state, tries and last error.
Row = tuple[str, str, int, str]


async def messages(gateway: Gateway, **filters: str) -> list[Message]:
    """Newest first."""
    await gateway.part(Post).gather_all()
    found: Page[Message] = await gateway.db.read(list_messages, SYSTEM, limit=200, **filters)
    return found.items


async def kinds(gateway: Gateway, people: Cast, recipient: str = "") -> list[str]:
    """The kinds of messages, oldest first, to this recipient or to all, without those that loading the cast made."""
    found = await messages(gateway)
    return [
        each.kind
        for each in reversed(found)
        if each.recipient == (recipient or each.recipient) and each.client_id != people.revoked.id
    ]


def states(tx: Tx) -> list[Row]:
    """Every row, oldest first."""
    rows = tx.rows("SELECT kind, state, attempts, last_error FROM outbox ORDER BY id")
    return [(row["kind"], row["state"], row["attempts"], row["last_error"]) for row in rows]


async def until(gateway: Gateway, wanted: str, kind: str, *, error: str = "", tries: int = 0) -> Row:
    """The newest row of that kind, as soon as it is in that state, after so many tries, with such an error."""
    while True:
        found = [row for row in await gateway.db.read(states) if row[0] == kind]
        if found and found[-1][1] == wanted and found[-1][2] >= tries and error in found[-1][3]:
            return found[-1]
        await asyncio.sleep(0.005)
