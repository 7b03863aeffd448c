"""Users, passwords, one-time codes and service tokens, inside transactions."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ecatalog.accounts import actions, codes, queries
from ecatalog.accounts.model import SAMPLE_PASSWORD, normal_email, refuse_weak
from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.kit.actor import ANONYMOUS, SYSTEM, Actor, Role
from ecatalog.kit.clock import utc_now
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from ecatalog.kit.ids import hash_secret, new_secret
from tests.cast import Cast, SettableClock, facts

MINUTE = timedelta(minutes=1)


# users --------------------------------------------------------------------------------------------------------


async def test_an_administrator_adds_a_user(db: Database, cast: Cast) -> None:
    user = await db.write(actions.create_user, cast.admin.actor, " New@ECatalog.test ", " New Person ", "sales", "hash")
    assert (user.email, user.full_name, user.role, user.version) == ("new@ecatalog.test", "New Person", "sales", 1)
    fact = (await db.read(facts, "user.created"))[-1]
    assert (fact["actor"], fact["details"]) == (f"admin:{cast.admin.id}", {"user": user.id, "role": "sales"})


async def test_users_see_each_other_and_others_see_nobody(db: Database, cast: Cast) -> None:
    for person in cast.users:
        assert (await db.read(actions.user_for, person.actor, cast.admin.id)).email == cast.admin.email
    for actor in (cast.acme.actor, ANONYMOUS, Actor(Role.SERVICE, "x", scopes=frozenset({"edge"}))):
        with pytest.raises(NotFound):
            await db.read(actions.user_for, actor, cast.admin.id)


async def test_nobody_else_adds_users(db: Database, cast: Cast) -> None:
    for actor in (cast.seller.actor, cast.viewer.actor, cast.acme.actor, ANONYMOUS):
        with pytest.raises(Forbidden):
            await db.write(actions.create_user, actor, "new@ecatalog.test", "New", "viewer", None)


@pytest.mark.parametrize("email", ["seller@ecatalog.test", "SELLER@ecatalog.test ", "client@acme.test"])
async def test_an_address_belongs_to_one_person(db: Database, cast: Cast, email: str) -> None:
    with pytest.raises(Conflict):
        await db.write(actions.create_user, SYSTEM, email, "Twin", "viewer", None)


@pytest.mark.parametrize("role", ["client", "system", "service", "anonymous", "root", ""])
async def test_a_user_has_one_of_three_roles(db: Database, role: str) -> None:
    with pytest.raises(Invalid):
        await db.write(actions.create_user, SYSTEM, "new@ecatalog.test", "New", role, None)


@pytest.mark.parametrize(
    "email",
    [
        *("", "a", "a@", "@b.test", "a@b", "a b@c.test", "a@b@c.test", "a@b..test", "a@.test", "x" * 250 + "@b.test"),
        *("x<other@b.test>", "x>,y@b.test", "a,b@c.test", "a(b)@c.test", '"a"@b.test', "a\\b@c.test", "a@[c.test]"),
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Invalid):
        normal_email(email)


# passwords ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "four calm words",
        "correct horse battery",
        "x7#Kq!m2Zp",
        "пароль из слов",
        "密码密码密码四个很好的词吧",
        "w" + "ord " * 60,
    ],
)
def test_any_long_password_will_do(password: str) -> None:
    refuse_weak(password, "ada@example.test", "Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "ninechars",
        "x" * 257,
        "aaaaaaaaaaaa",
        "abababababab",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "Password123!",
        "letmein12345",
        SAMPLE_PASSWORD,
        "lovelace1815",
        "ada@example.test",
        "Ada Lovelace",
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_weak(password, "ada@example.test", "Ada Lovelace")
    assert "password" in refused.value.fields
    assert not password or password not in refused.value.message


# one-time codes -----------------------------------------------------------------------------------------------


async def issue(db: Database, **more: Any) -> str:
    code = new_secret()
    await db.write(codes.add_code, "entry", code, lifetime=MINUTE, **more)
    return code


async def test_a_code_says_once_what_it_was_made_for(db: Database) -> None:
    code = await issue(db, session_id="s", launch_id="l")
    found = await db.write(codes.redeem_code, "entry", code)
    assert (found.purpose, found.session_id, found.launch_id) == ("entry", "s", "l")
    with pytest.raises(Unauthorized):
        await db.write(codes.redeem_code, "entry", code)


async def test_only_its_hash_is_kept(db: Database) -> None:
    code = await issue(db)
    row = (await db.read(lambda tx: tx.rows("SELECT * FROM one_time_codes")))[0]
    assert row["code_hash"] == hash_secret(code)
    assert code not in str(row)


async def test_a_code_is_refused_for_another_purpose_and_stays_good(db: Database) -> None:
    code = await issue(db)
    for purpose in ("setup", "invitation", "reset"):
        with pytest.raises(Unauthorized):
            await db.write(codes.redeem_code, purpose, code)
    await db.write(codes.redeem_code, "entry", code)


async def test_a_code_is_over_at_its_end(db: Database, clock: SettableClock) -> None:
    early, late = await issue(db), await issue(db)
    clock.pass_(seconds=59.999)
    await db.write(codes.redeem_code, "entry", early)
    clock.pass_(seconds=0.001)
    with pytest.raises(Unauthorized):
        await db.write(codes.redeem_code, "entry", late)


async def test_of_many_who_bring_a_code_at_once_one_gets_in(db: Database) -> None:
    code = await issue(db)
    outcomes = await asyncio.gather(
        *(db.write(codes.redeem_code, "entry", code) for _ in range(50)), return_exceptions=True
    )
    assert len([outcome for outcome in outcomes if not isinstance(outcome, Unauthorized)]) == 1


async def test_old_codes_are_removed_a_day_later(db: Database, clock: SettableClock) -> None:
    await issue(db)
    clock.pass_(hours=24, seconds=59)
    assert await db.write(codes.remove_old_codes, timedelta(days=1)) == 0
    clock.pass_(seconds=2)
    assert await db.write(codes.remove_old_codes, timedelta(days=1)) == 1


# tokens of services -------------------------------------------------------------------------------------------


async def test_a_service_token_stands_for_a_service_with_its_scopes(db: Database) -> None:
    token = new_secret()
    token_id = await db.write(actions.create_api_token, SYSTEM, "the edge", ["edge"], token)
    actor = ServiceTokens(db, utc_now).authenticate(token)
    assert actor is not None
    assert (actor.role, actor.id, actor.scopes) == (Role.SERVICE, token_id, frozenset({"edge"}))
    assert token not in str(await db.read(lambda tx: tx.rows("SELECT * FROM api_tokens")))
    assert token not in str(await db.read(facts, "token.created"))


async def test_a_token_of_a_service_is_no_session_and_the_other_way_round(db: Database, cast: Cast) -> None:
    token = new_secret()
    await db.write(actions.create_api_token, SYSTEM, "the edge", ["edge"], token)
    assert await db.read(queries.find_session, token_hash=hash_secret(token)) is None
    assert ServiceTokens(db, utc_now).authenticate(cast.admin.token) is None


async def test_only_an_administrator_makes_tokens_and_for_scopes_that_exist(db: Database, cast: Cast) -> None:
    for actor in (cast.seller.actor, cast.acme.actor, ANONYMOUS):
        with pytest.raises(Forbidden):
            await db.write(actions.create_api_token, actor, "x", ["edge"], new_secret())
    for scopes in ([], ["everything"], ["edge", "everything"]):
        with pytest.raises(Invalid):
            await db.write(actions.create_api_token, cast.admin.actor, "x", scopes, new_secret())


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_a_revoked_or_expired_token_stands_for_nobody(db: Database, column: str) -> None:
    token = new_secret()
    await db.write(actions.create_api_token, SYSTEM, "the edge", ["edge"], token)

    def end(tx: Tx) -> None:
        tx.run(f"UPDATE api_tokens SET {column} = :now", now=tx.now)

    await db.write(end)
    assert ServiceTokens(db, utc_now).authenticate(token) is None


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "\x00"])
async def test_what_is_no_service_token_is_refused(db: Database, token: str) -> None:
    assert ServiceTokens(db, utc_now).authenticate(token) is None
