"""Sessions in memory: whom a token stands for right now, without asking the database twice.

Exact: an entry is good only while the tables it was read from have not moved. When a session was last used is
known here first, and written in batches by `jobs.py`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ecatalog.accounts import queries
from ecatalog.accounts.model import SessionRow
from ecatalog.accounts.tokens import LONGEST_TOKEN
from ecatalog.kit.actor import Actor
from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.kit.ids import hash_secret

_MOST_KEPT = 20_000
_TABLES = ("sessions", "users", "clients")


@dataclass(slots=True)
class _Known:
    """A session as it was read, and the counters that were read before it."""

    actor: Actor
    expires_at: datetime
    seen_at: datetime
    counters: tuple[int, ...]


class Sessions:
    """The live sessions that were used of late."""

    def __init__(self, db: Database, clock: Clock, idle: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._idle = idle
        self._known: dict[str, _Known] = {}
        self._unwritten: dict[str, datetime] = {}
        self._latest = clock()

    def __len__(self) -> int:
        return len(self._known)

    def authenticate(self, token: str, *, is_use: bool = True) -> Actor | None:
        """Whom the token stands for, None when its session is over, idle or none.

        A use keeps it from going idle.
        """
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        token_hash = hash_secret(token)
        counters = self._db.stamp(_TABLES)
        known = self._known.get(token_hash)
        if known is None or known.counters != counters:
            known = self._read(token_hash, counters)
            if known is None:
                return None
        now = self._now()
        if now >= known.expires_at:
            return None
        if now - known.seen_at >= self._idle and not self._is_in_a_demo(known.actor):
            return None
        if is_use:
            known.seen_at = now
            self._unwritten[known.actor.session_id] = now
        return known.actor

    def _now(self) -> datetime:
        """Never earlier than before: a clock that is set back revives no session."""
        self._latest = max(self._latest, self._clock())
        return self._latest

    def take_unwritten(self) -> dict[str, datetime]:
        """When sessions were last used, as far as no row says it yet; the next call answers only what is
        newer.
        """
        taken, self._unwritten = self._unwritten, {}
        return taken

    def give_back(self, taken: dict[str, datetime]) -> None:
        """What was taken could not be written: it is kept for the next time."""
        self._unwritten = taken | self._unwritten

    def _read(self, token_hash: str, counters: tuple[int, ...]) -> _Known | None:
        row = self._db.read_now(queries.find_session, token_hash=token_hash)
        was = self._known.pop(token_hash, None)
        if row is None:
            return None
        if len(self._known) >= _MOST_KEPT:
            self._forget_some()
        seen_at = max(row.last_seen_at, was.seen_at) if was else self._seen_at(row)
        known = self._known[token_hash] = _Known(row.actor(), row.expires_at, seen_at, counters)
        return known

    def _seen_at(self, row: SessionRow) -> datetime:
        unwritten = self._unwritten.get(row.id)
        return row.last_seen_at if unwritten is None else max(row.last_seen_at, unwritten)

    def _forget_some(self) -> None:
        """Forgets the tenth that came first. Whoever is still there is read again, by one query."""
        for token_hash in list(self._known)[: _MOST_KEPT // 10]:
            del self._known[token_hash]

    def _is_in_a_demo(self, actor: Actor) -> bool:
        return self._db.read_now(queries.has_live_launch, actor.session_id)
