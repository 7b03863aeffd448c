"""Clients as tables: an export that no spreadsheet takes for formulas, an import that is shown before it is done."""

from starlette.responses import Response

from ecatalog.console.client_queries import ClientLine, Wanted, list_lines
from ecatalog.console.importing import COLUMNS, MOST_LINES, Line, Previewed, import_lines, read_lines, try_lines
from ecatalog.console.pages_frame import Wrong, seller_of, show, user_of, wrong_of
from ecatalog.kit.errors import Invalid
from ecatalog.web.csv import encode_csv
from ecatalog.web.pages import Visit, page

_MOST_EXPORTED = 100_000
_HEADER = (
    *("name", "email", "company", "status", "access_starts_at", "access_ends_at", "timezone", "owner", "demos"),
    "last_use",
)
_EXAMPLE = "name,email,company,access_start_date,access_end_date,timezone\n"


async def export_clients(visit: Visit) -> Response:
    user_of(visit)
    lines = await visit.door.db.read_long(list_lines, Wanted(), sort="name", offset=0, limit=_MOST_EXPORTED)
    headers = {"content-disposition": 'attachment; filename="clients.csv"'}
    return Response(encode_csv(_HEADER, map(_row, lines)), media_type="text/csv; charset=utf-8", headers=headers)


def _row(line: ClientLine) -> tuple[object, ...]:
    who = (line.name, line.email, line.company, line.access_status)
    when = (line.access_starts_at, line.access_ends_at, line.timezone)
    return (*who, *when, line.owner_name, line.demos, line.last_use)


async def show_import(visit: Visit) -> Response:
    seller_of(visit)
    return await _import_page(visit, _EXAMPLE)


async def _import_page(
    visit: Visit,
    table: str,
    lines: list[Line] | None = None,
    *,
    is_done: bool = False,
    wrong: Wrong | None = None,
    status: int = 200,
) -> Response:
    return await show(
        visit,
        "console/clients_import.html",
        status=status,
        table=table,
        lines=lines,
        good=sum(not line.problem for line in lines or ()),
        is_done=is_done,
        columns=COLUMNS,
        most=MOST_LINES,
        wrong=wrong or Wrong(),
    )


async def submit_import(visit: Visit) -> Response:
    """Shows what would become of each line; with `wish` = `import`, does it."""
    seller_of(visit)
    table = visit.form.get("table", "")
    try:
        rows = read_lines(table)
    except Invalid as error:
        return await _import_page(visit, table, wrong=wrong_of(error), status=error.status)
    if visit.form.get("wish") == "import":
        lines = await visit.door.write(import_lines, visit.actor, rows)
        return await _import_page(visit, table, lines, is_done=True)
    try:
        await visit.door.write(try_lines, visit.actor, rows)
    except Previewed as previewed:
        return await _import_page(visit, table, previewed.lines)
    raise RuntimeError("a preview was kept")


PAGES = (
    page("GET", "/console/clients/export", export_clients),
    page("GET", "/console/clients/import", show_import),
    page("POST", "/console/clients/import", submit_import),
)
