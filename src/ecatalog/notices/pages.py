"""Pages that mails lead to: answering a request, and choosing what one is told."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from ecatalog.access.api import cut_acknowledged
from ecatalog.accounts.pages import login_form
from ecatalog.clients.model import end_in_words
from ecatalog.kit.actor import Actor
from ecatalog.kit.errors import Conflict, Invalid, Unauthorized
from ecatalog.notices.choices import choose_notices, own_notices
from ecatalog.notices.decisions import Asked, Decided, asked_for, decide
from ecatalog.web.pages import Page, Visit, page, see_other

_LONGEST_WORDS = 2000

Show = Callable[[Visit], Awaitable[Response]]


# answering from a mail --------------------------------------------------------------------------------------


async def show_decision(visit: Visit) -> Response:
    """What is asked, with two buttons. Looking decides nothing, however often a scanner of mail does it."""
    code = visit.query.get("code", "")
    asked = await visit.door.db.read(asked_for, code)
    return _decision(visit, code, asked, answer=visit.query.get("answer", ""))


def _decision(
    visit: Visit, code: str, asked: Asked, *, answer: str = "", problem: str = "", status: int = 200
) -> Response:
    request = asked.request
    response = visit.render(
        "notices/decide.html",
        status=status,
        code=code,
        asked=asked,
        request=request,
        is_open=request.status == "pending",
        is_rejecting=answer == "reject",
        end=end_in_words(asked.client.access_ends_at, asked.client.timezone),
        wished=visit.form.get("access_end_date", request.requested_end_date or ""),
        resolution=visit.form.get("resolution", ""),
        problem=problem,
    )
    return _hiding_its_code(response)


async def submit_decision(visit: Visit) -> Response:
    form, db = visit.form, visit.door.db
    code, resolution = form.get("code", ""), form.get("resolution", "")[:_LONGEST_WORDS]
    try:
        done = await db.write(decide, code, form.get("answer", ""), form.get("access_end_date", "").strip(), resolution)
    except (Conflict, Invalid) as error:
        asked = await db.read(asked_for, code)
        answer = form.get("answer", "")
        return _decision(visit, code, asked, answer=answer, problem=error.message, status=error.status)
    if done.approved is not None and done.approved.revoked is not None:
        await cut_acknowledged(visit.door, Actor(done.actor_role, done.actor_id), done.approved.revoked)
    return _hiding_its_code(visit.render("notices/decided.html", words=_decided_in_words(done)))


def _decided_in_words(done: Decided) -> str:
    client = done.client
    if done.request.status == "rejected":
        return f"You said no. {client.name} has been told."
    if done.request.request_type == "revocation":
        return f"The access of {client.name} has ended, and what was open is closed."
    end = end_in_words(client.access_ends_at, client.timezone)
    return f"{client.name} has access until {end}, and has been told. What is open stays open."


def _hiding_its_code(response: Response) -> Response:
    """The address of the page holds a code: it is told to nobody."""
    response.headers["referrer-policy"] = "no-referrer"
    return response


# for who is logged in ----------------------------------------------------------------------------------------


def for_people(path: str, show: Show) -> Page:
    """The page, for who is logged in. A link in a mail brings no SameSite=Strict cookie; a reload does."""

    async def guarded(visit: Visit) -> Response:
        if visit.actor.id:
            return await show(visit)
        if visit.fetch_site in ("cross-site", "same-site"):
            return visit.render("web/again.html")
        return login_form(visit, then=path)

    return page("GET", path, guarded)


# what one is told -------------------------------------------------------------------------------------------


async def show_notices(visit: Visit) -> Response:
    chosen = await visit.door.db.read(own_notices, visit.actor)
    return visit.render("notices/notices.html", chosen=chosen)


async def submit_notices(visit: Visit) -> Response:
    if not visit.actor.id:
        raise Unauthorized("Log in first: your session has ended, or there was none.")
    known = await visit.door.db.read(own_notices, visit.actor)
    wanted = {each.name: each.name in visit.form for each in known.notices}
    locale = visit.form.get("locale", "")
    await visit.door.write(choose_notices, visit.actor, notices=wanted, locale=locale if locale in ("en", "pt") else "")
    return see_other("/notices")


PAGES = (
    page("GET", "/decide", show_decision),
    page("POST", "/decide", submit_decision, is_proved_by_code=True),
    for_people("/notices", show_notices),
    page("POST", "/notices", submit_notices),
)
