"""The audit log as people read it: what happened, by whom, found by words, kind, person and days."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from ecatalog.console.pages_frame import show, user_of, words_of
from ecatalog.console.words import fact_in_words
from ecatalog.kit.db import Tx
from ecatalog.ops import pages_health, queries
from ecatalog.ops.audit import list_audit
from ecatalog.web.pages import Visit, page
from ecatalog_client.types.audit import AuditFact

_PER_PAGE = 50
_ASKED = ("q", "kind", "client", "by", "from", "to")


async def show_audit(visit: Visit) -> Response:
    """Raises Forbidden for whoever may not read it, Invalid for a page that does not exist."""
    actor, query = user_of(visit), visit.query
    kind, since, until = words_of(visit, "kind"), _day(words_of(visit, "from")), _day_after(words_of(visit, "to"))
    found = await visit.door.db.read_long(
        list_audit,
        actor,
        kind=kind,
        client_id=words_of(visit, "client"),
        by=words_of(visit, "by"),
        q=words_of(visit),
        since=since,
        until=until,
        limit=_PER_PAGE,
        cursor=query.get("cursor") or None,
    )
    kept = {name: text for name in _ASKED if (text := words_of(visit, name))}
    return await show(
        visit,
        "ops/audit.html",
        fragment="ops/_audit.html",
        facts=found.items,
        names=await visit.door.db.read_long(_names_of, found.items),
        kinds=sorted(await visit.door.db.read(queries.list_kinds), key=fact_in_words),
        asked=dict.fromkeys(_ASKED, "") | kept,
        by=await visit.door.db.read(queries.name_of, words_of(visit, "by").rpartition(":")[2]),
        older="/console/audit?" + urlencode(kept | {"cursor": found.next}) if found.next else "",
    )


def _day(text: str) -> datetime | None:
    """The start of the UTC day, None for what is no day: the table is then not narrowed by it."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _day_after(text: str) -> datetime | None:
    """The end of the day, None for no day, and for the last that there is: no fact is later."""
    day = _day(text)
    return None if day is None or day.date() == date.max else day + timedelta(days=1)


def _names_of(tx: Tx, facts: list[AuditFact]) -> dict[str, str]:
    """Names by id, of everybody and everything that these facts are about."""
    ids = {fact.client_id for fact in facts} | {fact.demo_id for fact in facts}
    ids |= {fact.actor.partition(":")[2] for fact in facts}
    return {each: name for each in ids if each and (name := queries.name_of(tx, each))}


PAGES = (page("GET", "/console/audit", show_audit), *pages_health.PAGES)
