"""The pages of one's own account: logging in, choosing a password by a link, asking for another one, and the
set-up of a new catalog. Logging out is with `access`.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from starlette.responses import Response

from ecatalog.accounts import actions, code_queries
from ecatalog.accounts.choosing import choose_password, holder_for, refuse_unlike
from ecatalog.accounts.login import log_in
from ecatalog.accounts.model import MailSwitch, Purpose, normal_email, refuse_weak
from ecatalog.accounts.passwords import Hasher
from ecatalog.accounts.resets import ask_for_reset
from ecatalog.kit.errors import CatalogError, Forbidden, Unauthorized
from ecatalog.kit.ids import hash_secret
from ecatalog.kit.sentences import said
from ecatalog.web.pages import Visit, own_path, page, see_other, tell_wait

SETUP_LIFETIME = timedelta(minutes=15)

_SETUP_IS_OVER = (
    "This set-up link has been used or is too old. Start the catalog again: while it has no users, it prints a new one."
)


async def show_login(visit: Visit) -> Response:
    if visit.actor.id:
        return see_other("/")
    return login_form(visit)


def login_form(visit: Visit, *, problem: str = "", status: int = 200, then: str = "/") -> Response:
    """The form, with what was typed except the password; `then` is where the login leads, unless the query says."""
    return visit.render(
        "accounts/login.html",
        status=status,
        email=visit.form.get("email", ""),
        next=own_path(visit.form.get("next") or visit.query.get("next", then)),
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
    if not await visit.door.db.read(code_queries.is_code_good, "setup", hash_secret(code)):
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
        refuse_unlike(password, form.get("password_again", ""))
        # Looked at before the slow hashing, which is not for everybody, and once more in the transaction.
        if not await visit.door.db.read(code_queries.is_code_good, "setup", hash_secret(code)):
            raise Forbidden(_SETUP_IS_OVER)
        password_hash = await visit.door.part(Hasher).hash(password)
        await visit.door.db.write(actions.complete_setup, code, email, form.get("full_name", ""), password_hash)
    except (Unauthorized, Forbidden):
        raise
    except CatalogError as error:
        return _setup_form(visit, code, problem=error.message, status=error.status)
    return see_other("/login")


# a password by a link ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Link:
    """A link with a code, by which somebody chooses a password; and what its page says."""

    purpose: Purpose
    path: str
    title: str
    lead: str


INVITATION = _Link(
    "invitation", "/invitation", said("Welcome"), said("Choose a password, and the demos are open to you.")
)
RESET = _Link("reset", "/reset", said("Choose another password"), said("You are logged out everywhere else."))


async def show_link(link: _Link, visit: Visit) -> Response:
    """The form. The code stays good until it is sent: previews of links fetch them too."""
    return await _password_form(visit, link, visit.query.get("code", ""))


async def _password_form(visit: Visit, link: _Link, code: str, *, problem: str = "", status: int = 200) -> Response:
    holder = await holder_for(visit.door, link.purpose, code)
    return visit.render(
        "accounts/password.html",
        status=status,
        link=link,
        code=code,
        holder=holder,
        problem=problem,
    )


async def submit_link(link: _Link, visit: Visit) -> Response:
    """Unlike the set-up it is accepted from our own page only: it logs somebody in, and that is nobody else's to do."""
    code, *passwords = (visit.form.get(name, "") for name in ("code", "password", "password_again"))
    try:
        token = await choose_password(visit.door, link.purpose, code, *passwords)
    except (Unauthorized, Forbidden):
        raise
    except CatalogError as error:
        return tell_wait(await _password_form(visit, link, code, problem=error.message, status=error.status), error)
    return visit.with_session(see_other("/"), token)


async def show_forgotten(visit: Visit) -> Response:
    return _forgotten_form(visit)


def _forgotten_form(visit: Visit, *, is_sent: bool = False, problem: str = "", status: int = 200) -> Response:
    return visit.render(
        "accounts/forgotten.html",
        status=status,
        email=visit.form.get("email", ""),
        has_mail=visit.door.part(MailSwitch).is_on,
        is_sent=is_sent,
        problem=problem,
    )


async def submit_forgotten(visit: Visit) -> Response:
    """The same page whether or not somebody has the address."""
    if not visit.door.part(MailSwitch).is_on:
        return _forgotten_form(visit)
    try:
        await ask_for_reset(visit.door, visit.form.get("email", ""))
    except CatalogError as error:
        return tell_wait(_forgotten_form(visit, problem=error.message, status=error.status), error)
    return _forgotten_form(visit, is_sent=True)


PAGES = (
    page("GET", "/login", show_login),
    page("POST", "/login", submit_login),
    page("GET", "/setup", show_setup),
    page("POST", "/setup", submit_setup, is_proved_by_code=True),
    *(page("GET", link.path, partial(show_link, link)) for link in (INVITATION, RESET)),
    *(page("POST", link.path, partial(submit_link, link)) for link in (INVITATION, RESET)),
    page("GET", "/forgotten", show_forgotten),
    page("POST", "/forgotten", submit_forgotten),
)
