"""The contract between the outbox and what plugs into it: a planner makes rows of facts, a channel delivers rows.

`app.py` joins both to the outbox (`outbox.py`), which leases, retries, and keeps what became of each row.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from ecatalog.kit.db import Tx
from ecatalog.kit.facts import Fact

# Five tries in about eight hours: a mail server that restarts, is full for an hour, or is down for a morning.
GAPS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A row for the outbox: one per fact, channel and recipient. `payload` holds data, never a secret.

    `recipient` is the channel's own word for whom: `client:ID` and `user:ID` for mail. `client_id` is whom it is about.
    """

    channel: str
    recipient: str
    kind: str
    payload: dict[str, Any]
    message_id: str
    client_id: str | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A leased row, as a channel is handed it. `message_id` is the same at every try; `attempts` counts this one."""

    id: int
    position: int
    channel: str
    recipient: str
    kind: str
    message_id: str
    payload: dict[str, Any]
    attempts: int
    client_id: str | None
    created_at: datetime


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A row that may go next to its recipient, and when."""

    id: int
    next_at: datetime


FindHeads = Callable[[Tx], list[Head]]


class Refused(Exception):
    """The other side did not take it, or was not reached; `reason` is a sentence for administrators.

    `is_final` when another try would end the same (an address that does not exist): the row is dead at once.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class Channel(Protocol):
    """How rows of one `channel` name get to the other side.

    `deliver` returns when the other side has said that it took the message, and raises Refused otherwise. It is called
    `lanes` times at once at most, outside of transactions, and again with the same `message_id` after it raised, was
    cancelled or died without an answer. Between tries lie the `gaps` (with jitter); after the last the row is dead.
    `close` is called when nothing is under way any more; a channel may be used again after it.

    With `find_heads` each recipient gets one message after the other: it is a query of the rows that may go next, at
    most one for each recipient, and no other is leased. Without it (None) rows go when they are due.
    """

    @property
    def name(self) -> str: ...
    @property
    def lanes(self) -> int: ...
    @property
    def gaps(self) -> Sequence[timedelta]: ...
    @property
    def find_heads(self) -> FindHeads | None: ...

    async def deliver(self, message: Outgoing) -> None: ...

    async def close(self) -> None: ...


class Planner(Protocol):
    """Which rows a fact makes. `plan` runs in the transaction that moves the outbox's position, exactly once per fact
    that counts, and like every action touches nothing but its tx (it may run again after a roll-back).
    """

    def wants(self, kind: str) -> bool:
        """Whether facts of this kind may make rows: asked first, and outside of any transaction."""

    def plan(self, tx: Tx, fact: Fact) -> list[Draft]: ...
