"""All SQL on `outbox`, and on the outbox's own rows in `settings`."""

from datetime import datetime

import msgspec

from ecatalog.kit.clock import from_text
from ecatalog.kit.db import Tx
from ecatalog.notices.channels import Draft, Outgoing
from ecatalog_client.types.messages import Message

_POSITION = "outbox_position"
_BEGAN = "outbox_began_at"


# from facts to rows -----------------------------------------------------------------------------------------


def find_position(tx: Tx) -> int:
    """Up to where facts were turned into rows; 0 before the first start."""
    return int(tx.value("SELECT value FROM settings WHERE key = :key", key=_POSITION) or 0)


def find_began_at(tx: Tx) -> datetime:
    """When the outbox was begun: what time brought before that is not told any more."""
    found = tx.value("SELECT value FROM settings WHERE key = :key", key=_BEGAN)
    return from_text(found) if found else tx.now


def begin(tx: Tx, began_at: str) -> None:
    """Begins with the facts after the last one, unless the outbox was begun before."""
    tx.run(
        """INSERT INTO settings (key, value, updated_at)
           SELECT :key, CAST(coalesce(max(position), 0) AS TEXT), :now FROM audit_log WHERE 1 = 1
           ON CONFLICT (key) DO NOTHING""",
        key=_POSITION,
        now=tx.now,
    )
    tx.run(
        """INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)
           ON CONFLICT (key) DO NOTHING""",
        key=_BEGAN,
        value=began_at,
        now=tx.now,
    )


def move_position(tx: Tx, was: int, position: int) -> int:
    """Claims the facts up to `position`: 0 when somebody else did."""
    return tx.run(
        "UPDATE settings SET value = :position, updated_at = :now WHERE key = :key AND value = :was",
        key=_POSITION,
        was=str(was),
        position=str(position),
        now=tx.now,
    )


def skip_to_the_end(tx: Tx) -> int:
    """What the log holds by now is told to nobody."""
    return tx.run(
        """UPDATE settings SET updated_at = :now,
             value = (SELECT CAST(coalesce(max(position), 0) AS TEXT) FROM audit_log WHERE 1 = 1)
           WHERE key = :key""",
        key=_POSITION,
        now=tx.now,
    )


def end_all_waiting(tx: Tx, reason: str) -> int:
    return tx.run(
        """UPDATE outbox SET state = 'dead', last_error = :reason, lease = ''
           WHERE state IN ('pending', 'leased')""",
        reason=reason,
    )


class Seen(msgspec.Struct, frozen=True):
    """A fact, as far as it is looked at before any transaction."""

    position: int
    kind: str


def kinds_after(tx: Tx, position: int, limit: int) -> tuple[int, set[str]]:
    """The position of the last of the next facts, and of which kinds they are."""
    found = tx.all(
        Seen,
        "SELECT position, kind FROM audit_log WHERE position > :position ORDER BY position LIMIT :limit",
        position=position,
        limit=limit,
    )
    return (found[-1].position if found else position), {fact.kind for fact in found}


def add_row(tx: Tx, position: int, draft: Draft) -> int:
    """0 when the fact has made this row already."""
    return tx.run(
        """INSERT INTO outbox
             (position, channel, recipient, kind, client_id, message_id, payload, next_at, created_at)
           VALUES (:position, :channel, :recipient, :kind_of, :client_id, :message_id, :payload, :now, :now)
           ON CONFLICT (position, channel, recipient) DO NOTHING""",
        position=position,
        channel=draft.channel,
        recipient=draft.recipient,
        kind_of=draft.kind,
        client_id=draft.client_id,
        message_id=draft.message_id,
        payload=draft.payload,
        now=tx.now,
    )


# leases and what became of them -----------------------------------------------------------------------------


def lease_due(tx: Tx, channel: str, lease: str, until: datetime, limit: int) -> list[Outgoing]:
    """Claims at most `limit` rows whose time has come; those of a lease that ran out are among them."""
    return tx.all(
        Outgoing,
        """UPDATE outbox SET state = 'leased', lease = :lease, next_at = :until, attempts = attempts + 1
           WHERE id IN (
             SELECT id FROM outbox WHERE channel = :channel AND state IN ('pending', 'leased') AND next_at <= :now
             ORDER BY next_at LIMIT :limit)
           RETURNING id, position, channel, recipient, kind, message_id, payload, attempts, client_id, created_at""",
        channel=channel,
        lease=lease,
        until=until,
        limit=limit,
        now=tx.now,
    )


def lease_row(tx: Tx, row_id: int, lease: str, until: datetime) -> Outgoing | None:
    """Claims this row, if its time has come and nobody else has it."""
    return tx.one(
        Outgoing,
        """UPDATE outbox SET state = 'leased', lease = :lease, next_at = :until, attempts = attempts + 1
           WHERE id = :id AND state IN ('pending', 'leased') AND next_at <= :now
           RETURNING id, position, channel, recipient, kind, message_id, payload, attempts, client_id, created_at""",
        id=row_id,
        lease=lease,
        until=until,
        now=tx.now,
    )


class Due(msgspec.Struct, frozen=True):
    """When a row's time comes."""

    next_at: datetime


def next_due(tx: Tx, channel: str) -> datetime | None:
    found = tx.one(
        Due,
        """SELECT next_at FROM outbox WHERE channel = :channel AND state IN ('pending', 'leased')
           ORDER BY next_at LIMIT 1""",
        channel=channel,
    )
    return found.next_at if found else None


def set_sent(tx: Tx, row_id: int, lease: str) -> int:
    return tx.run(
        """UPDATE outbox SET state = 'sent', sent_at = :now, last_error = '', lease = ''
           WHERE id = :id AND state = 'leased' AND lease = :lease""",
        id=row_id,
        lease=lease,
        now=tx.now,
    )


def set_waiting(tx: Tx, row_id: int, lease: str, next_at: datetime, error: str) -> int:
    return tx.run(
        """UPDATE outbox SET state = 'pending', next_at = :next_at, last_error = :error, lease = ''
           WHERE id = :id AND state = 'leased' AND lease = :lease""",
        id=row_id,
        lease=lease,
        next_at=next_at,
        error=error,
    )


def set_dead(tx: Tx, row_id: int, lease: str, error: str) -> int:
    return tx.run(
        """UPDATE outbox SET state = 'dead', last_error = :error, lease = ''
           WHERE id = :id AND state = 'leased' AND lease = :lease""",
        id=row_id,
        lease=lease,
        error=error,
    )


def give_back(tx: Tx, row_id: int, lease: str) -> int:
    """Nobody tried: the row is as it was before the lease."""
    return tx.run(
        """UPDATE outbox SET state = 'pending', next_at = :now, attempts = attempts - 1, lease = ''
           WHERE id = :id AND state = 'leased' AND lease = :lease""",
        id=row_id,
        lease=lease,
        now=tx.now,
    )


def set_sent_by_receipt(tx: Tx, message_id: str) -> int:
    """The other side took it, and the process ended before that was written here."""
    return tx.run(
        """UPDATE outbox SET state = 'sent', sent_at = :now, last_error = '', lease = ''
           WHERE message_id = :message_id AND state = 'leased'""",
        message_id=message_id,
        now=tx.now,
    )


def end_leases(tx: Tx) -> int:
    """Frees what a process that is gone had leased."""
    return tx.run("UPDATE outbox SET state = 'pending', next_at = :now, lease = '' WHERE state = 'leased'", now=tx.now)


def set_pending_again(tx: Tx, row_id: int) -> int:
    """0 when the row is on its way already. Its tries count anew."""
    return tx.run(
        """UPDATE outbox SET state = 'pending', attempts = 0, next_at = :now, sent_at = NULL, lease = ''
           WHERE id = :id AND state IN ('sent', 'dead')""",
        id=row_id,
        now=tx.now,
    )


def remove_old(tx: Tx, before: datetime, limit: int) -> int:
    """Removes at most `limit` of the oldest rows that were sent before then."""
    return tx.run(
        """DELETE FROM outbox WHERE id IN (
             SELECT id FROM outbox WHERE state = 'sent' AND sent_at < :before ORDER BY id LIMIT :limit)""",
        before=before,
        limit=limit,
    )


# what administrators see ------------------------------------------------------------------------------------

_SELECT = """SELECT id, position, channel, recipient, kind, client_id, message_id, state, attempts, next_at, sent_at,
  last_error, created_at FROM outbox """


def find_message(tx: Tx, row_id: int) -> Message | None:
    return tx.one(Message, _SELECT + "WHERE id = :id", id=row_id)


def find_stored(tx: Tx, row_id: int) -> Outgoing | None:
    return tx.one(
        Outgoing,
        """SELECT id, position, channel, recipient, kind, message_id, payload, attempts, client_id, created_at
           FROM outbox WHERE id = :id""",
        id=row_id,
    )


def list_messages(tx: Tx, *, state: str, channel: str, client_id: str, before: int, limit: int) -> list[Message]:
    """Newest first. One statement per filter that has an index; what has none is passed over on the way."""
    where = "WHERE "
    where += "client_id = :client_id AND " if client_id else ""
    where += "state = :state AND " if state else ""
    return tx.all(
        Message,
        _SELECT + where + """id < :before AND (:channel = '' OR channel = :channel) ORDER BY id DESC LIMIT :limit""",
        channel=channel,
        before=before,
        limit=limit,
        **{name: text for name, text in (("client_id", client_id), ("state", state)) if text},
    )


def count_unsent(tx: Tx) -> dict[str, int]:
    """How many messages are in each state but `sent`, of which there are many."""
    found = tx.rows(
        "SELECT state, count(*) AS number FROM outbox WHERE state IN ('pending', 'leased', 'dead') GROUP BY state"
    )
    return {row["state"]: row["number"] for row in found}
