"""Every message, brought about through the real doors, in both languages, as text and as HTML, to whom it concerns."""

import re
from collections.abc import Awaitable, Callable
from importlib.resources import files

import msgspec
import pytest

from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.launches.opening import add_copy, open_demo, settings_for
from ecatalog.launches.outcomes import settle
from ecatalog.launches.specs import spec_of
from ecatalog.notices.jobs import tell_time
from ecatalog.notices.rules import MESSAGES, RULES
from ecatalog.notices.wording import LANGUAGES
from tests.architecture.code import product_modules
from tests.asgi import Caller as Browser
from tests.cast import Caller, Cast, SettableClock, another_session
from tests.notices.mailbox import Mailbox, body_of

ACME, SELLER, ADMIN = "client@acme.test", "seller@ecatalog.test", "admin@ecatalog.test"


class World:
    """The gateway, its people and its clock."""

    def __init__(self, gateway: Gateway, people: Cast, clock: SettableClock) -> None:
        self.gateway, self.people, self.clock = gateway, people, clock
        self.acme = Caller(gateway.asgi, people.acme)
        self.seller = Caller(gateway.asgi, people.seller)
        self.admin = Caller(gateway.asgi, people.admin)

    async def renew(self, end: str = "2026-05-01") -> None:
        path = f"/api/clients/{self.people.acme.id}/renew"
        assert (await self.admin.patch(path, {"access_end_date": end})).status == 200

    async def wait_until(self, instant: str) -> None:
        self.clock.now = self.clock.now.fromisoformat(instant)
        await tell_time(self.gateway.door)

    async def ask(self) -> str:
        body = {"request_type": "renewal", "requested_end_date": "2026-06-30", "message": "For our board."}
        answer = await self.acme.post("/api/requests", body)
        assert answer.status == 201, answer.body
        return str(answer.json()["id"])


async def invite(world: World) -> None:
    language = "pt" if (await world.acme.get("/api/auth/notices")).json()["locale"] == "pt" else "en"
    window = {"access_start_date": "2026-03-01", "access_end_date": "2026-04-01"}
    body = {"name": "Nora New", "email": "nora@new.test", "company": "New", "locale": language, **window}
    assert (await world.seller.post("/api/clients", body)).status == 201


async def forget(world: World) -> None:
    assert (await Browser(world.gateway.asgi).send_form("/forgotten", email=ACME)).status == 200


async def start(world: World) -> None:
    # Acme's window, moved to a start that lies ahead, and then begun.
    path = f"/api/clients/{world.people.acme.id}"
    assert (await world.seller.patch(path, {"access_start_date": "2026-03-11"})).status == 200
    await world.wait_until("2026-03-11T00:00:00+01:00")


async def end_soon(world: World) -> None:
    await world.wait_until("2026-03-24T09:00:00+01:00")


async def end(world: World) -> None:
    await world.wait_until("2026-04-01T00:00:00+02:00")


async def revoke(world: World) -> None:
    assert (
        await world.seller.patch(f"/api/clients/{world.people.acme.id}/revoke", {"reason": "a secret"})
    ).status == 200


async def ask(world: World) -> None:
    await world.ask()


async def ask_and_wait(world: World) -> None:
    await world.ask()
    world.clock.pass_(hours=24)
    await tell_time(world.gateway.door)


async def approve(world: World) -> None:
    request = await world.ask()
    answer = await world.seller.post(f"/api/requests/{request}/approve", {"resolution": "With pleasure."})
    assert answer.status == 200, answer.body


async def fail_check(world: World) -> None:
    await world.gateway.db.write(_fail_check, world.people.portal)


def _fail_check(tx: Tx, demo_id: str) -> None:
    """What follows when a copy that was started to check the demo ends badly."""
    settings = settings_for(tx, demo_id)
    row = add_copy(tx, SYSTEM, demo_id, settings, spec_of(settings), kind="check")
    assert row is not None
    settle(tx, msgspec.structs.replace(row, state="failed", reason="It did not answer."), "starting", ())


async def open_first(world: World) -> None:
    assert (await world.acme.post(f"/api/demos/{world.people.portal}/open")).status == 200


async def come_back(world: World) -> None:
    answer = await world.acme.post(f"/api/demos/{world.people.portal}/open")
    await world.acme.delete(f"/api/launches/{answer.json()['id']}")
    world.clock.pass_(days=15)
    actor = await another_session(world.gateway.db, world.people.acme)
    await world.gateway.db.write(open_demo, actor, world.people.portal)


async def be_monday(world: World) -> None:
    await open_first(world)
    await world.wait_until("2026-03-16T09:00:00+00:00")


async def try_mail(world: World) -> None:
    answer = await world.admin.post("/api/messages/test")
    assert (answer.status, answer.json()["is_sent"]) == (200, True)


CASES: dict[str, tuple[Callable[[World], Awaitable[None]], str, dict[str, str]]] = {
    "invitation": (invite, "nora@new.test", {"en": "Choose a password", "pt": "Escolher uma palavra-passe"}),
    "reset": (forget, ACME, {"en": "another password for your account", "pt": "outra palavra-passe para a sua"}),
    "access_started": (start, ACME, {"en": "until 31 March 2026", "pt": "até 31 de março de 2026"}),
    "access_ending": (end_soon, ACME, {"en": "about 7 days", "pt": "cerca de 7 dias"}),
    "access_ended": (end, ACME, {"en": "ended on 31 March 2026", "pt": "31 de março de 2026"}),
    "access_renewed": (World.renew, ACME, {"en": "until 1 May 2026", "pt": "até 1 de maio de 2026"}),
    "access_revoked": (revoke, ACME, {"en": "was ended", "pt": "foi retirado"}),
    "client_renewed": (World.renew, SELLER, {"en": "Admin decided", "pt": "decisão foi de Admin"}),
    "request_received": (ask, SELLER, {"en": "until 2026-06-30", "pt": "até 2026-06-30"}),
    "request_waiting": (ask_and_wait, SELLER, {"en": "waited for 24 hours", "pt": "há 24 horas"}),
    "request_decided": (approve, ACME, {"en": "With pleasure.", "pt": "A resposta: “With pleasure.”"}),
    "demo_failing": (fail_check, ADMIN, {"en": "did not answer", "pt": "não respondeu"}),
    "client_opened": (
        open_first,
        SELLER,
        {"en": "just opened Customer portal", "pt": "acaba de abrir"},
    ),
    "client_returned": (come_back, SELLER, {"en": "after 15 days", "pt": "após 15 dias"}),
    "test": (try_mail, ADMIN, {"en": "you asked for a test", "pt": "pediu um teste"}),
    "weekly_digest": (be_monday, SELLER, {"en": "1 opened, 0 min", "pt": "1 aberturas, 0 min"}),
}


def test_every_message_is_here() -> None:
    assert tuple(sorted(CASES)) == MESSAGES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MESSAGES)
async def test_it_comes_in_the_language_of_who_reads_it(
    gateway: Gateway, people: Cast, clock: SettableClock, mailbox: Mailbox, kind: str, language: str
) -> None:
    cause, address, words = CASES[kind]
    world = World(gateway, people, clock)
    for caller in (world.acme, world.seller, world.admin):
        assert (await caller.patch("/api/auth/notices", {"locale": language})).status == 200

    await cause(world)
    mail = await mailbox.to(address)
    while words[language] not in (text := body_of(mail)):  # Others may have come first.
        mail = await mailbox.another(address, mail)

    html = body_of(mail, "html")
    assert f'<html lang="{language}">' in html
    assert re.sub(r"\s+", " ", words[language]) in re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert "a secret" not in text
    assert "None" not in text
    for link in re.findall(r"http://\S+", text):
        assert link.replace("&", "&amp;") in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_has_a_template(language: str) -> None:
    folder = files("ecatalog") / "templates" / "notices" / language

    assert sorted(each.name for each in folder.iterdir()) == sorted(f"{kind}.txt" for kind in MESSAGES)


def test_every_fact_of_the_rules_is_recorded_somewhere() -> None:
    source = "\n".join(module.source for module in product_modules())
    # Put together where it is recorded: tried or checked.
    recorded = set(re.findall(r'\.record\(\s*"([a-z_.]+)"', source)) | {"demo.checked"}

    assert {rule.fact for rule in RULES} - recorded == set()


async def test_what_somebody_typed_turns_no_direction_adds_no_line_and_is_no_markup(
    gateway: Gateway, people: Cast, mailbox: Mailbox
) -> None:
    """A client's own words are read by its owner, beside links that decide."""
    evil = "\u202eevil\u2066 <img src=x>\r\nBcc: x@evil.test\n\n[Approve](https://evil.test) \x1e&amp;"
    asked = await Caller(gateway.asgi, people.acme).post(
        "/api/requests", {"request_type": "renewal", "requested_end_date": "2026-05-01", "message": evil}
    )
    assert asked.status == 201, asked.body
    mail = await mailbox.to(people.seller.email, "")
    text, html = body_of(mail), body_of(mail, "html")

    assert mail["Bcc"] is None
    assert not set("\u202e\u2066\x1e") & set(text + html)
    assert "evil <img src=x> Bcc: x@evil.test [Approve](https://evil.test)" in text
    assert "evil &lt;img src=x&gt; Bcc: x@evil.test" in html
    assert 'href="https://evil.test' not in html
    assert "&amp;amp;" in html
