"""What the books say, held against the database, the mails, the webhook and the watches, once all has come to rest."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from ecatalog.kit.connections import open_reader
from ecatalog.ops.events import TOPICS
from tests.notices.hooks import Got
from tests.proofs.mail_server import MailServer
from tests.proofs.outbox import message_ids
from tests.proofs.soak_callers import Books


def rows(data: Path, sql: str, *given: Any) -> list[tuple[Any, ...]]:
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        return [tuple(row) for row in connection.execute(sql, given).fetchall()]


def last_place(data: Path) -> tuple[int, int]:
    """The position of the last fact, and the id of the last row of use."""
    [(position,)] = rows(data, "SELECT coalesce(max(position), 0) FROM audit_log")
    [(use,)] = rows(data, "SELECT coalesce(max(id), 0) FROM usage_analytics")
    return int(position), int(use)


def assert_nothing_acknowledged_is_lost(data: Path, books: Books) -> None:
    """And nothing that was asked for was done twice, acknowledged or not."""
    renewals = rows(data, "SELECT client_id, details FROM audit_log WHERE kind = 'client.renewed'")
    ends = Counter((client_id, json.loads(details)["access_end_date"]) for client_id, details in renewals)
    assert not _missing(books.renewed, ends), "renewals"
    assert _repeated(ends) == [], "renewed twice"
    made = Counter(email for (email,) in rows(data, "SELECT email FROM clients"))
    assert not _missing(books.created, made), "clients"
    assert _repeated(made) == [], "made twice"
    revoked = {client_id for (client_id,) in rows(data, "SELECT id FROM clients WHERE revoked_at IS NOT NULL")}
    assert not _missing(books.revoked, revoked), "revocations"
    wanted = dict(rows(data, "SELECT id, wanted FROM launches"))
    assert not _missing(books.opened, wanted), "launches"
    assert {wanted[launch_id] for launch_id in books.stopped} <= {"stopped"}
    asked = {row[0]: row[1:] for row in rows(data, "SELECT id, message, status FROM access_requests")}
    assert {request_id: asked[request_id][0] for request_id in books.asked} == books.asked
    assert {request_id: asked[request_id][1] for request_id in books.decided} == books.decided
    messages = Counter(message for message, _ in asked.values() if message.startswith("ask "))
    assert _repeated(messages) == [], "asked twice"


def assert_mails_came_once(data: Path, server: MailServer) -> int:
    """Each row of the outbox once by its id, and a mail for each renewal; how many came again after no answer."""
    assert set(server.contents) == message_ids(data)
    repeats = server.repeats()
    for message_id, places in repeats.items():
        for line, place in places[:-1]:
            assert place == len(line.messages) - 1, f"{message_id} was answered, and came again"
            assert not line.has_quit
    told = Counter(to for content in server.contents.values() if (to := _told_of_renewal(content)))
    renewals = rows(
        data,
        """SELECT c.email, count(*) FROM audit_log a JOIN clients c ON c.id = a.client_id
           WHERE a.kind = 'client.renewed' AND c.email LIKE 'renewed-%' GROUP BY c.email""",
    )
    assert told == dict(renewals), "a renewal was told under two ids, or under none"
    return len(repeats)


def _told_of_renewal(content: bytes) -> str:
    """The address of the proof's own client whom the mail tells that there is more time; empty for other mails."""
    mail = message_from_bytes(content, policy=default)
    address = parseaddr(str(mail["To"]))[1]
    return address if address.startswith("renewed-") and "more time" in str(mail["Subject"]) else ""


def assert_webhook_was_told_once(data: Path, got: Sequence[Got], after: int, kills: int) -> int:
    """Every fact after that position, in order, each under one id; how many came again after no answer."""
    told: dict[int, set[str]] = {}
    order: list[int] = []
    for each in got:
        position = each.json["data"]["position"]
        told.setdefault(position, set()).add(each.id)
        if not order or order[-1] != position:
            order.append(position)
    facts = [row[0] for row in rows(data, "SELECT position FROM audit_log WHERE position > ? ORDER BY position", after)]
    assert order == facts, f"of {len(facts)} facts came {len(order)}"
    assert [position for position, ids in told.items() if len(ids) > 1] == [], "told under two ids"
    repeated = len(got) - len(order)
    assert repeated <= kills
    return repeated


def facts_for_watches(data: Path, after: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The positions and the rows of use that a watch of all topics tells, after that place."""
    facts = rows(data, "SELECT position, kind FROM audit_log WHERE position > ? ORDER BY position", after[0])
    uses = rows(data, "SELECT id FROM usage_analytics WHERE id > ? ORDER BY id", after[1])
    return [position for position, kind in facts if kind.split(".")[0] in TOPICS], [use for (use,) in uses]


def _missing(wanted: Iterable[Any], found: Any) -> list[Any]:
    return [each for each in wanted if each not in found]


def _repeated(counts: Counter[Any]) -> list[Any]:
    return [each for each, count in counts.items() if count > 1]
