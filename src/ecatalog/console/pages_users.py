"""Users and their roles: who there is, somebody new, and what changes of one."""

from collections.abc import Mapping

from starlette.responses import Response

from ecatalog.access.users import patch_user
from ecatalog.accounts.actions import user_for
from ecatalog.accounts.users import add_user, editable_user_for, list_users
from ecatalog.console.pages_frame import Wrong, admin_of, fields_of, show, user_of, words_of, wrong_of
from ecatalog.kit.errors import CatalogError, NotFound
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.accounts import CreateUser, PatchUser

_MOST = 200
_TYPED = ("full_name", "email", "role", "password")


async def show_users(visit: Visit) -> Response:
    q = words_of(visit)
    found = await visit.door.db.read(list_users, user_of(visit), q=q, limit=_MOST)
    return await show(visit, "console/users.html", fragment="console/_users.html", users=found.items, q=q)


async def show_new(visit: Visit) -> Response:
    admin_of(visit)
    return await _form(visit, {"role": "sales"})


async def _form(visit: Visit, typed: Mapping[str, str], wrong: Wrong | None = None, status: int = 200) -> Response:
    """The form; for somebody who is there already when the address names one. No password comes back."""
    user = None
    if "id" in visit.values:
        user = await visit.door.db.read(user_for, visit.actor, visit.values["id"])
    shown = {name: typed.get(name, "") for name in _TYPED} | {"password": ""}
    return await show(visit, "console/user_form.html", status=status, typed=shown, wrong=wrong or Wrong(), user=user)


async def submit_new(visit: Visit) -> Response:
    actor = admin_of(visit)
    try:
        given = {name: text for name in _TYPED if (text := visit.form.get(name, ""))}
        fields = fields_of(CreateUser, given)
        await add_user(visit.door, actor, **fields)
    except CatalogError as error:
        return await _form(visit, visit.form, wrong_of(error), error.status)
    return see_other("/console/users?done=user")


async def show_edit(visit: Visit) -> Response:
    user = await visit.door.db.read(editable_user_for, admin_of(visit), visit.values["id"])
    return await _form(visit, {"full_name": user.full_name, "email": user.email, "role": user.role})


async def submit_edit(visit: Visit) -> Response:
    form = visit.form
    given: dict[str, object] = {name: form[name] for name in ("full_name", "email", "role") if name in form}
    if form.get("password"):
        given["password"] = form["password"]
    if "is_disabled" in form:
        given["is_disabled"] = form["is_disabled"] == "yes"
    actor, user_id = admin_of(visit), visit.values["id"]
    try:
        await patch_user(visit.door, actor, user_id, **fields_of(PatchUser, given))
    except NotFound:
        raise
    except CatalogError as error:
        return await _form(visit, form, wrong_of(error), error.status)
    return see_other("/console/users?done=saved")


PAGES = (
    page("GET", "/console/users", show_users),
    page("GET", "/console/users/new", show_new),
    page("POST", "/console/users/new", submit_new),
    page("GET", "/console/users/{id}", show_edit),
    page("POST", "/console/users/{id}", submit_edit),
)
