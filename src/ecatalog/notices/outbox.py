"""The outbox: facts become rows, rows are leased, and what became of each is kept. No network is in here.

Everything is an action: it takes a transaction and plain data. Who calls them is in `following.py` and `courier.py`.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from ecatalog.kit.actor import ADMINS, SYSTEM, Actor
from ecatalog.kit.clock import to_text
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, NotFound
from ecatalog.kit.facts import facts_after
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.notices import queries
from ecatalog.notices.channels import FindHeads, Outgoing, Planner
from ecatalog_client.types.messages import Message
from ecatalog_client.types.paging import Page

KEPT_FOR = timedelta(days=90)
"""How long a message that was sent is kept. Those that are dead stay until somebody looks."""
# Each may make several rows, and no transaction takes over 50 ms.
_FACTS_AT_A_TIME = 50
_ROWS_AT_A_TIME = 500
_NEWEST = 2**62
_ID = re.compile(r"[0-9]{1,18}")
_LONGEST_REASON = 500


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a leased row: sent, to be tried again at `next_at`, dead, or (`is_untried`) given back."""

    row: Outgoing
    is_sent: bool = False
    is_untried: bool = False
    next_at: datetime | None = None
    reason: str = ""


def begin_outbox(tx: Tx, receipts: Sequence[str]) -> int:
    """What a start does: the first one begins after the last fact; later ones keep the receipts and free all leases.

    There is one gateway per database, so whoever held a lease is gone. Answers how many rows were freed.
    """
    queries.begin(tx, to_text(tx.now))
    for message_id in receipts:
        queries.set_sent_by_receipt(tx, message_id)
    tx.touch("outbox")
    return queries.end_leases(tx)


def gather(tx: Tx, planners: Sequence[Planner], limit: int = _FACTS_AT_A_TIME) -> tuple[int, set[str]]:
    """Turns the next facts into rows, and moves the position in the same transaction: each fact counts once.

    Answers the position, and the channels that got rows.
    """
    was = queries.find_position(tx)
    facts = facts_after(tx, was, limit)
    if not facts:
        return was, set()
    position = facts[-1].position
    if not queries.move_position(tx, was, position):
        raise Conflict("Another gateway turns facts into messages: one is enough.")
    channels: set[str] = set()
    for fact in facts:
        for planner in planners:
            if not planner.wants(fact.kind):
                continue
            for draft in planner.plan(tx, fact):
                if queries.add_row(tx, fact.position, draft):
                    channels.add(draft.channel)
    if channels:
        tx.touch("outbox")
    return position, channels


def lease_heads(tx: Tx, find_heads: FindHeads, lease: str, until: datetime, limit: int) -> list[Outgoing]:
    """Claims at most `limit` rows that may go next to their recipients and whose time has come."""
    due = [head.id for head in find_heads(tx) if head.next_at <= tx.now]
    leased = (queries.lease_row(tx, row_id, lease, until) for row_id in due[:limit])
    return [row for row in leased if row is not None]


def keep_outcomes(tx: Tx, lease: str, outcomes: Sequence[Outcome]) -> None:
    """Writes what became of rows, for those that are still under this lease."""
    for each in outcomes:
        _keep(tx, lease, each)
    tx.touch("outbox")


def keep_and_lease(
    tx: Tx, lease: str, outcomes: Sequence[Outcome], find_heads: FindHeads, until: datetime, limit: int
) -> list[Outgoing]:
    """Both at once: where one message waits for another, two commits for each would be what it waits for."""
    keep_outcomes(tx, lease, outcomes)
    return lease_heads(tx, find_heads, lease, until, limit)


def _keep(tx: Tx, lease: str, outcome: Outcome) -> None:
    row, reason = outcome.row, outcome.reason[:_LONGEST_REASON]
    if outcome.is_sent:
        queries.set_sent(tx, row.id, lease)
    elif outcome.is_untried:
        queries.give_back(tx, row.id, lease)
    elif outcome.next_at is not None:
        queries.set_waiting(tx, row.id, lease, outcome.next_at, reason)
    elif queries.set_dead(tx, row.id, lease, reason):
        about = {"message": row.message_id, "channel": row.channel, "message_kind": row.kind}
        tx.record("message.dead", SYSTEM, client=row.client_id, **about, recipient=row.recipient, reason=reason)


def forget_old(tx: Tx) -> int:
    """Removes some of the rows that were sent long ago; how many."""
    return queries.remove_old(tx, tx.now - KEPT_FOR, _ROWS_AT_A_TIME)


# administrators ---------------------------------------------------------------------------------------------


def message_for(tx: Tx, actor: Actor, row_id: str) -> Message:
    """The message, for an administrator. Raises NotFound, Forbidden."""
    _refuse_others(actor)
    found = queries.find_message(tx, int(row_id)) if _ID.fullmatch(row_id) else None
    if found is None:
        raise NotFound("There is no such message: those that were sent are kept for 90 days.")
    return found


def list_messages(
    tx: Tx,
    actor: Actor,
    *,
    state: str = "",
    channel: str = "",
    client_id: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[Message]:
    """The messages, newest first. Raises Forbidden, Invalid."""
    _refuse_others(actor)
    (before,) = decode_cursor(cursor, (_NEWEST,))
    rows = queries.list_messages(tx, state=state, channel=channel, client_id=client_id, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda message: (message.id,))


def replay_message(tx: Tx, actor: Actor, row_id: str) -> Message:
    """Sends it once more, under the same message id. Raises NotFound, Forbidden, or Conflict when it is on its way."""
    message = message_for(tx, actor, row_id)
    if not queries.set_pending_again(tx, message.id):
        raise Conflict("This message is on its way already: wait for what becomes of it.")
    tx.touch("outbox")
    tx.record("message.replayed", actor, client=message.client_id, message=message.message_id, was=message.state)
    return message_for(tx, actor, row_id)


def _refuse_others(actor: Actor) -> None:
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator reads what was sent to others.")
