"""The table of clients, creating one, and what is done to several at once."""

from collections.abc import Mapping
from contextlib import suppress
from typing import cast
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from ecatalog.access.actions import renew_client, revoke_client
from ecatalog.access.api import cut_acknowledged
from ecatalog.clients.actions import create_client
from ecatalog.console.client_queries import Sort, list_owners
from ecatalog.console.clients import SORTS, STATUSES, Asked, clients_table, endings_of
from ecatalog.console.pages_frame import (
    PER_PAGE,
    Wrong,
    fields_of,
    page_number,
    seller_of,
    show,
    user_of,
    words_of,
    wrong_of,
)
from ecatalog.kit.errors import CatalogError, Invalid
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.clients import CreateClient

_TYPED = (
    *("name", "email", "company", "access_start_date", "access_end_date", "timezone", "owner_id", "locale", "notes"),
)
_BULK_DAYS = {"renew7": 7, "renew30": 30}


async def show_clients(visit: Visit) -> Response:
    actor, asked = user_of(visit), _asked(visit)
    table = await visit.door.db.read_long(clients_table, actor, asked, PER_PAGE)
    return await show(
        visit,
        "console/clients.html",
        fragment="console/_clients.html",
        asked=asked,
        table=table,
        pages=max(1, -(-table.count // PER_PAGE)),
        statuses=STATUSES,
        link=_linker(asked),
        bulk=visit.query.get("bulk", "")[:60],
    )


def _asked(visit: Visit) -> Asked:
    query = visit.query
    sort, status = query.get("sort", "newest"), query.get("status", "")
    return Asked(
        q=words_of(visit),
        status=status if status in STATUSES else "",
        owner_id=query.get("owner", "")[:64],
        is_ending=query.get("ending") == "soon",
        sort=cast(Sort, sort) if sort in SORTS else "newest",
        page=page_number(visit),
    )


class _Link(msgspec.Struct, frozen=True):
    asked: Asked

    def __call__(self, **changes: object) -> str:
        """The address of the table with these changes; what is as usual is left away."""
        asked = msgspec.structs.replace(self.asked, **({"page": 1} | changes))
        given = {
            "q": asked.q,
            "status": asked.status,
            "owner": asked.owner_id,
            "ending": "soon" if asked.is_ending else "",
            "sort": asked.sort if asked.sort != "newest" else "",
            "page": str(asked.page) if asked.page > 1 else "",
        }
        query = urlencode({name: value for name, value in given.items() if value})
        return f"/console/clients?{query}" if query else "/console/clients"


def _linker(asked: Asked) -> _Link:
    return _Link(asked)


async def show_new_client(visit: Visit) -> Response:
    seller_of(visit)
    today = visit.door.clock().date().isoformat()
    return await _form(
        visit, {"access_start_date": today, "timezone": "UTC", "owner_id": visit.actor.id, "locale": "en"}
    )


async def _form(visit: Visit, typed: Mapping[str, str], wrong: Wrong | None = None, status: int = 200) -> Response:
    values = dict.fromkeys(_TYPED, "") | {name: typed[name] for name in _TYPED if name in typed}
    owners = await visit.door.db.read(list_owners)
    return await show(
        visit,
        "console/client_new.html",
        status=status,
        typed=values,
        wrong=wrong or Wrong(),
        owner_options=[(owner.id, owner.full_name) for owner in owners],
    )


async def submit_new_client(visit: Visit) -> Response:
    actor = seller_of(visit)
    given = {name: text for name, text in visit.form.items() if name in _TYPED and text}
    try:
        client = await visit.door.write(create_client, actor, **fields_of(CreateClient, given))
    except CatalogError as error:
        return await _form(visit, visit.form, wrong_of(error), error.status)
    return see_other(f"/console/clients/{client.id}?done=created")


async def submit_bulk(visit: Visit) -> Response:
    """Renews or revokes those that are picked, one by one: what is refused for one changes nothing for the others."""
    actor, wish = seller_of(visit), visit.form.get("wish", "")
    picked = [name.removeprefix("pick-") for name in visit.form if name.startswith("pick-")]
    if wish not in {*_BULK_DAYS, "revoke"} or not picked:
        raise Invalid("Pick some clients, and choose what to do with them.")
    if wish == "revoke" and not visit.form.get("sure"):
        ending = await visit.door.db.read(endings_of, actor, picked)
        return await show(visit, "console/clients_revoke.html", ending=ending)
    done = 0
    for client_id in picked:
        with suppress(CatalogError):
            await _do(visit, wish, client_id)
            done += 1
    verb = "revoked" if wish == "revoke" else "renewed"
    return see_other(f"/console/clients?bulk={done}-of-{len(picked)}-{verb}")


async def _do(visit: Visit, wish: str, client_id: str) -> None:
    if wish == "revoke":
        revoked = await visit.door.write(revoke_client, visit.actor, client_id, visit.form.get("reason", "")[:500])
        await cut_acknowledged(visit.door, visit.actor, revoked)
    else:
        await visit.door.write(renew_client, visit.actor, client_id, None, _BULK_DAYS[wish])


PAGES = (
    page("GET", "/console/clients", show_clients),
    page("GET", "/console/clients/new", show_new_client),
    page("POST", "/console/clients/new", submit_new_client),
    page("POST", "/console/clients/bulk", submit_bulk),
)
