"""A session stands for somebody until it is ended, idle or over, and not for one request longer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ecatalog.accounts import actions, queries
from ecatalog.accounts.jobs import end_overdue_sessions, keep_sessions
from ecatalog.accounts.sessions import Sessions
from ecatalog.app import Gateway, build
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.launches.actions import stop_launch
from ecatalog.launches.opening import open_demo
from ecatalog.web import streams
from tests.asgi import Caller, Exchange
from tests.cast import NOON, Cast, Person, SettableClock, facts, settled


@pytest.fixture
def acme(gateway: Gateway, people: Cast) -> Caller:
    return Caller(gateway.asgi, people.acme.token)


async def is_in(caller: Caller) -> bool:
    answer = await caller.get("/api/auth/me")
    assert answer.status in (200, 401)
    return answer.status == 200


async def test_a_session_is_known_from_memory_and_asks_the_database_once(
    gateway: Gateway, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    find = queries.find_session

    def counting(tx: Tx, **which: str) -> Any:
        nonlocal asked
        asked += 1
        return find(tx, **which)

    monkeypatch.setattr(queries, "find_session", counting)
    for _ in range(10):
        assert (await acme.get("/api/demos")).status == 200
    assert asked == 1


async def test_a_session_that_is_used_goes_on_for_eight_hours_and_not_longer(
    acme: Caller, clock: SettableClock
) -> None:
    for _ in range(19):
        assert await is_in(acme)
        clock.pass_(minutes=25)
    clock.pass_(minutes=4, seconds=59)
    assert await is_in(acme)
    clock.pass_(seconds=1)
    assert clock() == NOON + timedelta(hours=8)
    assert not await is_in(acme)


async def test_a_session_that_nobody_uses_is_over_after_half_an_hour(acme: Caller, clock: SettableClock) -> None:
    assert await is_in(acme)
    clock.pass_(minutes=30)
    assert not await is_in(acme)
    clock.pass_(minutes=-10)
    assert not await is_in(acme), "a clock that is set back revives nothing"


async def test_an_idle_session_whose_demo_runs_is_in_use(
    gateway: Gateway, people: Cast, acme: Caller, clock: SettableClock
) -> None:
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    clock.pass_(minutes=90)
    assert await end_overdue_sessions(gateway.door) == len(people.everybody) - 2, "all but Acme's, and the revoked"
    assert await is_in(acme)
    await gateway.db.write(stop_launch, people.acme.actor, launch.id)
    clock.pass_(minutes=30)
    assert not await is_in(acme)


# it ends at once ----------------------------------------------------------------------------------------------


async def test_logging_out_ends_the_session_before_it_answers(gateway: Gateway, acme: Caller) -> None:
    assert await is_in(acme)
    assert (await acme.post("/api/auth/logout")).status == 204
    assert not await is_in(acme)
    assert (await acme.post("/api/auth/logout")).status == 401


async def test_logging_out_leaves_the_other_sessions_of_the_same_person(gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(start_another, people.acme, "another-token")
    first, second = Caller(gateway.asgi, people.acme.token), Caller(gateway.asgi, "another-token")
    assert await is_in(first)
    assert await is_in(second)
    await first.post("/api/auth/logout")
    assert (await is_in(first), await is_in(second)) == (False, True)


def start_another(tx: Tx, person: Person, token: str) -> None:
    actions.start_session(
        tx,
        client_id=person.id,
        token_hash=hash_secret(token),
        session_id=new_id(),
        expires_at=tx.now + timedelta(hours=8),
        address="",
        agent="",
    )


async def test_revoking_ends_every_session_before_it_answers(gateway: Gateway, people: Cast, acme: Caller) -> None:
    assert await is_in(acme)
    admin = Caller(gateway.asgi, people.admin.token)
    assert (await admin.patch(f"/api/clients/{people.acme.id}/revoke")).status == 200
    assert not await is_in(acme)
    assert await is_in(Caller(gateway.asgi, people.bolt.token)), "and nobody else's"


async def test_a_row_that_is_gone_or_shut_out_stands_for_nobody(gateway: Gateway, people: Cast) -> None:
    """However it came about: the rows decide, memory only remembers them."""
    viewer, bolt = Caller(gateway.asgi, people.viewer.token), Caller(gateway.asgi, people.bolt.token)
    assert await is_in(viewer)
    assert await is_in(bolt)

    def shut_out(tx: Tx) -> None:
        tx.run(
            "UPDATE users SET disabled_at = :now, version = version + 1 WHERE id = :id", id=people.viewer.id, now=tx.now
        )
        tx.run(
            "UPDATE clients SET revoked_at = :now, version = version + 1 WHERE id = :id", id=people.bolt.id, now=tx.now
        )
        tx.touch("users", "clients")

    await gateway.db.write(shut_out)
    assert not await is_in(viewer)
    assert not await is_in(bolt)


async def test_a_new_password_ends_the_sessions_of_the_old_one(gateway: Gateway, people: Cast, acme: Caller) -> None:
    assert await is_in(acme)
    await gateway.db.write(actions.set_client_password, SYSTEM, people.acme.id, "$argon2id$new")
    assert not await is_in(acme)


async def test_no_request_after_the_end_is_let_in_however_many_come_at_once(
    gateway: Gateway, people: Cast, acme: Caller
) -> None:
    over = asyncio.Event()

    async def keep_asking() -> None:
        while True:
            was_over = over.is_set()
            inside = await is_in(acme)
            assert not (was_over and inside), "let in after the end"
            if was_over:
                return
            await asyncio.sleep(0)

    asking = [asyncio.create_task(keep_asking()) for _ in range(20)]
    await asyncio.sleep(0)
    await gateway.db.write(actions.end_sessions, SYSTEM, client=people.acme.id)
    over.set()
    await asyncio.gather(*asking)


async def test_a_stream_ends_with_its_session(
    gateway: Gateway, people: Cast, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SECONDS_BETWEEN_LOOKS", 0.01)
    launch = await gateway.db.write(open_demo, people.acme.actor, people.portal)
    exchange = Exchange(acme, "GET", f"/api/launches/{launch.id}/events")
    task = exchange.start()
    await exchange.until(b"event: launch")
    await gateway.db.write(actions.end_sessions, SYSTEM, client=people.acme.id)
    await asyncio.wait_for(task, 10)


# what is written ----------------------------------------------------------------------------------------------


def rows(tx: Tx) -> list[dict[str, Any]]:
    return tx.rows("SELECT * FROM sessions ORDER BY id")


async def test_last_uses_are_written_together_and_only_when_the_job_comes(
    gateway: Gateway, people: Cast, clock: SettableClock
) -> None:
    await settled(gateway.db)
    before = await gateway.db.read(rows)
    commits = gateway.db.stats.actions
    clock.pass_(minutes=5)
    for person in people.users:
        for _ in range(5):
            assert await is_in(Caller(gateway.asgi, person.token))
    assert gateway.db.stats.actions == commits, "reading writes nothing"
    assert await gateway.db.read(rows) == before
    assert await end_overdue_sessions(gateway.door) == 0
    seen = {row["user_id"]: row["last_seen_at"] for row in await gateway.db.read(rows)}
    assert [seen[person.id] for person in people.users] == ["2026-03-10T12:05:00.000Z"] * 3
    assert gateway.db.stats.actions == commits + 2, "one note for all, one look for what is over"


async def test_what_is_over_is_removed_and_told(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    clock.pass_(minutes=29)
    assert await is_in(Caller(gateway.asgi, people.admin.token))
    clock.pass_(minutes=1)
    assert await end_overdue_sessions(gateway.door) == 0, "a use that only memory knows must not lose its session"
    clock.pass_(minutes=1)
    ended = await end_overdue_sessions(gateway.door)
    left = [row["user_id"] for row in await gateway.db.read(rows)]
    assert left == [people.admin.id]
    fact = (await gateway.db.read(facts, "session.ended"))[-1]
    assert len(fact["details"]["sessions"]) == ended == 6
    assert fact["actor"] == "system"


async def test_a_use_that_could_not_be_written_is_kept(
    gateway: Gateway, people: Cast, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.pass_(minutes=5)
    assert await is_in(Caller(gateway.asgi, people.admin.token))

    def full(tx: Tx, last_seen: object) -> None:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(actions, "note_last_seen", full)
        with pytest.raises(Unavailable):
            await end_overdue_sessions(gateway.door)
    await end_overdue_sessions(gateway.door)
    assert "2026-03-10T12:05:00.000Z" in [row["last_seen_at"] for row in await gateway.db.read(rows)]


async def test_the_job_goes_on_after_a_failure(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0

    async def failing(door: object) -> int:
        raise Unavailable("The disk is full.")

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds > 3:
            raise asyncio.CancelledError

    monkeypatch.setattr("ecatalog.accounts.jobs.end_overdue_sessions", failing)
    with pytest.raises(asyncio.CancelledError):
        await keep_sessions(gateway.door, sleep=sleep)
    assert rounds == 4


async def test_a_restart_forgets_no_session_and_no_use(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    clock.pass_(minutes=20)
    assert await is_in(Caller(gateway.asgi, people.acme.token))
    await gateway.stop()
    clock.pass_(minutes=20)
    again = build(gateway.settings, clock=clock)
    await again.start()
    try:
        assert await is_in(Caller(again.asgi, people.acme.token))
        assert not await is_in(Caller(again.asgi, people.bolt.token))
    finally:
        await again.stop()


# what is no session -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "x" * 2000, "\x00", "é", "' OR 1=1 --", "a.b.c"])
async def test_what_is_no_token_of_ours_stands_for_nobody(gateway: Gateway, people: Cast, token: str) -> None:
    assert gateway.part(Sessions).authenticate(token) is None


async def test_the_id_of_a_session_or_its_hash_open_nothing(gateway: Gateway, people: Cast) -> None:
    for token in (people.acme.session_id, hash_secret(people.acme.token), people.acme.id):
        assert not await is_in(Caller(gateway.asgi, token))


async def test_memory_is_bounded(db: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecatalog.accounts.sessions._MOST_KEPT", 20)
    user = await db.write(actions.create_user, SYSTEM, "a@b.test", "A", "admin", None)
    tokens = [f"token-{n}" for n in range(100)]
    for token in tokens:
        await db.write(
            actions.start_session,
            user_id=user.id,
            token_hash=hash_secret(token),
            session_id=new_id(),
            expires_at=NOON + timedelta(hours=8),
            address="",
            agent="",
        )
    sessions = Sessions(db, clock, timedelta(minutes=30))
    for _ in range(3):
        assert all(sessions.authenticate(token) for token in tokens)
        assert len(sessions) <= 20
