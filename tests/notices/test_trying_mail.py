"""An administrator tries the mail: what the mail server said is what is told."""

from ecatalog.app import Gateway
from ecatalog.branding.actions import change_branding
from ecatalog.kit.actor import SYSTEM
from tests.asgi import Caller
from tests.cast import Cast
from tests.notices.mailbox import Mailbox, body_of


async def test_a_test_arrives_under_the_name_and_colour_of_the_company(
    gateway: Gateway, people: Cast, mailbox: Mailbox
) -> None:
    wanted = {"name": "Acme Showroom", "colour": "#aa0011", "contact": "Call Sam."}
    await gateway.db.write(change_branding, SYSTEM, wanted)
    told = (await Caller(gateway.asgi, people.admin.token).post("/api/messages/test")).json()
    assert (told["is_sent"], told["address"]) == (True, "admin@ecatalog.test")
    mail = await mailbox.to("admin@ecatalog.test", "A test of the mail of Acme Showroom")
    assert "Acme Showroom\nCall Sam." in body_of(mail)
    html = body_of(mail, "html")
    assert "background:#aa0011;color:#ffffff" in html
    assert "Call Sam." in html


async def test_a_refusal_is_told_in_the_words_of_the_server(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    mailbox.rcpt_answer = "550 no such mailbox"
    told = (await Caller(gateway.asgi, people.admin.token).post("/api/messages/test")).json()
    assert not told["is_sent"]
    assert "550" in told["words"]
    assert "no such mailbox" in told["words"]


async def test_a_server_that_is_gone_is_told(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    mailbox.answer = lambda mail: None
    told = (await Caller(gateway.asgi, people.admin.token).post("/api/messages/test")).json()
    assert not told["is_sent"]
    assert "broke before it answered" in told["words"]


async def test_nobody_sends_them_without_end(gateway: Gateway, people: Cast, mailbox: Mailbox) -> None:
    """Under however many addresses of one's own: whoever sends them may change it."""
    caller = Caller(gateway.asgi, people.admin.token)
    for number in range(5):
        await caller.patch(f"/api/users/{people.admin.id}", {"email": f"somebody{number}@ecatalog.test"})
        assert (await caller.post("/api/messages/test")).status == 200

    refused = await caller.post("/api/messages/test")

    assert refused.status == 429
    assert "Too many test mails. Try again in 10 minutes." in refused.json()["detail"]
