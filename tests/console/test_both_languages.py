"""Every page in both languages: what reads the same in Portuguese is a name, or a word that both languages have."""

import re

import pytest

from ecatalog.app import Gateway
from ecatalog.clients.actions import choose_language
from tests.asgi import Answer, Caller
from tests.cast import Cast
from tests.console.browsing import browser
from tests.console.reading import Reading
from tests.console.test_walking import forms, put_something_in, walk
from tests.contracts.stand import put_dead_message, put_webhook

# People, companies and demos of the cast, and what stands for itself.
_NAMES = re.compile(
    r"E-Catalog|Admin|Seller|Viewer|Client of \w+|Acme|Bolt|Ended|Pending|Revoked|[A-Z]{2}|Customer portal|Service desk"
    r"|Remote|Repaired|Draft|Retail|Portal|Banking|orders|Orders and Élan|until Monday|prefers mornings|Never told"
    r"|tests|\w+/\w+|\d CPU, \d+ MiB|\d webhooks?|[\w.]+@[\w.]+|https?://\S+|UTC|[A-Z_]{6,}|D\d{3}"
    r"|\d+ (s|min|h|d|B|KiB|MiB|GiB)( \d+ (min|h))?"
)
# The same words in both languages.
_SAME = {
    *("English", "Português", "Webhook", "Webhooks", "Logo", "Normal", "Slack", "Standard", "Compose"),
}


def left_in_english(english: Answer, portuguese: Answer) -> set[str]:
    """The texts of the Portuguese page that the English one has too, without names and what is the same in both."""
    both = Reading(english.text).texts & Reading(portuguese.text).texts
    return {text for text in both if re.search(r"[A-Za-z]{2}", text) and not is_same(text)}


def is_same(text: str) -> bool:
    parts = (part.strip(" –:,.()“”") for part in text.split("·"))
    return all(not part or part in _SAME or _NAMES.fullmatch(part) for part in parts)


def is_page(answer: Answer) -> bool:
    return (answer.header("content-type") or "").startswith("text/html")


async def in_portuguese(gateway: Gateway, people: Cast, role: str) -> Caller:
    """The browser of that person, who reads Portuguese."""
    person = getattr(people, role)
    if person.role == "client":
        await gateway.db.write(choose_language, person.actor, "pt", ("en", "pt"))
    return browser(gateway, person).with_(accept_language="pt-PT, en;q=0.5")


@pytest.mark.parametrize("role", ["admin", "seller", "viewer", "acme", "ended", "pending"])
async def test_no_page_is_left_in_english(gateway: Gateway, people: Cast, role: str) -> None:
    await put_something_in(gateway, people)
    await gateway.db.write(put_webhook)
    await gateway.db.write(put_dead_message, people.viewer.id)
    person = getattr(people, role)
    english = await walk(browser(gateway, person), "/" if person.role == "client" else "/console")
    reader = await in_portuguese(gateway, people, role)
    pages = {url: answer for url, answer in english.items() if is_page(answer) and not url.startswith("/api/")}
    left = {text: url for url, answer in pages.items() for text in left_in_english(answer, await reader.get(url))}
    assert left == {}
    assert len(pages) > 3


@pytest.mark.parametrize("role", ["admin", "seller", "acme"])
async def test_what_is_wrong_with_an_empty_form_is_said_in_portuguese(
    gateway: Gateway, people: Cast, role: str
) -> None:
    person = getattr(people, role)
    english = browser(gateway, person)
    pages = await walk(english, "/" if person.role == "client" else "/console")
    refused = {
        form.action: answer
        for form in forms(pages)
        if form.action != "/logout" and (answer := await english.send_form(form.action)).status >= 400
    }
    reader = await in_portuguese(gateway, people, role)
    left = {text: url for url, said in refused.items() for text in left_in_english(said, await reader.send_form(url))}
    assert left == {}
    assert len(refused) > 1


@pytest.mark.parametrize("path", ["/login", "/forgotten", "/invitation?code=x", "/reset?code=x", "/setup?code=x", "/x"])
async def test_nobody_is_met_in_portuguese(gateway: Gateway, people: Cast, path: str) -> None:
    nobody = browser(gateway)
    reader = nobody.with_(accept_language="pt")
    assert left_in_english(await nobody.get(path), await reader.get(path)) == set()
    wrong = {"email": "x", "password": "x"}
    if path in ("/login", "/forgotten"):
        assert left_in_english(await nobody.send_form(path, **wrong), await reader.send_form(path, **wrong)) == set()
