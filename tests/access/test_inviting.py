"""An invitation: a link that works once, for seven days, by which somebody chooses a password and is in."""

from urllib.parse import parse_qs, urlsplit

import pytest

from ecatalog.accounts.invitations import add_mailed_code
from ecatalog.app import Gateway
from ecatalog.kit.ids import hash_secret
from tests.asgi import Answer
from tests.asgi import Caller as Browser
from tests.cast import NOON, Caller, Cast, SettableClock, facts

NEW = "a long walk by the sea"


@pytest.fixture
def browser(gateway: Gateway) -> Browser:
    return Browser(gateway.asgi)


async def invite(by: Caller, **whom: str) -> tuple[str, str]:
    """The invitation's id and code."""
    answer = await by.post("/api/invitations", whom)
    assert answer.status == 201, answer.body
    link = urlsplit(answer.json()["url"])
    assert (link.scheme, link.netloc, link.path) == ("http", "localhost:8080", "/invitation")
    return answer.json()["id"], parse_qs(link.query)["code"][0]


async def accept(browser: Browser, code: str, password: str = NEW, again: str | None = None) -> Answer:
    return await browser.send_form(
        "/invitation", code=code, password=password, password_again=password if again is None else again
    )


async def pending(caller: Caller) -> list[str]:
    return [item["id"] for item in (await caller.get("/api/invitations")).json()["items"]]


async def log_in(browser: Browser, email: str, password: str = NEW) -> int:
    return (await browser.post("/api/auth/login", {"email": email, "password": password})).status


async def test_a_client_chooses_a_password_and_is_in(
    gateway: Gateway, people: Cast, seller: Caller, browser: Browser
) -> None:
    invitation, code = await invite(seller, client_id=people.acme.id)
    page = await browser.get(f"/invitation?code={code}")
    assert (page.status, people.acme.email in page.text) == (200, True)
    done = await accept(browser, code)
    assert (done.status, done.header("location")) == (303, "/")
    me = (await browser.with_(cookie=done.cookie).get("/api/auth/me")).json()
    assert (me["role"], me["client"]["id"]) == ("client", people.acme.id)
    assert await log_in(browser, people.acme.email) == 200
    (created,) = await gateway.db.read(facts, "invitation.created")
    assert (created["actor"], created["client_id"]) == (f"sales:{people.seller.id}", people.acme.id)
    assert created["details"] == {"user": None, "invitation": invitation}
    (accepted,) = await gateway.db.read(facts, "invitation.accepted")
    assert (accepted["actor"], accepted["client_id"]) == (f"client:{people.acme.id}", people.acme.id)


async def test_a_user_without_a_password_chooses_one(admin: Caller, browser: Browser) -> None:
    new = {"email": "new@ecatalog.test", "full_name": "Nell", "role": "viewer"}
    user = (await admin.post("/api/users", new)).json()
    _, code = await invite(admin, user_id=user["id"])
    assert (await accept(browser, code)).status == 303
    assert await log_in(browser, "new@ecatalog.test") == 200


async def test_looking_at_the_page_does_not_use_the_link_up(seller: Caller, people: Cast, browser: Browser) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    for _ in range(3):
        assert (await browser.get(f"/invitation?code={code}")).status == 200
    assert (await accept(browser, code)).status == 303


async def test_whoever_was_in_with_the_old_password_is_out(
    seller: Caller, acme: Caller, people: Cast, browser: Browser
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    assert (await acme.get("/api/auth/me")).status == 200
    await accept(browser, code)
    assert (await acme.get("/api/auth/me")).status == 401


async def test_pending_ones_are_listed_without_their_codes(
    seller: Caller, admin: Caller, people: Cast, browser: Browser
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    second, _ = await invite(admin, user_id=people.viewer.id)
    listed = await seller.get("/api/invitations")
    items = listed.json()["items"]
    assert [(item["name"], item["email"]) for item in items] == [
        ("Viewer", people.viewer.email),
        ("Client of acme", people.acme.email),
    ]
    assert items[0]["created_at"] == "2026-03-10T12:00:00.000Z"
    assert items[0]["expires_at"] == "2026-03-17T12:00:00.000Z"
    assert code not in listed.body.decode()
    await accept(browser, code)
    assert await pending(admin) == [second]


async def test_only_the_hash_of_the_code_is_kept(gateway: Gateway, seller: Caller, people: Cast) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    (row,) = await gateway.db.read(lambda tx: tx.rows("SELECT * FROM one_time_codes WHERE purpose = 'invitation'"))
    assert row["code_hash"] == hash_secret(code)
    log = await gateway.db.read(lambda tx: tx.rows("SELECT * FROM audit_log"))
    assert code not in str(row) + str(log)


async def test_a_withdrawn_one_leads_nowhere(gateway: Gateway, seller: Caller, people: Cast, browser: Browser) -> None:
    invitation, code = await invite(seller, client_id=people.acme.id)
    assert (await seller.delete(f"/api/invitations/{invitation}")).status == 204
    assert (await accept(browser, code)).status == 403
    assert await pending(seller) == []
    assert (await seller.delete(f"/api/invitations/{invitation}")).status == 404
    assert len(await gateway.db.read(facts, "invitation.withdrawn")) == 1


# who may ------------------------------------------------------------------------------------------------------


async def test_sales_invite_the_clients_they_own_and_no_users(seller: Caller, people: Cast) -> None:
    assert (await seller.post("/api/invitations", {"client_id": people.bolt.id})).status == 403
    assert (await seller.post("/api/invitations", {"user_id": people.viewer.id})).status == 403
    assert (await seller.post("/api/invitations", {"client_id": "nobody"})).status == 404


async def test_sales_withdraw_only_what_they_could_have_created(seller: Caller, admin: Caller, people: Cast) -> None:
    for whom in ({"client_id": people.bolt.id}, {"user_id": people.viewer.id}):
        invitation, _ = await invite(admin, **whom)
        assert (await seller.delete(f"/api/invitations/{invitation}")).status == 403


# what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"client_id": "a", "user_id": "b"}])
async def test_it_is_for_exactly_one_person(seller: Caller, body: dict[str, str]) -> None:
    refused = await seller.post("/api/invitations", body)
    assert (refused.status, set(refused.json()["fields"])) == (422, {"client_id", "user_id"})


async def test_who_may_not_log_in_is_not_invited(admin: Caller, people: Cast) -> None:
    assert (await admin.post("/api/invitations", {"client_id": people.revoked.id})).status == 409
    assert (await admin.patch(f"/api/users/{people.viewer.id}", {"is_disabled": True})).status == 200
    assert (await admin.post("/api/invitations", {"user_id": people.viewer.id})).status == 409


async def test_a_link_works_once(seller: Caller, people: Cast, browser: Browser) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    assert (await accept(browser, code)).status == 303
    again = await accept(browser, code, "somebody else's password")
    assert (again.status, "Ask whoever sent it" in again.text) == (403, True)
    assert (await browser.get(f"/invitation?code={code}")).status == 403
    assert await log_in(browser, people.acme.email) == 200


async def test_a_new_one_voids_the_old_one(seller: Caller, people: Cast, browser: Browser) -> None:
    _, old = await invite(seller, client_id=people.acme.id)
    second, new = await invite(seller, client_id=people.acme.id)
    assert await pending(seller) == [second]
    assert (await accept(browser, old)).status == 403
    assert (await accept(browser, new)).status == 303


async def test_a_link_works_for_seven_days(
    seller: Caller, people: Cast, browser: Browser, clock: SettableClock
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    clock.now = NOON
    clock.pass_(days=7, milliseconds=-1)
    assert (await browser.get(f"/invitation?code={code}")).status == 200
    clock.pass_(milliseconds=1)
    assert (await accept(browser, code)).status == 403


async def test_who_is_revoked_meanwhile_stays_out_until_restored(
    seller: Caller, people: Cast, browser: Browser
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    path = f"/api/clients/{people.acme.id}"
    assert (await seller.patch(f"{path}/revoke")).status == 200
    refused = await accept(browser, code)
    assert (refused.status, "Your access was revoked. Ask Seller" in refused.text) == (403, True)
    assert (await browser.get(f"/invitation?code={code}")).status == 403
    assert (await seller.patch(f"{path}/restore")).status == 200
    assert (await accept(browser, code)).status == 303


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        ("short", "short", "at least 10 characters"),
        ("clientofacme", "clientofacme", ""),
        ("client@acme.test", "client@acme.test", "must not be your name"),
        (NEW, "something else", "two passwords differ"),
    ],
)
async def test_a_bad_password_is_told_and_the_link_stays_good(
    seller: Caller, people: Cast, browser: Browser, password: str, again: str, words: str
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    answer = await accept(browser, code, password, again)
    if words:
        assert (answer.status, words in answer.text) == (422, True)
        assert password not in answer.text.replace(people.acme.email, "")
        answer = await accept(browser, code)
    assert answer.status == 303


async def test_another_site_cannot_log_a_visitor_in(seller: Caller, people: Cast, browser: Browser) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    form = f"code={code}&password={NEW}&password_again={NEW}".replace(" ", "+").encode()
    for foreign in ({"sec_fetch_site": "cross-site"}, {"origin": "https://elsewhere.test"}, {}):
        assert (await browser.with_(**foreign).ask("POST", "/invitation", form)).status == 403
    assert (await browser.with_(origin="http://localhost:8080").ask("POST", "/invitation", form)).status == 303


@pytest.mark.parametrize("guess", ["", "x" * 43, "x" * 9000, "\x00", "ä"])
async def test_another_code_opens_nothing(people: Cast, browser: Browser, guess: str) -> None:
    assert (await accept(browser, guess)).status == 403


async def test_a_code_of_another_kind_opens_nothing(
    gateway: Gateway, seller: Caller, people: Cast, browser: Browser
) -> None:
    _, code = await invite(seller, client_id=people.acme.id)
    assert (await browser.get(f"/reset?code={code}")).status == 403
    sent = await browser.send_form("/reset", code=code, password=NEW, password_again=NEW)
    assert sent.status == 403


# the second code of one that goes by mail ------------------------------------------------------------------------


async def test_the_mailed_code_is_the_same_invitation(
    gateway: Gateway, seller: Caller, people: Cast, browser: Browser
) -> None:
    invitation, code = await invite(seller, client_id=people.acme.id)
    for _ in range(2):  # A mail may be made twice.
        assert await gateway.db.write(add_mailed_code, invitation, "mailed")
    assert await pending(seller) == [invitation]
    assert (await accept(browser, "mailed")).status == 303
    assert (await accept(browser, code)).status == 403
    assert await pending(seller) == []


async def test_a_withdrawn_invitation_is_not_mailed_any_more(
    gateway: Gateway, seller: Caller, people: Cast, browser: Browser
) -> None:
    invitation, _ = await invite(seller, client_id=people.acme.id)
    assert await gateway.db.write(add_mailed_code, invitation, "early")
    assert (await seller.delete(f"/api/invitations/{invitation}")).status == 204
    assert not await gateway.db.write(add_mailed_code, invitation, "late")
    for code in ("early", "late"):
        assert (await accept(browser, code)).status == 403
