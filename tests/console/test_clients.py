"""Keeping clients by the console: finding, creating, editing, renewing, revoking, giving demos, and tables of them."""

import re
from urllib.parse import urlencode

import pytest

from ecatalog.app import Gateway
from ecatalog.clients.actions import client_for
from ecatalog.clients.queries import who_has_email
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.opening import open_demo
from ecatalog_client.types.clients import Client
from tests.asgi import Answer
from tests.cast import Cast, facts, run_launch
from tests.console.browsing import Html, browser, follow, places

NEW = {
    "name": "Nora New",
    "email": "nora@new.test",
    "company": "New & Sons",
    "access_start_date": "2026-03-01",
    "access_end_date": "2026-04-01",
    "timezone": "Europe/Lisbon",
    "locale": "pt",
}


async def client_of(gateway: Gateway, client_id: str) -> Client:
    return await gateway.db.read(client_for, SYSTEM, client_id)


def names(page: str) -> list[str]:
    return re.findall(r'<a class="name" href="/console/clients/[^"]+">([^<]+)', page)


# finding ------------------------------------------------------------------------------------------------------


async def test_the_table_is_searched_filtered_sorted_and_counted(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    everybody = await admin.get("/console/clients?sort=name")
    assert names(everybody.text) == [f"Client of {name}" for name in ("acme", "bolt", "ended", "pending", "revoked")]
    assert "5 clients" in everybody.text
    found = await admin.get("/console/clients?q=ACM%C3%89")
    assert ("1 client<" in found.text.replace("\n", ""), "Acme" in found.text) == (True, True)
    for query, who in (("status=pending", "pending"), ("status=revoked", "revoked"), ("ending=soon", "bolt")):
        assert names((await admin.get(f"/console/clients?{query}")).text) == [f"Client of {who}"]
    own = await admin.get(f"/console/clients?owner={people.admin.id}")
    assert names(own.text) == ["Client of bolt"]


async def test_nothing_found_says_what_to_do(gateway: Gateway, people: Cast) -> None:
    page = await browser(gateway, people.admin).get("/console/clients?q=%3Cscript%3E")
    assert "No client matches" in page.text
    assert "<script>" not in page.text
    assert 'value="&lt;script&gt;"' in page.text


async def test_the_same_address_answers_a_page_or_the_table_alone(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    whole = await admin.get("/console/clients?q=acme")
    part = await admin.with_(hx_request="true").get("/console/clients?q=acme")
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert names(part.text) == names(whole.text)
    assert "HX-Request" in (whole.header("vary") or "")


async def test_pages_of_the_table_follow_each_other_and_keep_the_search(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    for number in range(30):
        await admin.send_form("/console/clients/new", **NEW | {"email": f"n{number}@new.test"})
    first = await admin.get("/console/clients?q=new&sort=name")
    assert "30 clients, page 1 of 2" in " ".join(first.text.split())
    following = next(link for link in Html(first.text).links if "page=2" in link)
    second = await admin.get(following.replace("&amp;", "&"))
    assert (len(names(first.text)), len(names(second.text))) == (25, 5)


# creating -----------------------------------------------------------------------------------------------------


async def test_a_new_client_is_shown_with_what_was_done(gateway: Gateway, people: Cast) -> None:
    seller = browser(gateway, people.seller)
    page = await follow(seller, await seller.send_form("/console/clients/new", **NEW))
    assert "The client is created." in page.text
    assert "New &amp; Sons" in page.text
    assert "1 April 2026" in page.text


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(gateway: Gateway, people: Cast) -> None:
    seller = browser(gateway, people.seller)
    answer = await seller.send_form(
        "/console/clients/new", **NEW | {"access_end_date": "2026-02-01", "notes": "Ask <b>"}
    )
    assert answer.status == 422
    assert 'id="access_end_date-wrong">Not after the start.' in answer.text
    assert 'aria-describedby="access_end_date-wrong access_end_date-hint"' in answer.text
    assert 'value="Nora New"' in answer.text
    assert "Ask &lt;b&gt;" in answer.text
    taken = await seller.send_form("/console/clients/new", **NEW | {"email": people.acme.email})
    assert (taken.status, "already belongs to a client" in taken.text) == (409, True)
    assert await gateway.db.read(who_has_email, "nora@new.test") is None


# editing ------------------------------------------------------------------------------------------------------


async def test_the_second_of_two_editors_is_told_and_nothing_is_lost(gateway: Gateway, people: Cast) -> None:
    url = f"/console/clients/{people.acme.id}/edit"
    seller, admin = browser(gateway, people.seller), browser(gateway, people.admin)
    shown_to_both = Html((await seller.get(url)).text).forms[-1].fields
    first = await seller.send_form(url, **shown_to_both | {"company": "Acme and Daughters"})
    assert first.status == 303
    second = await admin.send_form(url, **shown_to_both | {"notes": "calls on Mondays"})
    assert second.status == 412
    assert "Somebody else changed this client" in second.text
    assert "Meanwhile it says: Acme and Daughters" in second.text
    assert "calls on Mondays" in second.text, "what was typed is still there"
    client = await client_of(gateway, people.acme.id)
    assert (client.company, client.notes) == ("Acme and Daughters", "prefers mornings")
    again = Html(second.text).forms[-1].fields | {"company": "Acme and Daughters"}
    assert (await admin.send_form(url, **again)).status == 303
    client = await client_of(gateway, people.acme.id)
    assert (client.company, client.notes) == ("Acme and Daughters", "calls on Mondays")


# access -------------------------------------------------------------------------------------------------------


async def test_access_is_renewed_by_days_or_until_a_day(gateway: Gateway, people: Cast) -> None:
    seller, url = browser(gateway, people.seller), f"/console/clients/{people.acme.id}/renew"
    page = await follow(seller, await seller.send_form(url, days="7"))
    assert "The new end counts from now on." in page.text
    assert (await client_of(gateway, people.acme.id)).access_end_date == "2026-04-07"
    await seller.send_form(url, access_end_date="2026-05-05")
    assert (await client_of(gateway, people.acme.id)).access_end_date == "2026-05-05"
    refused = await seller.send_form(url, access_end_date="2026-03-02")
    assert (refused.status, "In the past." in refused.text) == (422, True)


async def test_a_revocation_tells_what_it_will_cut_and_then_what_it_cut(gateway: Gateway, people: Cast) -> None:
    seller, url = browser(gateway, people.seller), f"/console/clients/{people.acme.id}"
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    await run_launch(gateway.db, launch.id)
    asked = await seller.get(f"{url}/revoke")
    assert "1 open copy is cut within a second" in " ".join(asked.text.split())
    assert (await client_of(gateway, people.acme.id)).revoked_at is None
    page = await follow(seller, await seller.send_form(f"{url}/revoke", reason="they left"))
    words = " ".join(page.text.split())
    assert "Access is revoked: they left" in words
    assert "1 copy and 0 connections were cut, confirmed by 0 edges in" in words
    assert len(await gateway.db.read(facts, "access.cut")) == 1
    restored = await follow(seller, await seller.send_form(f"{url}/restore"))
    assert "It is back." in restored.text


async def test_a_demo_is_given_and_taken_back(gateway: Gateway, people: Cast) -> None:
    seller, url = browser(gateway, people.seller), f"/console/clients/{people.acme.id}/grants"
    given = await follow(seller, await seller.send_form(url, demo_id=people.desk))
    assert f"{url}/{people.desk}/take" in given.text
    taken = await follow(seller, await seller.send_form(f"{url}/{people.desk}/take"))
    assert f"{url}/{people.desk}/take" not in taken.text


async def test_the_history_names_who_did_what(gateway: Gateway, people: Cast) -> None:
    seller, url = browser(gateway, people.seller), f"/console/clients/{people.acme.id}"
    await seller.send_form(f"{url}/renew", days="30")
    page = " ".join((await seller.get(url)).text.split())
    assert "Access renewed" in page
    assert "· Seller · 2026-03-31 → 2026-04-30" in page


# several at once ----------------------------------------------------------------------------------------------


async def test_those_that_are_picked_are_renewed_and_the_rest_is_left_alone(gateway: Gateway, people: Cast) -> None:
    seller = browser(gateway, people.seller)
    picked = {f"pick-{who.id}": "on" for who in (people.acme, people.pending, people.bolt, people.revoked)}
    page = await follow(seller, await seller.send_form("/console/clients/bulk", wish="renew7", **picked))
    assert "2 of 4 renewed." in page.text, "a colleague's client and a revoked one are refused"
    assert (await client_of(gateway, people.acme.id)).access_end_date == "2026-04-07"
    assert (await client_of(gateway, people.bolt.id)).access_end_date == "2026-03-11T18:00:00Z"


async def test_those_that_are_picked_are_revoked_after_a_question(gateway: Gateway, people: Cast) -> None:
    seller = browser(gateway, people.seller)
    picked = {f"pick-{who.id}": "on" for who in (people.acme, people.pending)}
    asked = await seller.send_form("/console/clients/bulk", wish="revoke", **picked)
    assert (asked.status, "Revoke the access of 2 clients?" in asked.text) == (200, True)
    assert (await client_of(gateway, people.acme.id)).revoked_at is None
    form = Html(asked.text).forms[-1]
    page = await follow(seller, await seller.send_form(form.action, **form.fields))
    assert "2 of 2 revoked." in page.text
    assert (await client_of(gateway, people.pending.id)).revoked_at is not None


# tables -------------------------------------------------------------------------------------------------------

TABLE = """name;email;company;access_start_date;access_end_date
Ida;ida@new.test;New;2026-03-01;2026-04-01
Una;{taken};New;2026-03-01;2026-04-01
Ivo;ivo@new.test;New;2026-03-01;yesterday
Ida again;IDA@new.test;New;2026-03-01;2026-04-01
"""


async def test_an_import_shows_the_fate_of_each_line_before_it_writes_any(gateway: Gateway, people: Cast) -> None:
    seller, table = browser(gateway, people.seller), TABLE.format(taken=people.acme.email)
    before = gateway.db.position
    shown = await seller.send_form("/console/clients/import", wish="preview", table=table)
    assert shown.status == 200
    assert shown.text.count("Becomes a client") == 1
    assert shown.text.count("Left out") == 3
    assert "already belongs to a client" in shown.text
    assert "is not a day or an instant" in shown.text
    assert gateway.db.position == before
    done = await seller.send_form("/console/clients/import", wish="import", table=table)
    assert "1 client was created; 3 lines were left out" in " ".join(done.text.split())
    assert await gateway.db.read(who_has_email, "ida@new.test") == "client"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "paste at least"),
        ("name,email\nA,a@b.test", "these columns are missing: company"),
        ('name,email\n"A', "quotation mark"),
    ],
)
async def test_a_table_that_cannot_be_read_is_refused_in_words(
    gateway: Gateway, people: Cast, table: str, words: str
) -> None:
    answer = await browser(gateway, people.seller).send_form("/console/clients/import", table=table)
    assert answer.status == 422
    assert words.lower() in answer.text.lower()


async def test_an_export_is_a_table_that_no_spreadsheet_calculates(gateway: Gateway, people: Cast) -> None:
    seller = browser(gateway, people.seller)
    await seller.send_form("/console/clients/new", **NEW | {"name": "=1+1"})
    answer = await browser(gateway, people.viewer).get("/console/clients/export")
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    assert "\n'=1+1,nora@new.test" in answer.text.replace("\r", "")
    assert len(answer.text.strip().splitlines()) == 7


async def test_the_address_of_a_page_that_is_none_is_the_first_one(gateway: Gateway, people: Cast) -> None:
    for page in ("0", "-1", "x", "99999999", "½"):
        answer = await browser(gateway, people.admin).get("/console/clients?" + urlencode({"page": page}))
        assert (answer.status, "5 clients" in answer.text) == (200, True)


async def test_a_refusal_in_place_leaves_the_page_as_it_is(gateway: Gateway, people: Cast) -> None:
    viewer = browser(gateway, people.viewer).with_(hx_request="true")
    answer = await viewer.get("/console/clients/new")
    assert (answer.status, answer.header("hx-retarget"), "<html" in answer.text) == (403, "#news", False)
    ended = browser(gateway, people.revoked).with_(hx_request="true")
    answer = await ended.get("/console/clients")
    assert (answer.status, answer.header("hx-redirect"), places(answer)) == (204, "/login", "")


async def test_a_client_is_invited_by_a_link_that_is_shown_once_and_works_once(gateway: Gateway, people: Cast) -> None:
    seller, url = browser(gateway, people.seller), f"/console/clients/{people.acme.id}/invite"
    first = link_of(await seller.send_form(url))
    link = link_of(await seller.send_form(url))
    assert (await browser(gateway).get(first)).status == 403, "the one before is void"
    page = await browser(gateway).get(link)
    assert page.status == 200
    code, new = link.partition("code=")[2], "a quite different battery staple"
    chosen = await browser(gateway).send_form("/invitation", code=code, password=new, password_again=new)
    assert chosen.status == 303
    assert (await browser(gateway).get(link)).status == 403
    refused = await seller.send_form(f"/console/clients/{people.revoked.id}/invite")
    assert (refused.status, "restore the client" in refused.text) == (409, True)


def link_of(answer: Answer) -> str:
    """The path of the invitation that a page shows."""
    return "/invitation?code=" + answer.text.split("/invitation?code=")[1].split('"')[0]
