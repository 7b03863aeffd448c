"""What the pages of clients show, each read at once, and the one action of theirs: to edit what nobody else edited."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from ecatalog.access.removal import edit_client
from ecatalog.accounts.actions import user_for
from ecatalog.analytics.actions import client_usage
from ecatalog.clients.actions import client_for, managed_client_for
from ecatalog.console import client_queries, dashboard_queries
from ecatalog.console.client_queries import ClientLine, Happened, LiveLine, Owner, Sort, Wanted
from ecatalog.console.dashboard import SOON, every_day
from ecatalog.console.dashboard_queries import RequestLine
from ecatalog.demos.actions import list_demos
from ecatalog.demos.grants import list_grants
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound, Stale
from ecatalog.kit.search import pattern
from ecatalog_client.types.analytics import ClientUsage, DayUsage
from ecatalog_client.types.clients import Client
from ecatalog_client.types.demos import Demo, Grant

DAYS = 60
SORTS: tuple[str, ...] = get_args(Sort)
STATUSES = ("active", "pending", "expired", "revoked")
_MOST_HAPPENED = 60
_MOST_SHOWN = 200


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the table of clients, how many there are in all, and to whom clients may belong."""

    lines: list[ClientLine]
    count: int
    owners: list[Owner]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody looks for in the table."""

    q: str = ""
    status: str = ""
    owner_id: str = ""
    is_ending: bool = False
    sort: Sort = "newest"
    page: int = 1


def clients_table(tx: Tx, actor: Actor, asked: Asked, per_page: int) -> Table:
    wanted = _wanted(asked, tx.now)
    offset = (asked.page - 1) * per_page
    return Table(
        lines=client_queries.list_lines(tx, wanted, sort=asked.sort, offset=offset, limit=per_page),
        count=client_queries.count_lines(tx, wanted),
        owners=client_queries.list_owners(tx),
    )


def _wanted(asked: Asked, now: datetime) -> Wanted:
    return Wanted(
        like=pattern(asked.q) if asked.q else "",
        status=asked.status,
        owner_id=asked.owner_id,
        ending_before=now + SOON if asked.is_ending else None,
    )


class ClientPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a client's page. `cut` is the last proof of what a revocation closed."""

    client: Client
    owner: str
    may_manage: bool
    grants: list[Grant]
    offered: list[Demo]
    live: list[LiveLine]
    requests: list[RequestLine]
    happened: list[Happened]
    usage: ClientUsage
    days: list[DayUsage]

    @property
    def cut(self) -> Happened | None:
        return next((fact for fact in self.happened if fact.kind == "access.cut" and fact.demo_id is None), None)


def client_page(tx: Tx, actor: Actor, client_id: str) -> ClientPage:
    """Raises NotFound."""
    client = client_for(tx, actor, client_id)
    grants = list_grants(tx, actor, client_id, limit=_MOST_SHOWN).items
    given = {grant.demo_id for grant in grants}
    first = (tx.now - timedelta(days=DAYS - 1)).date()
    usage = client_usage(tx, actor, client_id)
    return ClientPage(
        client=client,
        owner=_name_of(tx, client.owner_id),
        may_manage=may_manage(actor, client.owner_id),
        grants=grants,
        offered=[demo for demo in list_demos(tx, actor, limit=_MOST_SHOWN).items if demo.id not in given],
        live=client_queries.list_live(tx, _MOST_SHOWN, client_id=client_id),
        requests=dashboard_queries.list_of_client(tx, client_id, _MOST_SHOWN, only_own=False),
        happened=client_queries.list_happened(tx, client_id, _MOST_HAPPENED),
        usage=usage,
        days=every_day(usage.by_day, first, DAYS),
    )


def may_manage(actor: Actor, owner_id: str | None) -> bool:
    """Whether the page offers to change the client's access; the actions decide for themselves."""
    return actor.manages("clients") or (actor.role is Role.SALES and owner_id == actor.id)


def _name_of(tx: Tx, user_id: str | None) -> str:
    try:
        return user_for(tx, SYSTEM, user_id or "").full_name
    except NotFound:
        return ""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A client whose access may be ended, and what that would close."""

    client: Client
    live: list[LiveLine]


def ending_of(tx: Tx, actor: Actor, client_id: str) -> Ending:
    """Raises NotFound, Forbidden."""
    client = managed_client_for(tx, actor, client_id)
    return Ending(client=client, live=client_queries.list_live(tx, _MOST_SHOWN, client_id=client_id))


def endings_of(tx: Tx, actor: Actor, client_ids: list[str]) -> list[Ending]:
    """Those of the clients whose access this actor may end. Raises NotFound when there is none."""
    found = []
    for client_id in client_ids:
        with suppress(NotFound, Forbidden):
            found.append(ending_of(tx, actor, client_id))
    if not found:
        raise NotFound("None of these clients is yours to revoke.")
    return found


class Editing(msgspec.Struct, frozen=True, kw_only=True):
    """A client that may be edited, and to whom it may be given."""

    client: Client
    owners: list[Owner]


def editing_of(tx: Tx, actor: Actor, client_id: str) -> Editing:
    """Raises NotFound, Forbidden."""
    return Editing(client=managed_client_for(tx, actor, client_id), owners=client_queries.list_owners(tx))


def edit_unchanged(tx: Tx, actor: Actor, client_id: str, version: int, /, **changes: Any) -> Client:
    """Edits the client if it still is what the form was filled from. Raises Stale, and what `edit_client` raises."""
    if managed_client_for(tx, actor, client_id).version != version:
        raise Stale("Somebody else changed this client while you were writing. Look at both, then save again.")
    return edit_client(tx, actor, client_id, **changes)
