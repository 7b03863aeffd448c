"""Usage as tables to take along: of all clients by day, of one client by demo, of one demo by client."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from ecatalog.analytics import actions, model
from ecatalog.console.clients import DAYS
from ecatalog.console.pages_frame import user_of, words_of
from ecatalog.web.csv import encode_csv
from ecatalog.web.operation import Table
from ecatalog.web.pages import Visit, page


async def export_all(visit: Visit) -> Response:
    return await _exported(visit, actions.usage_by_day, model.table_of_days, "usage")


async def export_client(visit: Visit) -> Response:
    return await _exported(visit, actions.client_usage, model.table_of_client, "usage-of-client", visit.values["id"])


async def export_demo(visit: Visit) -> Response:
    return await _exported(visit, actions.demo_usage, model.table_of_demo, "usage-of-demo", visit.values["id"])


async def _exported(
    visit: Visit, usage: Callable[..., Any], table: Callable[[Any], Table], name: str, *about: str
) -> Response:
    """What the charts show, unless other days are asked for. Raises Invalid for days that are none, NotFound."""
    actor = user_of(visit)
    today = visit.door.clock().date()
    since = words_of(visit, "from") or (today - timedelta(days=DAYS - 1)).isoformat()
    until = words_of(visit, "to") or today.isoformat()
    found = await visit.door.db.read_long(usage, actor, *about, since=since, until=until)
    headers = {"content-disposition": f'attachment; filename="{name}-{since}-{until}.csv"'}
    return Response(encode_csv(*table(found)), media_type="text/csv; charset=utf-8", headers=headers)


PAGES = (
    page("GET", "/console/usage.csv", export_all),
    page("GET", "/console/clients/{id}/usage.csv", export_client),
    page("GET", "/console/demos/{id}/usage.csv", export_demo),
)
