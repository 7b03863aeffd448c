"""Guessing is slow, costs others nothing, and cannot be made faster by asking at once or from elsewhere."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from argon2 import extract_parameters

from ecatalog.accounts.passwords import MEMORY_KIB, Hasher
from ecatalog.accounts.throttle import PER_NETWORK, PER_PAIR, Throttle, network_of
from ecatalog.app import Gateway
from ecatalog.kit.errors import Exhausted
from tests.asgi import Answer, Caller
from tests.cast import PASSWORD, Cast, SettableClock


@pytest.fixture
def hasher() -> Hasher:
    """One whose hashes cost next to nothing."""
    return Hasher(memory_kib=8, concurrency=2)


async def guess(caller: Caller, email: str, password: str = "a wrong password") -> Answer:
    return await caller.post("/api/auth/login", {"email": email, "password": password})


async def test_after_five_failures_even_the_right_password_waits_a_minute(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    caller = Caller(gateway.asgi)
    assert [(await guess(caller, people.acme.email)).status for _ in range(6)] == [401] * 5 + [429]
    refused = await guess(caller, people.acme.email, PASSWORD)
    assert (refused.status, refused.json()["code"], refused.header("retry-after")) == (429, "exhausted", "60")
    assert "Try again in a minute" in refused.json()["detail"]
    clock.pass_(seconds=60)
    assert (await guess(caller, people.acme.email, PASSWORD)).status == 200


async def test_a_stranger_elsewhere_locks_nobody_out(gateway: Gateway, people: Cast) -> None:
    stranger = Caller(gateway.asgi, address="203.0.113.9")
    for _ in range(6):
        await guess(stranger, people.acme.email)
    assert (await guess(stranger, people.acme.email, PASSWORD)).status == 429
    assert (await guess(Caller(gateway.asgi, address="203.0.113.10"), people.acme.email, PASSWORD)).status == 200
    assert (await guess(stranger, people.bolt.email, PASSWORD)).status == 200, "nor from other accounts"


async def test_an_unknown_account_is_slowed_down_like_any_other(gateway: Gateway) -> None:
    caller = Caller(gateway.asgi)
    answers = [await guess(caller, "nobody@nowhere.test") for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]


async def test_guesses_sent_at_once_are_counted_before_they_are_checked(gateway: Gateway, people: Cast) -> None:
    caller = Caller(gateway.asgi)
    answers = await asyncio.gather(*(guess(caller, people.acme.email) for _ in range(30)))
    assert Counter(answer.status for answer in answers) == {401: 5, 429: 25}


async def test_the_page_is_slowed_down_by_the_same_count(gateway: Gateway, people: Cast) -> None:
    caller = Caller(gateway.asgi)
    for _ in range(5):
        await guess(caller, people.acme.email)
    page = await caller.send_form("/login", email=people.acme.email, password=PASSWORD)
    assert (page.status, page.header("retry-after")) == (429, "60")
    assert "Too many failed logins" in page.text
    assert PASSWORD not in page.text


# the throttle by itself ---------------------------------------------------------------------------------------


def failures_until_refused(throttle: Throttle, email: str, address: str) -> tuple[int, float]:
    for count in range(1000):
        try:
            throttle.refuse_if_exhausted(email, address)
        except Exhausted as refused:
            return count, refused.retry_after or 0
        throttle.count_attempt(email, address)
    raise AssertionError("never refused")


def test_the_wait_rises(clock: SettableClock) -> None:
    throttle = Throttle(clock)
    counts: list[tuple[int, float]] = []
    while not counts or counts[-1][1] <= 60:
        counts.append(failures_until_refused(throttle, "a@b.test", "192.0.2.1"))
        clock.pass_(seconds=counts[-1][1])
    assert counts == [(5, 60), (5, 60), (5, 60), (5, 3600 - 3 * 60)]
    throttle.refuse_if_exhausted("a@b.test", "192.0.2.1")


def test_a_whole_day_lets_nobody_try_more_than_sixty_times(clock: SettableClock) -> None:
    throttle, begin, tried = Throttle(clock), clock(), 0
    while True:
        count, wait = failures_until_refused(throttle, "a@b.test", "192.0.2.1")
        tried += count
        clock.pass_(seconds=wait)
        if clock() - begin >= timedelta(days=1):
            break
    assert tried == 60


def test_one_network_may_fail_thirty_times_a_minute_over_all_accounts(clock: SettableClock) -> None:
    throttle = Throttle(clock)
    for n in range(PER_NETWORK[0].failures):
        throttle.refuse_if_exhausted(f"{n}@b.test", "192.0.2.1")
        throttle.count_attempt(f"{n}@b.test", "192.0.2.1")
    with pytest.raises(Exhausted):
        throttle.refuse_if_exhausted("new@b.test", "192.0.2.1")
    throttle.refuse_if_exhausted("new@b.test", "192.0.2.2")


def test_who_knows_the_password_may_log_in_as_often_as_he_likes(clock: SettableClock) -> None:
    throttle = Throttle(clock)
    for _ in range(1000):
        throttle.refuse_if_exhausted("a@b.test", "192.0.2.1")
        throttle.count_attempt("a@b.test", "192.0.2.1")
        throttle.forgive("a@b.test", "192.0.2.1")


def test_a_success_does_not_forgive_what_the_network_did_to_others(clock: SettableClock) -> None:
    throttle = Throttle(clock)
    for n in range(PER_NETWORK[0].failures):
        throttle.count_attempt(f"{n}@b.test", "192.0.2.1")
        throttle.count_attempt("own@b.test", "192.0.2.1")
        throttle.forgive("own@b.test", "192.0.2.1")
    with pytest.raises(Exhausted):
        throttle.refuse_if_exhausted("own@b.test", "192.0.2.1")


def test_what_is_remembered_is_bounded(clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.accounts.throttle._MOST_KEPT", 100)
    throttle = Throttle(clock)
    for n in range(1000):
        throttle.count_attempt(f"{n}@b.test", f"192.0.2.{n % 50}")
    for _ in range(PER_PAIR[0].failures):
        throttle.count_attempt("a@b.test", "198.51.100.1")
    with pytest.raises(Exhausted):
        throttle.refuse_if_exhausted("a@b.test", "198.51.100.1")
    assert len(throttle) <= 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_what_one_customer_of_a_provider_holds_is_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


# hashing ------------------------------------------------------------------------------------------------------


async def test_an_unknown_address_costs_what_a_wrong_password_costs(hasher: Hasher) -> None:
    hashed = await hasher.hash(PASSWORD)
    async with hasher.turn() as turn:
        assert extract_parameters(turn.nobody) == extract_parameters(hashed)
        assert not await turn.verify(None, PASSWORD)
        assert not await turn.verify(hashed, "a wrong password")
        assert await turn.verify(hashed, PASSWORD)


async def test_a_hash_that_is_none_fits_nothing(hasher: Hasher) -> None:
    async with hasher.turn() as turn:
        for stored in ("", "plain", "$argon2id$v=19$m=8,t=2,p=1$x$y", "$2b$12$abcdefghijklmnopqrstuv"):
            assert not await turn.verify(stored, stored)


def test_the_parameters_are_above_what_owasp_asks_for() -> None:
    assert MEMORY_KIB >= 47104


async def test_only_so_many_hashes_run_at_once(hasher: Hasher) -> None:
    async with hasher.turn(), hasher.turn():
        third = asyncio.create_task(hasher.hash(PASSWORD))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not third.done()
    assert (await third).startswith("$argon2id$")


async def test_beyond_the_queue_everybody_is_told_to_come_back(hasher: Hasher) -> None:
    async with hasher.turn(), hasher.turn():
        waiting = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(32)]
        await asyncio.sleep(0)
        with pytest.raises(Exhausted) as refused:
            await hasher.hash(PASSWORD)
        assert refused.value.retry_after
    assert len(set(await asyncio.gather(*waiting))) == 32, "each with a salt of its own"


async def test_who_gives_up_waiting_leaves_his_place(hasher: Hasher) -> None:
    async with hasher.turn(), hasher.turn():
        waiting = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(32)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        last = asyncio.create_task(hasher.hash(PASSWORD))
        await asyncio.sleep(0)
        assert not last.done()
    assert await last


async def test_health_is_answered_while_everybody_logs_in(gateway: Gateway, people: Cast) -> None:
    caller = Caller(gateway.asgi)
    flood = [asyncio.create_task(guess(caller, f"{n}@nowhere.test")) for n in range(60)]
    await asyncio.sleep(0)
    assert (await caller.get("/livez")).status == 200
    assert not all(task.done() for task in flood), "it did not wait for them"
    answers = await asyncio.gather(*flood)
    assert {answer.status for answer in answers} <= {401, 429}


@pytest.mark.parametrize("costs", ["m=8,t=4294967295,p=1", "m=1048576,t=8,p=1", "m=many,t=1,p=1"])
async def test_a_hash_that_would_never_end_fits_no_password(hasher: Hasher, costs: str) -> None:
    async with hasher.turn() as turn:
        assert not await turn.verify(f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}", PASSWORD)
