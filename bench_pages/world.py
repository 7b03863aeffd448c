"""The catalog under measurement: 10,000 clients, 1,000 demos, and 5 million events with all that belongs to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from bench.events import SUMS_OF_ALL, add_events
from bench.world import JWT_SECRET, Size, make_world
from ecatalog.accounts.tokens import sign_session_token
from ecatalog.kit.clock import to_text, utc_now
from ecatalog.kit.ids import hash_secret, new_id

# An open and nine reports of active seconds: a visit of some minutes.
EVENTS_PER_VISIT = 10
SELLERS = 5
FACTS = 1_000_000
MESSAGES = 100_000
REQUESTS = 5_000


@dataclass(frozen=True)
class World:
    """The database file, and of each role the token of a session; the ids that the paths of pages name."""

    file: Path
    tokens: Mapping[str, str]
    ids: Mapping[str, str]


def make(file: Path, size: Size) -> World:
    """Writes the file, straight into the tables: it takes about a minute where the catalog itself would take days."""
    now = utc_now()
    base = make_world(file, Size(size.clients, size.demos))
    connection = apsw.Connection(str(file))
    connection.pragma("synchronous", "off")
    clients = _ids(connection, "SELECT id FROM clients ORDER BY id")
    demos = _ids(connection, "SELECT id FROM demos ORDER BY id")
    with connection:
        users = [_add_user(connection, "sales", number, now) for number in range(SELLERS)]
        viewer = _add_user(connection, "viewer", 0, now)
        _scatter_clients(connection, users, now)
    add_events(connection, clients, demos, size.events, now, per_visit=EVENTS_PER_VISIT)
    with connection:
        for statement in (_LOGINS, SUMS_OF_ALL, _GRANTS, _FACTS, _REQUESTS, _MESSAGES):
            connection.execute(statement, {"facts": FACTS, "requests": REQUESTS, "messages": MESSAGES})
        tokens = {
            "admin": base.callers[0].admin_token,
            "seller": _add_session(connection, now, user_id=users[0]),
            "viewer": _add_session(connection, now, user_id=viewer),
            "client": base.callers[0].token,
        }
    connection.pragma("optimize")
    connection.close()
    return World(file, tokens, {"client": clients[0], "demo": demos[0], "user": viewer, "message": "1"})


def _ids(connection: apsw.Connection, statement: str) -> list[str]:
    return [str(found) for (found,) in connection.execute(statement)]


def _add_user(connection: apsw.Connection, role: str, number: int, now: datetime) -> str:
    user_id, at = new_id(), to_text(now)
    connection.execute(
        "INSERT INTO users (id, email, full_name, role, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (user_id, f"{role}{number}@vendor.example", f"{role.title()} {number}", role, at, at),
    )
    return user_id


def _add_session(connection: apsw.Connection, now: datetime, *, user_id: str) -> str:
    session_id, expires_at = new_id(), now + timedelta(hours=8)
    token = sign_session_token(JWT_SECRET, session_id=session_id, issued_at=now, expires_at=expires_at)
    connection.execute(
        """INSERT INTO sessions (id, user_id, token_hash, expires_at, last_seen_at, created_at)
           VALUES (?, ?, ?, ?, ?, ?)""",
        (session_id, user_id, hash_secret(token), to_text(expires_at), to_text(now), to_text(now)),
    )
    return token


def _scatter_clients(connection: apsw.Connection, owners: list[str], now: datetime) -> None:
    """Of twenty clients one is revoked, five are past their end, two before their start; the callers stay inside."""
    connection.execute("CREATE TEMP TABLE owners (n INTEGER PRIMARY KEY, id TEXT NOT NULL)")
    connection.executemany("INSERT INTO owners VALUES (?, ?)", list(enumerate(owners)))
    spans = {19: (-80, -20), **dict.fromkeys(range(14, 19), (-80, -5)), **dict.fromkeys(range(12, 14), (5, 40))}
    spans |= {number: (-80, 3 + number * 5) for number in range(12)}
    for rest, (first, last) in spans.items():
        starts_at, ends_at = to_text(now + timedelta(days=first)), to_text(now + timedelta(days=last))
        connection.execute(
            _WINDOWS,
            {"rest": rest, "starts_at": starts_at, "ends_at": ends_at, "now": to_text(now), "owners": len(owners)},
        )


_WINDOWS = """
UPDATE clients SET access_starts_at = :starts_at, access_ends_at = :ends_at, created_at = :starts_at,
  access_start_date = substr(:starts_at, 1, 10), access_end_date = substr(:ends_at, 1, 10),
  revoked_at = CASE WHEN :rest = 19 THEN :now END, revoke_reason = CASE WHEN :rest = 19 THEN 'left' ELSE '' END,
  owner_id = (SELECT id FROM owners WHERE n = clients.rowid % :owners), version = version + 1
WHERE rowid % 20 = :rest AND rowid > 64
"""
_LOGINS = """
INSERT INTO usage_daily (client_id, demo_id, day, logins, first_at, last_at)
SELECT client_id, '', day, 1, min(first_at), max(last_at) FROM usage_daily GROUP BY client_id, day
"""
_GRANTS = """
INSERT INTO client_demo_access (client_id, demo_id, granted_at)
SELECT DISTINCT client_id, demo_id, min(first_at) FROM usage_daily WHERE demo_id <> '' GROUP BY client_id, demo_id
ON CONFLICT DO NOTHING
"""
# As many logins as openings, and what an opening brings with it.
_FACTS = """
INSERT INTO audit_log (at, actor, kind, client_id, demo_id, details)
SELECT timestamp, 'client:' || client_id,
  CASE id % 4 WHEN 0 THEN 'session.started' WHEN 1 THEN 'launch.queued' WHEN 2 THEN 'launch.admitted'
    ELSE 'launch.moved' END,
  client_id, CASE WHEN id % 4 THEN demo_id END, '{"launch_id":"' || id || '"}'
FROM usage_analytics ORDER BY id DESC LIMIT :facts
"""
_REQUESTS = """
INSERT INTO access_requests (id, client_id, request_type, status, message, requested_end_date, by_client,
  resolved_at, resolution, created_at, updated_at)
SELECT 'request-' || substr('00000' || rowid, -5), id, 'renewal',
  CASE WHEN rowid % 20 = 0 THEN 'pending' ELSE 'approved' END,
  'The board meets later.', access_end_date, 1, CASE WHEN rowid % 20 THEN updated_at END, '', updated_at, updated_at
FROM clients ORDER BY rowid LIMIT :requests
"""
_MESSAGES = """
INSERT INTO outbox (position, channel, recipient, message_id, kind, client_id, payload, state, attempts, next_at,
  sent_at, last_error, created_at)
SELECT position, 'mail', 'client:' || client_id, 'message-' || position, 'invitation', client_id, '{"client":null}',
  CASE WHEN position % 500 = 0 THEN 'dead' ELSE 'sent' END, 1, at, at, '', at
FROM audit_log WHERE client_id IS NOT NULL ORDER BY position LIMIT :messages
"""
