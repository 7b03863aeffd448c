"""Renewal as a workflow: a client asks, the owner answers from a mail, the window moves and both are told."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from ecatalog.app import Gateway
from tests.cast import Answer, Caller, Cast, SettableClock, facts
from tests.notices.mailbox import Mailbox, body_of

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def ask(gateway: Gateway, people: Cast, end: str = "2026-04-30") -> str:
    body = {"request_type": "renewal", "requested_end_date": end, "message": "We present to our board."}
    answer = await Caller(gateway.asgi, people.acme).post("/api/requests", body)
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


async def code_for(mailbox: Mailbox, address: str = "seller@ecatalog.test", subject: str = "asks for more time") -> str:
    text = body_of(await mailbox.to(address, subject))
    found = re.search(r"http\S+/decide\?code=\S+", text)
    assert found is not None, text
    return parse_qs(urlsplit(found[0]).query)["code"][0]


async def submit(nobody: Caller, code: str, answer: str, **more: str) -> Answer:
    form = urlencode({"code": code, "answer": answer, **more}).encode()
    return await nobody.ask("POST", "/decide", form, headers=FORM)


async def test_the_owner_approves_with_another_date(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    request = await ask(gateway, people)
    code = await code_for(mailbox)

    page = await nobody.get(f"/decide?code={code}&answer=approve")
    done = await submit(nobody, code, "approve", access_end_date="2026-04-15", resolution="Until Easter.")

    assert page.status == 200
    assert b"2026-04-30" in page.body
    assert done.status == 200, done.body
    client = (await Caller(gateway.asgi, people.admin).get(f"/api/clients/{people.acme.id}")).json()
    assert client["access_end_date"] == "2026-04-15"
    [fact] = await gateway.db.read(facts, "request.approved")
    assert fact["actor"] == f"sales:{people.seller.id}"
    assert fact["details"] == {"request": request, "via": "mail"}
    to_client = body_of(await mailbox.to("client@acme.test", "approved"))
    assert "until 15 April 2026" in to_client
    assert "Until Easter." in to_client
    assert "15 April 2026" in body_of(await mailbox.to("seller@ecatalog.test", "has more time"))


async def test_looking_decides_nothing_and_the_answer_counts_once(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    request = await ask(gateway, people)
    code = await code_for(mailbox)

    for _ in range(2):  # A scanner of mail follows both links.
        for answer in ("approve", "reject"):
            assert (await nobody.get(f"/decide?code={code}&answer={answer}")).status == 200
    admin = Caller(gateway.asgi, people.admin)
    [waiting] = (await admin.get("/api/requests?status=pending")).json()["items"]
    first = await submit(nobody, code, "reject", resolution="Not this quarter.")
    second = await submit(nobody, code, "approve", access_end_date="2026-04-30")

    assert waiting["id"] == request
    assert first.status == 200
    assert second.status == 409
    assert b"was rejected already" in second.body
    assert b"was rejected" in (await nobody.get(f"/decide?code={code}")).body
    assert "Not this quarter." in body_of(await mailbox.to("client@acme.test", "rejected"))


async def test_a_link_is_good_for_seven_days(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox, clock: SettableClock
) -> None:
    await ask(gateway, people)
    code = await code_for(mailbox)
    clock.pass_(days=7)

    page, done = await nobody.get(f"/decide?code={code}"), await submit(nobody, code, "approve")

    assert page.status == done.status == 403
    assert b"too old" in page.body
    assert b"too old" in done.body


async def test_a_request_that_was_answered_in_the_catalog(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    request = await ask(gateway, people)
    code = await code_for(mailbox)
    await Caller(gateway.asgi, people.admin).post(f"/api/requests/{request}/approve", {})

    page, done = await nobody.get(f"/decide?code={code}"), await submit(nobody, code, "reject")

    assert page.status == 200
    assert b"There is nothing left to do" in page.body
    assert done.status == 409


async def test_what_is_no_code_of_ours(nobody: Caller, people: Cast) -> None:
    assert (await nobody.get("/decide?code=guessed")).status == 403
    assert (await submit(nobody, "guessed", "approve")).status == 403


async def test_a_bad_date_leaves_the_link_good(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    await ask(gateway, people)
    code = await code_for(mailbox)

    wrong = await submit(nobody, code, "approve", access_end_date="next week")
    right = await submit(nobody, code, "approve", access_end_date="2026-04-30")

    assert wrong.status == 422
    assert b"next week" in wrong.body
    assert right.status == 200


async def test_an_owner_who_left_answers_nothing(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox
) -> None:
    await ask(gateway, people)
    code = await code_for(mailbox)
    await Caller(gateway.asgi, people.admin).patch(f"/api/users/{people.seller.id}", {"is_disabled": True})

    assert (await submit(nobody, code, "approve")).status == 403


async def test_the_code_is_nowhere_in_the_database(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    await ask(gateway, people)
    code = await code_for(mailbox)

    dump = gateway.db.path.read_bytes() + gateway.db.path.with_name(gateway.db.path.name + "-wal").read_bytes()

    assert code.encode() not in dump


async def test_reminders_after_a_day_and_after_two(
    gateway: Gateway, people: Cast, nobody: Caller, mailbox: Mailbox, clock: SettableClock
) -> None:
    from ecatalog.notices.jobs import tell_time

    await ask(gateway, people)
    await code_for(mailbox)
    clock.pass_(hours=24)
    await tell_time(gateway.door)
    code = await code_for(mailbox, subject="waits for an answer")
    clock.pass_(hours=24)
    await tell_time(gateway.door)
    await mailbox.to("admin@ecatalog.test", "waits for an answer")
    await tell_time(gateway.door)

    assert (await submit(nobody, code, "approve", access_end_date="2026-04-30")).status == 200
    assert [fact["details"]["hours"] for fact in await gateway.db.read(facts, "request.waiting")] == [24, 48]
