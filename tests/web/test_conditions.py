"""Changes that are made once, and only to what the caller has seen: Idempotency-Key and If-Match."""

import asyncio
import threading
from dataclasses import dataclass

import msgspec
import pytest

from ecatalog.app import Gateway
from ecatalog.kit.actor import ADMINS, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.idempotency import KEPT_FOR, remove_old_keys
from ecatalog.web.door import Door
from ecatalog.web.operation import write
from ecatalog.web.performing import performer
from tests.cast import Caller, Cast, SettableClock


async def test_a_repeated_change_is_made_once_and_answered_the_same(seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    first = await seller.patch(path, {"days": 7}, idempotency_key="a")
    again = await seller.patch(path, {"days": 7}, idempotency_key="a")
    other = await seller.patch(path, {"days": 7}, idempotency_key="b")
    assert (first.status, again.status, first.body) == (200, 200, again.body)
    assert first.json()["access_end_date"] == "2026-04-07"
    assert other.json()["access_end_date"] == "2026-04-14"


async def test_what_follows_the_commit_is_done_again(seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/revoke"
    first = await seller.patch(path, {"reason": "over"}, idempotency_key="a")
    again = await seller.patch(path, {"reason": "over"}, idempotency_key="a")
    assert (first.status, again.status) == (200, 200)
    assert again.json()["revoked_at"] == first.json()["revoked_at"]
    assert again.json()["cut"]["launches"] == first.json()["cut"]["launches"]


async def test_a_refused_change_leaves_the_key_free(seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    assert (await seller.patch(path, {"access_end_date": "2020-01-01"}, idempotency_key="a")).status == 422
    assert (await seller.patch(path, {"access_end_date": "2026-05-01"}, idempotency_key="a")).status == 200


async def test_opening_under_a_key_counts_one_use(acme: Caller, people: Cast, gateway: Gateway) -> None:
    path = f"/api/demos/{people.portal}/open"
    answers = [await acme.post(path, idempotency_key="open-1") for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    count = "SELECT count(*) FROM usage_analytics WHERE event_type = 'demo_opened'"
    assert await gateway.db.read(lambda tx: tx.value(count)) == 1


class Part(msgspec.Struct, frozen=True):
    name: str


class Whole(Part, frozen=True, kw_only=True):
    told: int


@dataclass(frozen=True)
class Asked:
    """One request under a key."""

    actor: Actor
    values: tuple[str, ...] = ()
    address: str = ""
    agent: str = ""
    if_match: str | None = None
    key: str | None = "a"


async def test_a_retry_that_meets_the_answer_being_kept_gets_that_answer(gateway: Gateway, people: Cast) -> None:
    """It looked before the whole answer was kept, and its change came after: it found more than it knew how to read."""
    is_held, go, is_told, told = threading.Event(), threading.Event(), asyncio.Event(), list[str]()

    def make(tx: Tx, actor: Actor) -> Part:
        return Part("made")

    def hold(tx: Tx) -> None:
        is_held.set()
        go.wait()

    async def tell(door: Door, actor: Actor, made: Part) -> Whole:
        told.append(made.name)
        holding.append(asyncio.ensure_future(gateway.db.write(hold)))
        await asyncio.to_thread(is_held.wait)
        is_told.set()
        return Whole(name=made.name, told=len(told))

    holding: list[asyncio.Future[None]] = []
    perform = performer(write("POST", "/x", make, gives=Whole, may=ADMINS, summary="", then=tell), gateway.door)
    first = asyncio.ensure_future(perform(Asked(people.admin.actor), {}))
    await is_told.wait()
    await turns()  # Now the answer waits behind what holds the writer, to be kept.
    again = asyncio.ensure_future(perform(Asked(people.admin.actor), {}))
    await turns()
    go.set()

    assert await first == await again == Whole(name="made", told=1)
    assert told == ["made"]
    await asyncio.gather(*holding)


async def turns() -> None:
    """Lets everybody in the loop go on until they wait for something."""
    for _ in range(10):
        await asyncio.sleep(0)


# Who may, and what is refused ----------------------------------------------------------------------------------


async def test_a_key_is_its_callers_own(seller: Caller, admin: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    assert (await seller.patch(path, {"days": 7}, idempotency_key="a")).json()["access_end_date"] == "2026-04-07"
    assert (await admin.patch(path, {"days": 7}, idempotency_key="a")).json()["access_end_date"] == "2026-04-14"


async def test_a_key_is_for_one_request(seller: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    await seller.patch(path, {"days": 7}, idempotency_key="a")
    for elsewhere, body in ((path, {"days": 8}), (f"/api/clients/{people.acme.id}/revoke", {})):
        answer = await seller.patch(elsewhere, body, idempotency_key="a")
        assert (answer.status, answer.json()["fields"]) == (422, {"Idempotency-Key": "used before"})


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(seller: Caller, people: Cast, key: str) -> None:
    answer = await seller.patch(f"/api/clients/{people.acme.id}/renew", {"days": 7}, idempotency_key=key)
    assert (answer.status, answer.json()["fields"]) == (422, {"Idempotency-Key": "bad"})


async def test_a_key_is_kept_for_a_day(seller: Caller, people: Cast, clock: SettableClock, gateway: Gateway) -> None:
    await seller.patch(f"/api/clients/{people.acme.id}/renew", {"days": 7}, idempotency_key="a")
    assert await gateway.db.write(remove_old_keys) == 0
    clock.now += KEPT_FOR
    clock.pass_(seconds=1)
    assert await gateway.db.write(remove_old_keys) == 1


# If-Match ----------------------------------------------------------------------------------------------------


async def test_a_change_of_what_was_read_is_made(seller: Caller, people: Cast) -> None:
    read = await seller.get(f"/api/clients/{people.acme.id}")
    path = f"/api/clients/{people.acme.id}/renew"
    assert read.headers["etag"].startswith(f'"{read.json()["version"]}-')
    changed = await seller.patch(path, {"days": 7}, if_match=read.headers["etag"])
    assert (changed.status, changed.json()["version"]) == (200, read.json()["version"] + 1)
    assert changed.headers["etag"].startswith(f'"{changed.json()["version"]}-')
    assert (await seller.patch(path, {"days": 7}, if_match="*")).status == 200


async def test_a_change_of_what_has_changed_is_refused(seller: Caller, people: Cast) -> None:
    read = await seller.get(f"/api/clients/{people.acme.id}")
    path = f"/api/clients/{people.acme.id}/renew"
    await seller.patch(path, {"days": 7})
    for seen in (read.headers["etag"], f'"{read.json()["version"]}"', '"x"', '""', "W/x"):
        answer = await seller.patch(path, {"days": 7}, if_match=seen)
        assert (answer.status, answer.json()["code"]) == (412, "stale"), seen
    assert (await seller.get(f"/api/clients/{people.acme.id}")).json()["access_end_date"] == "2026-04-07"


async def test_a_repetition_under_a_key_wins_over_the_version(seller: Caller, people: Cast) -> None:
    tag = (await seller.get(f"/api/clients/{people.acme.id}")).headers["etag"]
    path = f"/api/clients/{people.acme.id}/renew"
    first = await seller.patch(path, {"days": 7}, if_match=tag, idempotency_key="a")
    again = await seller.patch(path, {"days": 7}, if_match=tag, idempotency_key="a")
    assert (first.status, again.status, again.body) == (200, 200, first.body)


async def test_what_has_no_version_takes_no_condition(acme: Caller, people: Cast) -> None:
    assert (await acme.post(f"/api/demos/{people.portal}/open", if_match='"1"')).status == 412


async def test_a_condition_does_not_tell_a_stranger_what_is_there(bolt: Caller, viewer: Caller, people: Cast) -> None:
    path = f"/api/clients/{people.acme.id}/renew"
    assert (await bolt.patch(path, {"days": 7}, if_match='"99"')).status == 403
    assert (await viewer.patch(path, {"days": 7}, if_match='"99"')).status == 403


async def test_a_flow_changes_only_what_the_caller_has_seen_too(admin: Caller, people: Cast) -> None:
    """The operation named what to compare, and its maker dropped that: every If-Match was refused."""
    path = f"/api/users/{people.viewer.id}"
    assert (await admin.patch(path, {"full_name": "One"}, if_match='"1"')).status == 200
    assert (await admin.patch(path, {"full_name": "Two"}, if_match='"1"')).status == 412
    assert (await admin.get(path)).json()["full_name"] == "One"
