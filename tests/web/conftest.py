"""A small catalog of nothing: the shell with a few operations of its own, over a real database."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import PlainTextResponse, Response

from ecatalog.kit.actor import ADMINS, ANYBODY, SALES, SIGNED_IN, Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import FAMILY, Forbidden
from ecatalog.kit.ids import new_id
from ecatalog.settings import Settings
from ecatalog.web.callers import Callers
from ecatalog.web.dispatch import Dispatch
from ecatalog.web.door import Door
from ecatalog.web.layout import Layout
from ecatalog.web.operation import Operation, flow, read, stream, write
from ecatalog.web.pages import PageShell, Visit, page
from ecatalog.web.streams import Places
from tests.asgi import Caller
from tests.cast import SettableClock

ADMIN = Actor(Role.ADMIN, "ada", "session-of-ada")
CLIENT = Actor(Role.CLIENT, "cleo", "session-of-cleo")


class NewThing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    size: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    parts: list[dict[str, Any]] = []


class FindThings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: str | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=200)] | UnsetType = UNSET


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    made_by: str = ""
    given: dict[str, Any] = {}
    at: datetime | None = None


def look(tx: Tx, actor: Actor, name: str) -> Thing:
    return Thing(name=name, made_by=str(actor), at=tx.now)


def find(tx: Tx, actor: Actor, **fields: Any) -> Thing:
    return Thing(name="found", given=fields)


def make(tx: Tx, actor: Actor, **fields: Any) -> Thing:
    tx.record("thing.made", actor)
    return Thing(name=fields["name"], made_by=str(actor), given=fields)


def make_twice(tx: Tx, actor: Actor, **fields: Any) -> Thing:
    make(tx, actor, **fields)
    return make(tx, actor, **fields)


def count_users(tx: Tx, actor: Actor) -> Thing:
    return Thing(name=str(tx.value("SELECT count(*) FROM users")), made_by=actor.id)


def add_user(tx: Tx, actor: Actor) -> None:
    tx.run(
        """INSERT INTO users (id, email, full_name, role, created_at, updated_at)
           VALUES (:id, :id || '@x.test', 'x', 'viewer', :now, :now)""",
        id=new_id(),
        now=tx.now,
    )
    tx.touch("users")


async def tell_twice(door: Door, actor: Actor, made: Thing) -> Thing:
    return msgspec.structs.replace(made, made_by=f"{made.made_by} at {door.address} by {door.agent}")


async def refuse(door: Door, actor: Actor, code: str) -> None:
    error = next(error for error in FAMILY if error.code == code)
    raise error("Do something else.", fields={"name": "odd"}, retry_after=2.5)


async def break_down(door: Door, actor: Actor) -> None:
    raise RuntimeError("the canary of the cellar")


async def tick(door: Door, actor: Actor, name: str) -> AsyncIterator[tuple[str, Thing]]:
    if name == "forbidden":
        raise Forbidden("Not this one.")
    seen = 0
    while True:
        yield "tick", Thing(name=f"{name} {seen}")
        seen = await door.db.moved(seen or door.db.position)


OPERATIONS: tuple[Operation, ...] = (
    read("GET", "/api/things/{name}", look, gives=Thing, may=SIGNED_IN, summary="Look at a thing"),
    read("GET", "/api/things", find, takes=FindThings, gives=Thing, may=ANYBODY, summary="Find things"),
    write("POST", "/api/things", make, takes=NewThing, gives=Thing, may=SALES, summary="Make a thing", status=201),
    write(
        "POST",
        "/api/things/twice",
        make_twice,
        takes=NewThing,
        gives=Thing,
        may=SALES,
        summary="Twice",
        then=tell_twice,
    ),
    read("GET", "/api/users/count", count_users, gives=Thing, may=SIGNED_IN, summary="Count", follows=("users",)),
    write("POST", "/api/users", add_user, gives=None, may=ADMINS, summary="Add somebody"),
    flow("GET", "/api/refused/{code}", refuse, gives=None, may=ANYBODY, summary="Refuse"),
    flow("GET", "/api/broken", break_down, gives=None, may=ANYBODY, summary="Break down"),
    stream("GET", "/api/ticks/{name}", tick, gives=Thing, may=SIGNED_IN, summary="Follow a thing"),
)


async def show_visitor(visit: Visit) -> Response:
    if "broken" in visit.query:
        raise RuntimeError("the canary of the attic")
    return PlainTextResponse(f"{visit.actor} {dict(visit.form)}")


PAGES = (page("GET", "/visit", show_visitor), page("POST", "/visit", show_visitor))


class Shell:
    """The shell, and the sessions that it knows: a token is in or it is not."""

    def __init__(self, db: Database, folder: Path, clock: Callable[[], datetime], catalog_url: str = "") -> None:
        self.sessions = {"ada": ADMIN, "cleo": CLIENT}
        self.uses: list[str] = []
        settings = Settings(data=folder, jwt_secret="s" * 43, catalog_url=catalog_url)
        door = self.door = Door(db, settings, clock)
        self.callers = Callers(self.authenticate, settings.catalog_url, settings.demos_url, timedelta(hours=8))
        pages = PageShell(
            PAGES,
            door=door,
            callers=self.callers,
            layout=Layout(),
            form_targets=["http://*.demos.test"],
            speaks=lambda tx, actor: "",
        )
        self.asgi = Dispatch(OPERATIONS, door=door, callers=self.callers, places=Places(), pages=pages)
        self.nobody = Caller(self.asgi)
        self.ada = Caller(self.asgi, "ada")
        self.cleo = Caller(self.asgi, "cleo")

    def authenticate(self, token: str, *, is_use: bool = True) -> Actor | None:
        if is_use:
            self.uses.append(token)
        return self.sessions.get(token)


@pytest.fixture
def shell(db: Database, tmp_path: Path, clock: SettableClock) -> Shell:
    return Shell(db, tmp_path, clock)


@pytest.fixture
def secure_shell(db: Database, tmp_path: Path, clock: SettableClock) -> Shell:
    """The same behind https."""
    return Shell(db, tmp_path, clock, "https://catalog.example.com")
