"""One's own account: password, sessions, language; and for clients their window, with the wish for more time."""

from collections.abc import Mapping

from starlette.responses import Response

from ecatalog.access.requests import cancel_request, create_request
from ecatalog.access.users import end_own_session
from ecatalog.accounts.own_sessions import change_password, end_other_sessions, list_own_sessions
from ecatalog.console.catalog import own_access
from ecatalog.console.frame import choose_own_language
from ecatalog.console.pages_frame import Wrong, fields_of, show, signed_in, wrong_of
from ecatalog.kit.errors import CatalogError, Conflict, Forbidden, Invalid, NotFound
from ecatalog.notices.pages import for_people
from ecatalog.web.layout import LANGUAGES
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.accounts import ChangePassword
from ecatalog_client.types.requests import CreateRequest

_MOST = 100


async def show_account(visit: Visit) -> Response:
    return await _account(visit)


async def _account(visit: Visit, wrong: Wrong | None = None, status: int = 200) -> Response:
    sessions = await visit.door.db.read(list_own_sessions, signed_in(visit), limit=_MOST)
    return await show(
        visit,
        "catalog/account.html",
        status=status,
        sessions=sessions.items,
        languages=LANGUAGES,
        wrong=wrong or Wrong(),
    )


async def submit_password(visit: Visit) -> Response:
    form = visit.form
    try:
        given = {name: form.get(name, "") for name in ("current_password", "new_password")}
        fields = fields_of(ChangePassword, given)
        if form.get("new_password") != form.get("password_again"):
            raise Invalid("The two new passwords differ.", fields={"password_again": "differs from the one above"})
        await change_password(visit.door, signed_in(visit), **fields)
    except Forbidden:
        raise
    except CatalogError as error:
        return await _account(visit, wrong_of(error), error.status)
    return see_other("/account?done=password")


async def submit_language(visit: Visit) -> Response:
    """Raises Invalid for a language that nobody translated."""
    await visit.door.write(choose_own_language, signed_in(visit), visit.form.get("language", ""), tuple(LANGUAGES))
    return see_other("/account?done=language")


async def submit_end_session(visit: Visit) -> Response:
    await visit.door.write(end_own_session, signed_in(visit), visit.values["id"])
    return see_other("/account?done=ended")


async def submit_end_others(visit: Visit) -> Response:
    await visit.door.write(end_other_sessions, signed_in(visit))
    return see_other("/account?done=ended")


async def show_access(visit: Visit) -> Response:
    return await _access(visit)


async def _access(
    visit: Visit, typed: Mapping[str, str] | None = None, wrong: Wrong | None = None, status: int = 200
) -> Response:
    found = await visit.door.db.read(own_access, signed_in(visit))
    return await show(
        visit,
        "catalog/access.html",
        status=status,
        found=found,
        window=found.window,
        client=found.window.client,
        typed={"message": "", "requested_end_date": ""} | dict(typed or {}),
        wrong=wrong or Wrong(),
    )


async def submit_ask(visit: Visit) -> Response:
    given = {name: visit.form.get(name, "").strip() for name in ("message", "requested_end_date")}
    actor = signed_in(visit)
    if not actor.is_client:
        raise NotFound("There is no such page.")
    try:
        sent = {name: text for name, text in given.items() if text} | {"request_type": "renewal"}
        await visit.door.write(create_request, actor, **fields_of(CreateRequest, sent))
    except (Invalid, Conflict) as error:
        return await _access(visit, given, wrong_of(error), error.status)
    return see_other("/access?done=sent")


async def submit_cancel(visit: Visit) -> Response:
    await visit.door.write(cancel_request, signed_in(visit), visit.values["id"])
    return see_other("/access?done=cancelled")


PAGES = (
    page("GET", "/account", show_account),
    page("POST", "/account/password", submit_password),
    page("POST", "/account/language", submit_language),
    page("POST", "/account/sessions/end", submit_end_others),
    page("POST", "/account/sessions/{id}/end", submit_end_session),
    for_people("/access", show_access),
    page("POST", "/access/ask", submit_ask),
    page("POST", "/access/requests/{id}/cancel", submit_cancel),
)
