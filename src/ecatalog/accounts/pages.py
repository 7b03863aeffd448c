"""The pages of one's own account: logging in, and the set-up of a new catalog. Logging out is with `access`."""

from datetime import timedelta

from starlette.responses import Response

from ecatalog.accounts import actions, queries
from ecatalog.accounts.login import log_in
from ecatalog.accounts.model import normal_email, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.kit.errors import CatalogError, Forbidden, Invalid, Unauthorized
from ecatalog.kit.ids import hash_secret
from ecatalog.web.pages import Visit, own_path, page, see_other, tell_wait

SETUP_LIFETIME = timedelta(minutes=15)

_SETUP_IS_OVER = (
    "This set-up link has been used or is too old. Start the catalog again: while it has no users, it prints a new one."
)


async def show_login(visit: Visit) -> Response:
    if visit.actor.id:
        return see_other("/")
    return login_form(visit)


def login_form(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    """The form, with what was typed except the password."""
    return visit.render(
        "accounts/login.html",
        status=status,
        email=visit.form.get("email", ""),
        next=own_path(visit.form.get("next") or visit.query.get("next", "/")),
        problem=problem,
    )


async def submit_login(visit: Visit) -> Response:
    try:
        session = await log_in(visit.door, visit.form.get("email", ""), visit.form.get("password", ""))
    except CatalogError as error:
        return tell_wait(login_form(visit, problem=error.message, status=error.status), error)
    way = own_path(visit.form.get("next", "/"))
    home = "/" if session.role == "client" else "/console"
    return visit.with_session(see_other(home if way == "/" else way), session.token)


async def show_setup(visit: Visit) -> Response:
    """The form of the first start. The code stays good until it is sent: previews of links fetch them too."""
    code = visit.query.get("code", "")
    if not await visit.door.db.read(queries.is_code_good, "setup", hash_secret(code)):
        raise Forbidden(_SETUP_IS_OVER)
    return _setup_form(visit, code)


def _setup_form(visit: Visit, code: str, *, problem: str = "", status: int = 200) -> Response:
    names = ("email", "full_name")
    typed = {name: visit.form.get(name, "") for name in names}
    response = visit.render("accounts/setup.html", status=status, code=code, problem=problem, **typed)
    # The address of this page holds the code. It is no origin check that matters here, the code is the proof.
    response.headers["referrer-policy"] = "no-referrer"
    return response


async def submit_setup(visit: Visit) -> Response:
    form = visit.form
    code, password = form.get("code", ""), form.get("password", "")
    try:
        email = normal_email(form.get("email", ""))
        refuse_weak(password, email, form.get("full_name", ""))
        if password != form.get("password_again", ""):
            raise Invalid("The two passwords differ: type the same one twice.")
        # Looked at before the slow hashing, which is not for everybody, and once more in the transaction.
        if not await visit.door.db.read(queries.is_code_good, "setup", hash_secret(code)):
            raise Forbidden(_SETUP_IS_OVER)
        password_hash = await visit.door.part(Hasher).hash(password)
        await visit.door.db.write(actions.complete_setup, code, email, form.get("full_name", ""), password_hash)
    except (Unauthorized, Forbidden):
        raise
    except CatalogError as error:
        return _setup_form(visit, code, problem=error.message, status=error.status)
    return see_other("/login")


PAGES = (
    page("GET", "/login", show_login),
    page("POST", "/login", submit_login),
    page("GET", "/setup", show_setup),
    page("POST", "/setup", submit_setup, is_proved_by_code=True),
)
