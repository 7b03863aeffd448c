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
        assert set(told) <= {"/logout", "/account/password", "/account/sessions/end"}
