"""Tokens of services in memory: which service one stands for right now, without asking the database twice.

Exact, as `sessions.py` is. When a token was last used is known here first, and written in batches by `jobs.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from ecatalog.accounts.model import ApiToken
from ecatalog.accounts.token_queries import token_by_hash
from ecatalog.accounts.tokens import LONGEST_TOKEN
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.kit.ids import hash_secret

_MOST_KEPT = 5_000
_TABLES = ("api_tokens",)


@dataclass(frozen=True, slots=True)
class _Known:
    """A token as it was read, and the stamp that was read before it."""

    token: ApiToken
    actor: Actor
    stamp: tuple[int, ...]


class ServiceTokens:
    """The tokens that were used of late."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._unwritten: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self._known)

    def authenticate(self, token: str, *, is_use: bool = True) -> Actor | None:
        """The service whose token this is, with its scopes; None for one that is unknown, revoked or too old."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        token_hash, stamp = hash_secret(token), self._db.stamp(_TABLES)
        known = self._known.get(token_hash)
        if known is None or known.stamp != stamp:
            known = self._read(token_hash, stamp)
        now = self._clock()
        if known is None or not known.token.is_good_at(now):
            return None
        if is_use:
            self._unwritten[known.token.id] = now
        return known.actor

    def take_unwritten(self) -> dict[str, datetime]:
        """When tokens were last used, as far as no row says it yet; the next call answers only what is newer."""
        taken, self._unwritten = self._unwritten, {}
        return taken

    def give_back(self, taken: dict[str, datetime]) -> None:
        """What was taken could not be written: it is kept for the next time."""
        self._unwritten = taken | self._unwritten

    def _read(self, token_hash: str, stamp: tuple[int, ...]) -> _Known | None:
        found = self._db.read_now(token_by_hash, token_hash)
        self._known.pop(token_hash, None)
        if found is None:
            return None  # Not remembered: texts that are no tokens would fill the memory.
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        actor = Actor(Role.SERVICE, found.id, scopes=frozenset(found.scopes))
        known = self._known[token_hash] = _Known(found, actor, stamp)
        return known
