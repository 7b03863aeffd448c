"""Messages and webhooks in the console: who was told what, why it failed, once more; systems that are told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.app import Gateway
from ecatalog.notices.rules import MESSAGES
from ecatalog.settings import Settings
from ecatalog.web.layout import LANGUAGES
from tests.asgi import Caller
from tests.blank import started
from tests.cast import Cast, SettableClock
from tests.console.browsing import browser, follow, places
from tests.contracts.stand import put_dead_message
from tests.notices.hooks import Receiver, receiving
from tests.notices.outbox import messages


@pytest.fixture
async def gateway(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    """One that can seal secrets, and whose webhooks may reach this machine."""
    settings = Settings(
        data=tmp_path / "gateway",
        grpc_port=0,
        log_level="warning",
        jwt_secret="s" * 43,
        encryption_key="e" * 43,
        webhooks_allow_private="127.0.0.1/32",
    )
    async with started(settings, clock) as built:
        yield built


@pytest.fixture
def admin(gateway: Gateway, people: Cast) -> Caller:
    return browser(gateway, people.admin)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


# messages -----------------------------------------------------------------------------------------------------


async def test_a_message_that_is_dead_says_why_and_is_sent_once_more(
    gateway: Gateway, people: Cast, admin: Caller
) -> None:
    await messages(gateway)
    dead = await gateway.db.write(put_dead_message, people.viewer.id)

    page = (await admin.get("/console/messages?state=dead")).text

    assert page.count("Not delivered</span>") == 1
    assert f'href="/console/messages/{dead}"' in page
    assert "(1)" in page, "how many there are in each state"
    again = await follow(admin, await admin.send_form(f"/console/messages/{dead}/replay"))
    assert "It is sent once more." in again.text


async def test_messages_are_narrowed_by_channel(gateway: Gateway, people: Cast, admin: Caller) -> None:
    await messages(gateway)

    assert "client@revoked.test" in (await admin.get("/console/messages?channel=mail")).text
    assert "No message of the kind" in (await admin.get("/console/messages?channel=webhook")).text


async def test_a_message_is_read_as_its_recipient_does(gateway: Gateway, people: Cast, admin: Caller) -> None:
    (row, *_) = await messages(gateway)

    page = (await admin.get(f"/console/messages/{row.id}")).text

    assert "Hello Client of revoked," in page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MESSAGES)
async def test_every_kind_can_be_read_before_it_is_sent(admin: Caller, kind: str, language: str) -> None:
    page = await admin.get(f"/console/messages/kinds/{kind}/{language}")

    assert page.status == 200
    assert f"{'Olá' if language == 'pt' else 'Hello'}" in page.text
    assert "None" not in page.text


async def test_a_kind_that_there_is_not_is_not_found(admin: Caller) -> None:
    assert (await admin.get("/console/messages/kinds/secrets/en")).status == 404
    assert (await admin.get("/console/messages/kinds/reset/xx")).status == 404


# webhooks -----------------------------------------------------------------------------------------------------


async def test_a_webhook_is_added_tried_and_tells_its_secret_once(
    gateway: Gateway, admin: Caller, receiver: Receiver
) -> None:
    made = await admin.send_form("/console/webhooks/new", url=receiver.url(), kinds="client.revoked", form="standard")
    assert made.status == 200
    secret = made.text.split('value="whsec_')[1].split('"')[0]
    address = made.text.split('href="/console/webhooks/')[2].split('"')[0]
    page = (await admin.get(f"/console/webhooks/{address}")).text
    assert secret not in page
    assert "Access revoked" in page

    tried = await admin.send_form(f"/console/webhooks/{address}/test")

    assert "The test was taken" in tried.text
    rotated = await admin.send_form(f"/console/webhooks/{address}/rotate")
    assert "The one before signs too for 24 hours" in rotated.text
    assert secret not in rotated.text


async def test_a_delivery_is_replayed(gateway: Gateway, people: Cast, admin: Caller, receiver: Receiver) -> None:
    made = await admin.send_form("/console/webhooks/new", url=receiver.url(), kinds="client.revoked", form="standard")
    address = made.text.split('href="/console/webhooks/')[2].split('"')[0]
    await admin.send_form(f"/console/clients/{people.acme.id}/revoke", reason="over")
    await receiver.until(1)
    async with asyncio.timeout(20):
        while "Once more" not in (page := (await admin.get(f"/console/webhooks/{address}")).text):
            await asyncio.sleep(0.002)
    replay = page.split(f'action="/console/webhooks/{address}/deliveries/')[1].split('"')[0]

    answer = await admin.send_form(f"/console/webhooks/{address}/deliveries/{replay}")

    assert places(answer) == f"/console/webhooks/{address}?done=replayed"
    await receiver.until(2)


@pytest.mark.parametrize(
    ("given", "beside", "words"),
    [
        ({"url": "ftp://hooks.example.com"}, "url", "It must begin with https://."),
        ({"url": "https://us:them@hooks.example.com"}, "url", "It must hold neither a user nor a fragment."),
        ({"url": ""}, "url", ""),
        ({"url": "https://hooks.example.com", "kinds": "Client Revoked!"}, "kinds", ""),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    admin: Caller, given: dict[str, str], beside: str, words: str
) -> None:
    answer = await admin.send_form("/console/webhooks/new", **given)

    assert answer.status == 422
    assert f'id="{beside}-wrong">{words}' in answer.text


async def test_a_webhook_is_turned_off_and_removed(admin: Caller, receiver: Receiver) -> None:
    made = await admin.send_form("/console/webhooks/new", url=receiver.url(), form="standard")
    address = made.text.split('href="/console/webhooks/')[2].split('"')[0]

    page = await follow(admin, await admin.send_form(f"/console/webhooks/{address}/edit", is_on="no", form="slack"))

    assert "pill-disabled" in page.text
    assert "Slack" in page.text
    page = await follow(admin, await admin.send_form(f"/console/webhooks/{address}/remove"))
    assert "No system is told yet" in page.text


async def test_a_test_that_does_not_arrive_says_why(admin: Caller, receiver: Receiver) -> None:
    made = await admin.send_form("/console/webhooks/new", url="http://127.0.0.1:9/nobody", form="standard")
    address = made.text.split('href="/console/webhooks/')[2].split('"')[0]

    tried = await admin.send_form(f"/console/webhooks/{address}/test")

    assert "The test was not taken" in tried.text
