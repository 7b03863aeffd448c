"""Every link and every form that a role can reach: none breaks, and none leads to what the role may not do."""

import re
from collections.abc import Iterator

import pytest

from ecatalog.access.requests import create_request
from ecatalog.app import Gateway
from ecatalog.launches.opening import open_demo
from tests.asgi import Answer, Caller
from tests.cast import Cast, run_launch
from tests.console.browsing import Form, Html, browser

_FORBIDDEN = (401, 403, 404, 405)
START = {"seller": "/console", "viewer": "/console", "acme": "/", None: "/"}


async def walk(caller: Caller, start: str) -> dict[str, Answer]:
    """Every page that links lead to, by its address; the ids of one kind are followed until the kind is known."""
    seen: dict[str, Answer] = {}
    todo = [start]
    while todo:
        url = todo.pop()
        if url in seen or url.startswith("/static/"):
            continue
        answer = seen[url] = await caller.get(url)
        html = Html(answer.text)
        todo += html.links + [form.url for form in html.forms if form.method == "GET"]
        assert len(set(html.ids)) == len(html.ids), f"{url} has an id twice"
    return seen


def forms(pages: dict[str, Answer]) -> Iterator[Form]:
    """The forms of these pages that change something, each once; logging out comes last."""
    every = (form for answer in pages.values() for form in Html(answer.text).forms)
    found = {form.action: form for form in every if form.method == "POST"}
    logout = found.pop("/logout")
    yield from found.values()
    yield logout


def forms_of_nobody(pages: dict[str, Answer]) -> Iterator[Form]:
    """The forms of who is not logged in, each once."""
    every = (form for answer in pages.values() for form in Html(answer.text).forms if form.method == "POST")
    yield from {form.action: form for form in every}.values()


async def changes(gateway: Gateway) -> int:
    """How many facts people have recorded."""
    rows = await gateway.db.read(lambda tx: tx.rows("SELECT count(*) AS n FROM audit_log WHERE actor != 'system'"))
    return int(rows[0]["n"])


def has(answer: Answer, form: Form) -> bool:
    return any(each.action == form.action for each in Html(answer.text).forms)


async def put_something_in(gateway: Gateway, people: Cast) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.remote)
    assert launch.state in ("running", "queued")
    if launch.state == "queued":
        await run_launch(gateway.db, launch.id)
    await gateway.db.write(create_request, people.acme.actor, request_type="renewal", requested_end_date="2026-05-01")
    await gateway.db.write(create_request, people.bolt.actor, request_type="revocation")


@pytest.mark.parametrize("role", ["admin", "seller", "viewer", "acme", "ended", "pending"])
async def test_no_link_breaks_or_leads_to_what_one_may_not(gateway: Gateway, people: Cast, role: str) -> None:
    await put_something_in(gateway, people)
    person = getattr(people, role)
    pages = await walk(browser(gateway, person), "/" if person.role == "client" else "/console")
    broken = {url: answer.status for url, answer in pages.items() if answer.status >= 400}
    assert broken == {}
    assert len(pages) > (3 if person.role == "client" else 20)
    assert any(re.search("html", answer.header("content-type") or "") for answer in pages.values())


@pytest.mark.parametrize("role", ["admin", "seller", "viewer", "acme", "ended", "pending"])
async def test_no_form_breaks_or_is_forbidden(gateway: Gateway, people: Cast, role: str) -> None:
    """Each is sent as it stands in a catalog that has changed since it was shown: what is gone may be told so (409)."""
    await put_something_in(gateway, people)
    person = getattr(people, role)
    caller = browser(gateway, person)
    pages = await walk(caller, "/" if person.role == "client" else "/console")
    told = {}
    for form in forms(pages):
        page = next(url for url, answer in pages.items() if has(answer, form))
        if not has(await caller.get(page), form):
            continue  # An earlier form took it away, as the end of a client takes its copies.
        told[form.action] = (await caller.send_form(form.action, **form.fields)).status
    assert {action: status for action, status in told.items() if status >= 500 or status in _FORBIDDEN} == {}
    assert "/logout" in told
    if role == "viewer":
        assert set(told) <= {"/logout", "/account/language", "/account/password", "/account/sessions/end"}


@pytest.mark.parametrize("role", ["admin", "seller", "viewer", "acme", "ended", "pending"])
async def test_an_empty_form_is_refused_in_words_or_does_what_its_button_says(
    gateway: Gateway, people: Cast, role: str
) -> None:
    """As a page would be sent whose fields somebody took out: nothing breaks, and nothing is opened by it."""
    await put_something_in(gateway, people)
    person = getattr(people, role)
    caller = browser(gateway, person)
    pages = await walk(caller, "/" if person.role == "client" else "/console")
    told = {form.action: (await caller.send_form(form.action)).status for form in forms(pages)}
    assert {action: status for action, status in told.items() if status >= 500 or status in (401, 403, 405)} == {}


async def test_nobody_reaches_the_login_and_what_leads_to_it(gateway: Gateway, people: Cast) -> None:
    caller = browser(gateway)
    pages = await walk(caller, "/")
    assert set(pages) == {"/", "/forgotten", "/login"}
    assert {answer.status for answer in pages.values()} == {200}
    told = {form.action: (await caller.send_form(form.action)).status for form in forms_of_nobody(pages)}
    assert told == {"/login": 401}


@pytest.mark.parametrize("role", ["seller", "viewer", "acme", None])
async def test_what_an_administrator_is_offered_is_kept_from_who_may_not(
    gateway: Gateway, people: Cast, role: str | None
) -> None:
    """Whoever knows an address has not won anything: every link and form of an administrator, sent by others."""
    await put_something_in(gateway, people)
    pages = await walk(browser(gateway, people.admin), "/console")
    other = browser(gateway, getattr(people, role) if role else None)
    offered = {url for url, answer in (await walk(other, START[role])).items() if answer.status == 200}
    statuses = {url: (await other.get(url)).status for url in pages if url not in offered}
    assert {url: status for url, status in statuses.items() if status >= 500} == {}
    before = await changes(gateway)
    sent = {form.action for form in forms(pages)} - {"/logout"}
    own = {form.action for answer in (await walk(other, START[role])).values() for form in Html(answer.text).forms}
    told = {action: (await other.send_form(action)).status for action in sorted(sent - own)}
    assert {action: status for action, status in told.items() if status not in (401, 403, 404, 409, 422)} == {}
    assert await changes(gateway) == before
