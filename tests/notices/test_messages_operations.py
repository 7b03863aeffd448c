"""Administrators see what was sent to whom, read it as its recipient did, and send it once more."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.accounts.passwords import Hasher
from ecatalog.app import Gateway, build
from ecatalog.kit.db import Tx
from ecatalog.settings import Settings
from tests.blank import lay_blank
from tests.cast import Caller, Cast, SettableClock, load_cast
from tests.notices.mailbox import Mailbox, body_of
from tests.notices.outbox import messages, until


@pytest.fixture
async def admin(gateway: Gateway, people: Cast) -> Caller:
    """An administrator, after one client was renewed and another asked for something."""
    await Caller(gateway.asgi, people.seller).patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})
    body = {"request_type": "renewal", "requested_end_date": "2026-05-01", "message": "<b>please</b>"}
    await Caller(gateway.asgi, people.bolt).post("/api/requests", body)
    await messages(gateway)
    return Caller(gateway.asgi, people.admin)


async def test_messages_are_listed_newest_first_and_by_client_and_state(
    gateway: Gateway, people: Cast, admin: Caller
) -> None:
    for kind in ("request_received", "access_renewed", "access_revoked"):
        await until(gateway, "sent", kind)

    everything = (await admin.get("/api/messages")).json()["items"]
    of_acme = (await admin.get(f"/api/messages?client_id={people.acme.id}")).json()["items"]
    sent = (await admin.get("/api/messages?state=sent&limit=1")).json()
    dead = (await admin.get("/api/messages?state=dead")).json()["items"]
    rest = (await admin.get(f"/api/messages?state=sent&cursor={sent['next']}")).json()["items"]

    assert [each["kind"] for each in everything] == ["request_received", "access_renewed", "access_revoked"]
    assert [each["kind"] for each in of_acme] == ["access_renewed"]
    assert [each["kind"] for each in sent["items"] + rest] == [each["kind"] for each in everything]
    assert dead == []


async def test_a_preview_is_the_mail_without_its_code(
    gateway: Gateway, people: Cast, admin: Caller, mailbox: Mailbox
) -> None:
    mail = await mailbox.to("admin@ecatalog.test", "asks for more time")
    row = next(each for each in await messages(gateway) if each.kind == "request_received")

    shown = (await admin.get(f"/api/messages/{row.id}")).json()

    assert shown["address"] == "admin@ecatalog.test"
    assert shown["subject"] == mail["Subject"]
    assert shown["text"] == re.sub(r"code=[\w-]+", "code=…", body_of(mail))
    assert "&lt;b&gt;please&lt;/b&gt;" in shown["html"]
    assert "<b>" not in shown["html"]


async def test_what_is_on_its_way_is_not_replayed(gateway: Gateway, people: Cast, admin: Caller) -> None:
    await until(gateway, "sent", "access_renewed")
    row = next(each for each in await messages(gateway) if each.kind == "access_renewed")
    await gateway.db.write(_hold, row.id)

    answer = await admin.post(f"/api/messages/{row.id}/replay")

    assert answer.status == 409


def _hold(tx: Tx, row_id: int) -> None:
    """As a row is that another process has leased."""
    tx.run("UPDATE outbox SET state = 'leased', next_at = '2099-01-01T00:00:00.000Z' WHERE id = :id", id=row_id)


@pytest.mark.parametrize("message", ["0", "x", "9" * 30, "-1", "1.0"])
async def test_a_message_that_there_is_not(admin: Caller, message: str) -> None:
    assert (await admin.get(f"/api/messages/{message}")).status == 404


@pytest.fixture
async def without_mail(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    settings = Settings(data=tmp_path / "bare", grpc_port=0, log_level="warning", jwt_secret="s" * 43)
    lay_blank(settings.database)
    built = build(settings, clock=clock, hasher=Hasher(memory_kib=64))
    await built.start()
    yield built
    await built.stop()


async def test_without_a_mail_server_messages_are_shown_and_counted_as_sent(
    without_mail: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    people = await without_mail.db.write(load_cast)
    await Caller(without_mail.asgi, people.seller).patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})

    assert await until(without_mail, "sent", "access_renewed") == ("access_renewed", "sent", 1, "")
    shown = capsys.readouterr().out
    assert "message.shown" in shown
    assert "your access to the demos now lasts until 7 April 2026" in shown
