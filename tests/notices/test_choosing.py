"""Each message can be turned off, by each person for itself; and it comes in the language that was chosen."""

import msgspec
import pytest

from ecatalog.app import Gateway
from ecatalog.notices.rules import CLIENT_NOTICES, USER_NOTICES
from tests.cast import Caller, Cast
from tests.notices.outbox import kinds


async def test_all_are_on_until_somebody_turns_one_off(gateway: Gateway, people: Cast) -> None:
    acme, seller = Caller(gateway.asgi, people.acme), Caller(gateway.asgi, people.seller)

    before = (await acme.get("/api/auth/notices")).json()
    changed = (await acme.patch("/api/auth/notices", {"notices": {"access_renewed": False}})).json()
    again = (await acme.patch("/api/auth/notices", {"notices": {"access_renewed": True}})).json()

    assert [each["name"] for each in before["notices"]] == list(CLIENT_NOTICES)
    assert all(each["is_on"] for each in before["notices"])
    assert [each["name"] for each in changed["notices"] if not each["is_on"]] == ["access_renewed"]
    assert again == before
    assert [each["name"] for each in (await seller.get("/api/auth/notices")).json()["notices"]] == list(USER_NOTICES)


@pytest.mark.parametrize("turned_off", [True, False])
async def test_what_is_turned_off_does_not_come_and_the_rest_does(
    gateway: Gateway, people: Cast, turned_off: bool
) -> None:
    acme, admin = Caller(gateway.asgi, people.acme), Caller(gateway.asgi, people.admin)
    await acme.patch("/api/auth/notices", {"notices": {"access_renewed": not turned_off}})

    await admin.patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})

    wanted = ["client_renewed"] if turned_off else ["access_renewed", "client_renewed"]
    assert await kinds(gateway, people) == wanted


async def test_nobody_is_told_what_they_did_themselves(gateway: Gateway, people: Cast) -> None:
    await Caller(gateway.asgi, people.seller).patch(f"/api/clients/{people.acme.id}/renew", {"days": 7})

    assert await kinds(gateway, people) == ["access_renewed"]


async def test_revoking_again_is_told_once(gateway: Gateway, people: Cast) -> None:
    seller = Caller(gateway.asgi, people.seller)
    for _ in range(2):
        await seller.patch(f"/api/clients/{people.acme.id}/revoke")

    assert await kinds(gateway, people) == ["access_revoked"]


async def test_who_asks_a_colleague_for_an_end_is_told_and_so_is_the_client(gateway: Gateway, people: Cast) -> None:
    seller, admin = Caller(gateway.asgi, people.seller), Caller(gateway.asgi, people.admin)
    body = {"request_type": "revocation", "client_id": people.bolt.id, "message": "They signed."}
    request = (await seller.post("/api/requests", body)).json()

    await admin.post(f"/api/requests/{request['id']}/approve", {})

    assert await kinds(gateway, people, f"user:{people.seller.id}") == ["request_decided"]
    assert await kinds(gateway, people, f"client:{people.bolt.id}") == ["access_revoked"]
    assert await kinds(gateway, people, f"user:{people.admin.id}") == ["request_received"]


@pytest.mark.parametrize(
    "body",
    [
        {"notices": {"weekly_digest": False}},  # Not for clients.
        {"notices": {"": True}},
        {"notices": {"access_renewed": "no"}},
        {"locale": "Portuguese"},
        {"other": 1},
    ],
)
async def test_what_is_no_choice_is_refused(gateway: Gateway, people: Cast, body: dict[str, object]) -> None:
    answer = await Caller(gateway.asgi, people.acme).patch("/api/auth/notices", body)

    assert answer.status == 422


async def test_choices_are_ones_own(gateway: Gateway, people: Cast) -> None:
    await Caller(gateway.asgi, people.acme).patch("/api/auth/notices", {"locale": "pt", "notices": {}})

    others = await Caller(gateway.asgi, people.bolt).get("/api/auth/notices")
    assert msgspec.json.decode(others.body)["locale"] == ""
