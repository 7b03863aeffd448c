"""Users: listed, added and changed by administrators; who is closed or changed is out at once."""

import asyncio
from typing import Any

import pytest

from ecatalog.access.users import edit_user
from ecatalog.accounts.users import list_users
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict
from ecatalog.launches.actions import launch_for
from ecatalog.launches.opening import open_demo
from tests.cast import PASSWORD, Caller, Cast, facts

NEW = {"email": "Ada@ecatalog.test", "full_name": "Ada", "role": "admin", "password": "a long walk by the sea"}


async def test_an_administrator_adds_a_user_who_then_logs_in(admin: Caller, nobody: Caller) -> None:
    answer = await admin.post("/api/users", NEW)
    assert answer.status == 201
    user = answer.json()
    assert (user["email"], user["role"], user["disabled_at"]) == ("ada@ecatalog.test", "admin", None)
    assert "password" not in str(user)
    login = {"email": NEW["email"], "password": NEW["password"]}
    assert (await nobody.post("/api/auth/login", login)).status == 200


async def test_users_are_listed_by_name_and_found(db: Database, cast: Cast) -> None:
    page = await db.read(list_users, cast.viewer.actor, limit=2)
    rest = await db.read(list_users, cast.viewer.actor, limit=2, cursor=page.next)
    assert [user.full_name for user in page.items + rest.items] == ["Admin", "Seller", "Viewer"]
    expected: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"q": "SELL"}, ["Seller"]),
        ({"q": "%"}, []),
        ({"role": "viewer"}, ["Viewer"]),
    )
    for fields, found in expected:
        assert [user.full_name for user in (await db.read(list_users, SYSTEM, **fields)).items] == found


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"role": "viewer"}, {"password": "a long walk by the sea"}])
async def test_who_is_changed_so_is_out_and_what_they_had_open_stops(
    gateway: Gateway, people: Cast, admin: Caller, seller: Caller, change: dict[str, Any]
) -> None:
    launch = await gateway.db.write(open_demo, people.seller.actor, people.portal)
    answer = await admin.patch(f"/api/users/{people.seller.id}", change)
    assert answer.status == 200
    assert (await seller.get("/api/auth/me")).status == 401
    assert (await gateway.db.read(launch_for, people.admin.actor, launch.id)).wanted == "stopped"
    (fact,) = await gateway.db.read(facts, "user.edited")
    assert fact["details"] == {"user": people.seller.id, "fields": list(change)}


async def test_a_new_name_ends_nothing(gateway: Gateway, people: Cast, admin: Caller, seller: Caller) -> None:
    answer = await admin.patch(f"/api/users/{people.seller.id}", {"full_name": " Sal ", "email": "SAL@ecatalog.test"})
    assert (answer.json()["full_name"], answer.json()["email"]) == ("Sal", "sal@ecatalog.test")
    assert (await seller.get("/api/auth/me")).status == 200
    same = await admin.patch(f"/api/users/{people.seller.id}", {"full_name": "Sal"})
    assert same.json()["version"] == answer.json()["version"], "nothing changed"


async def test_a_closed_account_opens_again(admin: Caller, people: Cast, nobody: Caller) -> None:
    path, login = f"/api/users/{people.viewer.id}", {"email": people.viewer.email, "password": PASSWORD}
    assert (await admin.patch(path, {"is_disabled": True})).json()["disabled_at"] is not None
    assert (await nobody.post("/api/auth/login", login)).status == 403
    assert (await admin.patch(path, {"is_disabled": False})).json()["disabled_at"] is None
    assert (await nobody.post("/api/auth/login", login)).status == 200


# Who may ------------------------------------------------------------------------------------------------------


async def test_users_see_each_other_and_administrators_change_them(everybody: dict[str, Caller], people: Cast) -> None:
    seeing = {"admin": 200, "seller": 200, "viewer": 200, "acme": 403, "bolt": 403, "ended": 403, "pending": 403}
    seeing |= {"revoked": 401, "nobody": 401}
    path = f"/api/users/{people.viewer.id}"
    for name, status in seeing.items():
        caller, forbidden = everybody[name], 401 if status == 401 else 403
        assert (await caller.get("/api/users")).status == status, name
        assert (await caller.get(path)).status == status, name
        changed = 200 if name == "admin" else forbidden
        assert (await caller.patch(path, {"full_name": "Vi"})).status == changed, name
        assert (await caller.post("/api/users", NEW)).status == (201 if name == "admin" else forbidden), name


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"email": "acme"}, 422),
        ({"email": "client@acme.test"}, 409),
        ({"email": "admin@ecatalog.test"}, 409),
        ({"role": "client"}, 422),
        ({"password": "short"}, 422),
        ({"password": "seller@ecatalog.test"}, 422),
        ({"full_name": "  "}, 422),
        ({"is_disabled": None}, 422),
        ({"version": 3}, 422),
    ],
)
async def test_a_change_that_breaks_a_rule_is_refused(
    admin: Caller, people: Cast, change: dict[str, Any], status: int
) -> None:
    assert (await admin.patch(f"/api/users/{people.seller.id}", change)).status == status


async def test_an_unknown_user_is_not_found(admin: Caller) -> None:
    assert (await admin.get("/api/users/nobody")).status == 404
    for change in ({"full_name": "X"}, {"password": "a long walk by the sea"}):
        assert (await admin.patch("/api/users/nobody", change)).status == 404


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"role": "sales"}])
async def test_the_last_administrator_stays(admin: Caller, people: Cast, change: dict[str, Any]) -> None:
    assert (await admin.patch(f"/api/users/{people.admin.id}", change)).status == 409
    await admin.post("/api/users", NEW)
    assert (await admin.patch(f"/api/users/{people.admin.id}", change)).status == 200


# Races and edges ----------------------------------------------------------------------------------------------


async def test_two_administrators_cannot_close_each_other(db: Database, cast: Cast) -> None:
    await db.write(edit_user, SYSTEM, cast.seller.id, role="admin")
    done = await asyncio.gather(
        db.write(edit_user, SYSTEM, cast.admin.id, is_disabled=True),
        db.write(edit_user, SYSTEM, cast.seller.id, is_disabled=True),
        return_exceptions=True,
    )
    assert [isinstance(result, Conflict) for result in done].count(True) == 1
