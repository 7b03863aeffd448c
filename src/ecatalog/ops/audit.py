"""Reading the audit log: the facts that every room records, newest first. Nobody changes it."""

from collections.abc import Mapping
from datetime import datetime

from ecatalog.accounts.users import list_users
from ecatalog.clients.actions import list_clients
from ecatalog.console.words import fact_in_words
from ecatalog.demos.actions import list_demos
from ecatalog.kit.actor import ADMINS, SYSTEM, USERS, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden
from ecatalog.kit.facts import last_position
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, encode_cursor, page_of
from ecatalog.kit.search import containing
from ecatalog.ops import queries
from ecatalog_client.types.audit import AuditFact
from ecatalog_client.types.paging import Page

_MAY = ADMINS | {Role.VIEWER}
# A page looks so far back for words, and then says where to look on: it takes the same time in a log of any length.
LOOKED_BACK = 100_000
_MOST_WORDS = 5
_MOST_NAMED = 50
# Where a clock went back, times and positions may disagree a little.
_SLACK = 1000


def list_audit(
    tx: Tx,
    actor: Actor,
    *,
    kind: str = "",
    client_id: str = "",
    demo_id: str = "",
    by: str = "",
    q: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[AuditFact]:
    """The facts, newest first; `by` is an actor as facts name it, the span is half-open. Raises Forbidden, Invalid.

    With words (`q`) those that hold all of them: in what they tell, in what their kind is called, or as the names of
    whom they are about or by. A page of these may be short, and there is more as long as there is a `next`.
    """
    if not (actor.role in _MAY or "audit:read" in actor.scopes):
        raise Forbidden("Your account may not read the audit log. Ask an administrator.")
    (before,) = decode_cursor(cursor, (queries.NEWEST,))
    given = {"kind": kind, "client_id": client_id, "demo_id": demo_id, "actor": by, "since": since, "until": until}
    wanted = {name: value for name, value in given.items() if value}
    if until is not None:
        before = min(before, _position_at(tx, until) + _SLACK)
    if q.strip():
        return _search(tx, wanted, q, since, before, limit)
    rows = queries.list_facts(tx, wanted, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda fact: (fact.position,))


def _search(
    tx: Tx, wanted: Mapping[str, object], q: str, since: datetime | None, before: int, limit: int
) -> Page[AuditFact]:
    newest = min(before, last_position(tx) + 1)
    oldest = 1 if since is None else max(1, _position_at(tx, since) - _SLACK)
    down_to = max(oldest, newest - LOOKED_BACK)
    kinds = queries.list_kinds(tx)
    words = [_word(tx, word, kinds) for word in q.split()[:_MOST_WORDS]]
    rows = queries.search_facts(tx, wanted, words, since=down_to, before=newest, limit=limit + 1)
    found = page_of(rows, limit, lambda fact: (fact.position,))
    if found.next is None and down_to > oldest:
        return Page(items=found.items, next=encode_cursor(down_to))
    return found


def _word(tx: Tx, word: str, kinds: list[str]) -> queries.Word:
    """What is called so. Names are as people search for them elsewhere: without case and accents."""
    clients = [each.id for each in list_clients(tx, SYSTEM, q=word, limit=_MOST_NAMED).items]
    users = [each.id for each in list_users(tx, SYSTEM, q=word, limit=_MOST_NAMED).items]
    return queries.Word(
        like=containing(word.lower()),
        kinds=[kind for kind in kinds if word.lower() in f"{kind} {fact_in_words(kind)}".lower()],
        client_ids=clients,
        demo_ids=[each.id for each in list_demos(tx, SYSTEM, q=word, limit=_MOST_NAMED).items],
        actors=[f"client:{each}" for each in clients] + [f"{role}:{each}" for each in users for role in sorted(USERS)],
    )


def _position_at(tx: Tx, at: datetime) -> int:
    """The first position of that time or later: the log is in the order of time, so halving finds it."""
    low, high = 1, last_position(tx) + 1
    while low < high:
        middle = (low + high) // 2
        found = queries.moment_from(tx, middle)
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0] + 1
    return low
