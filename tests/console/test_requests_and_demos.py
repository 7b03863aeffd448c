"""The inbox, keeping demos, users, the dashboard and the audit log by the console."""

from ecatalog.access.requests import create_request
from ecatalog.app import Gateway
from ecatalog.clients.actions import client_for, create_client
from ecatalog.console.month import MonthMemory
from ecatalog.demos.actions import demo_for
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.opening import open_demo
from ecatalog.usage.actions import record_use
from ecatalog_client.types.demos import Demo
from tests.asgi import Caller
from tests.cast import PASSWORD, Cast, SettableClock, report, run_launch
from tests.console.browsing import Html, browser, follow, places

# requests -----------------------------------------------------------------------------------------------------


async def ask(gateway: Gateway, people: Cast) -> str:
    end, asking = "2026-05-01", people.acme.actor
    made = await gateway.db.write(
        create_request, asking, request_type="renewal", message="More <time>", requested_end_date=end
    )
    return made.id


async def test_a_request_is_approved_in_place_until_another_day(gateway: Gateway, people: Cast) -> None:
    seller, request_id = browser(gateway, people.seller), await ask(gateway, people)
    inbox = await seller.get("/console/requests")
    assert "More &lt;time&gt;" in inbox.text
    assert 'title="1 waiting"' in inbox.text
    part = seller.with_(hx_request="true")
    approved = await part.send_form(
        f"/console/requests/{request_id}/approve", access_end_date="2026-04-20", resolution="Gladly."
    )
    assert "<html" not in (await part.get(places(approved))).text
    assert (await gateway.db.read(client_for, SYSTEM, people.acme.id)).access_end_date == "2026-04-20"
    page = await seller.get("/console/requests")
    assert "Gladly." in page.text
    assert "Nothing waits" in page.text


async def test_a_request_is_rejected_once(gateway: Gateway, people: Cast) -> None:
    seller, request_id = browser(gateway, people.seller), await ask(gateway, people)
    assert (await seller.send_form(f"/console/requests/{request_id}/reject", resolution="Sorry.")).status == 303
    again = await seller.send_form(f"/console/requests/{request_id}/reject")
    assert again.status == 409


async def test_an_end_that_cannot_be_is_told_where_the_request_is(gateway: Gateway, people: Cast) -> None:
    seller, request_id = browser(gateway, people.seller), await ask(gateway, people)
    answer = await seller.send_form(f"/console/requests/{request_id}/approve", access_end_date="2020-01-01")
    assert answer.status == 422
    assert "Access ends before it begins" in answer.text
    assert (await gateway.db.read(client_for, SYSTEM, people.acme.id)).access_end_date == "2026-03-31"


# demos --------------------------------------------------------------------------------------------------------


async def demo(gateway: Gateway, demo_id: str) -> Demo:
    return await gateway.db.read(demo_for, SYSTEM, demo_id)


async def test_a_demo_is_added_as_a_draft_and_published_once_a_copy_answers(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    form = Html((await admin.get("/console/demos/new")).text).forms[-1].fields
    typed = {"name": "Fresh", "image": "vendor/fresh:2", "keywords": "one, two", "environment": "A=b=c\nD="}
    added = await admin.send_form("/console/demos/new", **form | typed | {"status": "active"})
    page = await follow(admin, added)
    assert "A copy is being tried" in page.text
    demo_id = places(added).split("/")[-1].split("?")[0]
    made = await demo(gateway, demo_id)
    assert (made.status, made.keywords, made.environment) == ("draft", ["one", "two"], {"A": "b=c", "D": ""})
    trial = next(part for part in page.text.split('"') if part.startswith("/api/launches/")).split("/")[3]
    await run_launch(gateway.db, trial)
    assert (await demo(gateway, demo_id)).status == "active"


async def test_a_trial_that_fails_tells_its_last_words_to_administrators(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.draft}"
    form = Html((await admin.get(f"{url}/edit")).text).forms[-1].fields
    page = await follow(admin, await admin.send_form(f"{url}/edit", **form | {"status": "active"}))
    trial = next(part for part in page.text.split('"') if part.startswith("/api/launches/")).split("/")[3]
    await report(gateway.db, trial, "starting")
    await report(gateway.db, trial, "failed", reason="It ended with 1.", log_tail="no such <file>")
    shown = await admin.get(url)
    assert "The last copy did not answer" in shown.text
    assert "no such &lt;file&gt;" in shown.text
    assert "no such" not in (await browser(gateway, people.viewer).get(url)).text
    assert (await demo(gateway, people.draft)).status == "draft"


async def test_what_is_wrong_with_a_demo_stands_beside_its_field(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    form = Html((await admin.get("/console/demos/new")).text).forms[-1].fields | {"name": "Fresh"}
    for field, text, words in (
        ("image", "Not An Image", "Write name:tag"),
        ("environment", "no sign", "Write one NAME=value a line."),
        ("idle_minutes", "a while", "Write whole minutes."),
        ("memory_mb", "1", "memory_mb-wrong"),
        ("demo_url", "ftp://x", "Neither a path"),
        ("compose", "services: 7", "compose"),
    ):
        answer = await admin.send_form("/console/demos/new", **form | {field: text})
        assert answer.status == 422, field
        assert f'id="{field}-wrong"' in answer.text, answer.text
        assert words in answer.text
        assert 'value="Fresh"' in answer.text


async def test_an_edited_demo_keeps_what_the_form_does_not_name(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}"
    was = await demo(gateway, people.portal)
    form = Html((await admin.get(f"{url}/edit")).text).forms[-1].fields
    assert (await admin.send_form(f"{url}/edit", **form | {"vertical": "Trade"})).status == 303
    now = await demo(gateway, people.portal)
    assert now.vertical == "Trade"
    assert (now.docker_image_id, now.environment, now.tmpfs, now.status) == (
        was.docker_image_id,
        was.environment,
        was.tmpfs,
        was.status,
    )


async def test_the_second_of_two_who_edit_a_demo_is_told_and_nothing_is_lost(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}/edit"
    shown_to_both = Html((await admin.get(url)).text).forms[-1].fields
    assert (await admin.send_form(url, **shown_to_both | {"vertical": "Trade"})).status == 303
    second = await admin.send_form(url, **shown_to_both | {"contact_name": "Sam", "description": "One\r\ntwo"})
    assert second.status == 412
    assert "Somebody else changed this demo" in second.text
    assert "Meanwhile it says: Trade" in second.text
    assert second.text.count("Meanwhile it says") == 3, "the vertical, and what is typed here and not kept yet"
    again = Html(second.text).forms[-1].fields | {"vertical": "Trade"}
    assert (again["contact_name"], again["description"]) == ("Sam", "One\r\ntwo")
    assert (await admin.send_form(url, **again)).status == 303
    now = await demo(gateway, people.portal)
    assert (now.vertical, now.contact_name, now.description) == ("Trade", "Sam", "One\ntwo")


async def test_a_removal_tells_the_numbers_first_and_is_taken_back(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}"
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    await run_launch(gateway.db, launch.id)
    asked = " ".join((await admin.get(f"{url}/remove")).text.split())
    assert "5 clients see it no longer" in asked
    assert "1 copy is open right now" in asked
    removed = await follow(admin, await admin.send_form(f"{url}/remove", launches="stop"))
    assert "Restore as a draft" in removed.text
    restored = await follow(admin, await admin.send_form(f"{url}/restore"))
    assert "pill-draft" in restored.text


async def test_plans_for_warm_copies_are_kept_and_ended(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}"
    times = {"from_time": "09:00", "until_time": "17:00", "timezone": "Europe/Lisbon", "copies": "2"}
    page = await follow(admin, await admin.send_form(f"{url}/plans", mon="on", fri="on", **times))
    assert "Mon, Fri, 09:00–17:00 Europe/Lisbon" in page.text
    end = next(form for form in Html(page.text).forms if form.action.endswith("/end"))
    assert "Mon, Fri, 09:00" not in (await follow(admin, await admin.send_form(end.action))).text
    refused = await admin.send_form(f"{url}/plans", **times)
    assert refused.status == 422


async def test_a_plan_is_added_with_the_form_of_a_demo(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}"
    form = Html((await admin.get(f"{url}/edit")).text).forms[-1].fields
    assert not {"mon", "tue", "sat"} & form.keys(), "no plan unless a day is ticked"
    wrong = await admin.send_form(f"{url}/edit", **form | {"mon": "on", "timezone": "Mars/Olympus"})
    assert wrong.status == 422
    assert 'id="timezone-wrong"' in wrong.text
    page = await follow(admin, await admin.send_form(f"{url}/edit", **form | {"mon": "on", "copies": "3", "warm": "2"}))
    assert "Mon, 09:00–17:00 UTC" in page.text
    assert (await demo(gateway, people.portal)).warm == 2
    assert "3 copies: Mon, 09:00–17:00 UTC" in (await admin.get(f"{url}/edit")).text


async def test_usage_is_taken_along_as_a_table_that_no_spreadsheet_calculates(gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(record_use, "demo_opened", client_id=people.acme.id, demo_id=people.portal)
    await Caller(gateway.asgi, people.admin.token).patch(f"/api/demos/{people.portal}", {"name": "=1+1"})
    viewer = browser(gateway, people.viewer)
    of_client = await viewer.get(f"/console/clients/{people.acme.id}/usage.csv")
    assert of_client.header("content-type") == "text/csv; charset=utf-8"
    assert of_client.header("content-disposition") == 'attachment; filename="usage-of-client-2026-01-10-2026-03-10.csv"'
    assert ",'=1+1,1,0," in of_client.text
    assert "Client of acme" in (await viewer.get(f"/console/demos/{people.portal}/usage.csv")).text
    assert "2026-03-10,1,0" in (await viewer.get("/console/usage.csv")).text
    assert "2026-03-10" not in (await viewer.get("/console/usage.csv?from=2026-01-01&to=2026-02-01")).text
    assert (await viewer.get("/console/usage.csv?from=yesterday")).status == 422


async def test_a_demo_page_follows_a_trial_until_it_is_decided(gateway: Gateway, people: Cast) -> None:
    admin, url = browser(gateway, people.admin), f"/console/demos/{people.portal}"
    form = Html((await admin.get(f"{url}/edit")).text).forms[-1].fields
    page = await follow(admin, await admin.send_form(f"{url}/edit", **form | {"port": "8001"}))
    assert 'data-reload="running stopping stopped failed"' in page.text
    trial = page.text.split('data-follow="/api/launches/')[1].split("/")[0]
    part = await admin.with_(hx_request="true").get(url)
    assert "A copy is being tried" in part.text
    assert "<html" not in part.text
    await run_launch(gateway.db, trial)
    done = (await admin.get(url)).text
    assert "A copy is being tried" not in done
    assert "data-follow" not in done


# users, the dashboard, the audit log --------------------------------------------------------------------------


async def test_a_user_is_added_changed_and_closed(gateway: Gateway, people: Cast) -> None:
    admin = browser(gateway, people.admin)
    new = {"full_name": "Una Use", "email": "una@ecatalog.test", "role": "viewer", "password": "a quite different one"}
    page = await follow(admin, await admin.send_form("/console/users/new", **new))
    assert "Una Use" in page.text
    assert "3 users" not in page.text
    weak = await admin.send_form("/console/users/new", **new | {"email": "x@y.test", "password": "password123"})
    assert (weak.status, "password123" in weak.text) == (422, False)
    url = f"/console/users/{people.viewer.id}"
    closed = await admin.send_form(url, full_name="Vera", email=people.viewer.email, role="viewer", is_disabled="yes")
    assert closed.status == 303
    assert (await browser(gateway).send_form("/login", email=people.viewer.email, password=PASSWORD)).status == 403
    last = await admin.send_form(f"/console/users/{people.admin.id}", role="viewer")
    assert (last.status, "the only administrator" in last.text) == (409, True)


async def test_the_dashboard_shows_who_is_in_which_demo_and_what_waits(gateway: Gateway, people: Cast) -> None:
    await ask(gateway, people)
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    await run_launch(gateway.db, launch.id)
    admin = browser(gateway, people.admin)
    page = (await admin.get("/console")).text
    assert "Client of acme" in page
    assert "In use" in page
    assert "Acme asks for more time" in page
    assert "Ends in 30 h" in " ".join(page.split()), "Bolt's window ends"
    part = await admin.with_(hx_request="true").get("/console")
    assert "<html" not in part.text
    assert "Customer portal" in part.text
    assert f"/console/launches/{launch.id}/stop" in part.text
    assert "/stop" not in (await browser(gateway, people.viewer).get("/console")).text


async def test_the_month_is_remembered_and_read_anew_while_somebody_looks(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    memory, admin = gateway.part(MonthMemory), browser(gateway, people.admin)
    assert not await memory.refresh(), "nobody has looked yet"
    assert "Nothing was used" in (await admin.get("/console")).text
    await gateway.db.write(record_use, "active", client_id=people.acme.id, demo_id=people.portal, seconds=600)
    await gateway.db.write(record_use, "demo_opened", client_id=people.acme.id, demo_id=people.portal)
    assert "Nothing was used" in (await admin.get("/console")).text
    assert await memory.refresh()
    page = " ".join((await admin.get("/console")).text.split())
    assert "10 min · 1 open<" in page
    clock.pass_(minutes=11)
    assert not await memory.refresh(), "nobody looks any more"
    await gateway.db.write(record_use, "active", client_id=people.acme.id, demo_id=people.portal, seconds=600)
    assert "20 min · 1 open<" in " ".join((await admin.get("/console")).text.split()), "what is old is not shown"


async def test_the_month_is_read_before_anybody_looks(gateway: Gateway, people: Cast) -> None:
    memory, admin = gateway.part(MonthMemory), browser(gateway, people.admin)
    await gateway.db.write(record_use, "active", client_id=people.acme.id, demo_id=people.portal, seconds=600)
    await gateway.db.write(record_use, "demo_opened", client_id=people.acme.id, demo_id=people.portal)
    assert await memory.begin()
    assert not await memory.begin(), "it is there"
    assert "10 min · 1 open<" in " ".join((await admin.get("/console")).text.split())


async def test_who_never_came_is_remembered_and_is_gone_at_the_first_login(gateway: Gateway, people: Cast) -> None:
    admin, new = browser(gateway, people.admin), []
    for name in ("Nora", "Otto"):
        window = {"access_start_date": "2026-03-01", "access_end_date": "2026-03-31"}
        email = f"{name}@new.test"
        new.append(await gateway.db.write(create_client, SYSTEM, name=name, email=email, company="New", **window))
    assert (await admin.get("/console")).text.count("Never logged in") == 2
    await gateway.db.write(record_use, "login", client_id=new[0].id)
    page = (await admin.get("/console")).text
    assert page.count("Never logged in") == 1
    assert "Otto" in page


async def test_the_audit_log_is_narrowed_by_kind_person_and_day(gateway: Gateway, people: Cast) -> None:
    viewer = browser(gateway, people.viewer)
    everything = (await viewer.get("/console/audit")).text
    assert "Access revoked" in everything
    only = await viewer.with_(hx_request="true").get("/console/audit?kind=client.revoked")
    assert only.text.count("<tr>") == 2
    assert "Nothing of the kind happened" in (await viewer.get("/console/audit?from=2020-01-01&to=2020-01-01")).text
    assert (await viewer.get("/console/audit?from=never&cursor=bad")).status == 422
