"""What every test may ask for: a clock, a database with the cast, a gateway with the cast, and its callers.

`db` and `cast` go together, as do `gateway` and the callers: two databases, each with a cast of its own.
What a fixture needs is imported in it, so that the tests of a lower floor run without the higher ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ecatalog.app import Gateway
    from ecatalog.kit.db import Database
    from ecatalog.web.door import Door
    from tests.cast import Caller, Cast, SettableClock


@pytest.fixture
def clock() -> SettableClock:
    """Noon, UTC, on Tuesday 10 March 2026, until the test moves it."""
    from tests.cast import SettableClock

    return SettableClock()


@pytest.fixture
async def db(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Database]:
    """A started database of its own, empty until the test asks for `cast`."""
    from ecatalog.kit.db import Database
    from tests.blank import lay_blank

    database = Database(lay_blank(tmp_path / "catalog" / "ltplabs.db"), clock=clock)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def cast(db: Database) -> Cast:
    """Everybody, in `db`."""
    from tests.cast import load_cast

    return await db.write(load_cast)


@pytest.fixture
def door(tmp_path: Path, db: Database, clock: SettableClock) -> Door:
    """What a job is given, over `db`."""
    from ecatalog.settings import Settings
    from ecatalog.web.door import Door

    return Door(db, Settings(data=tmp_path), clock)


@pytest.fixture
async def gateway(tmp_path: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    """A started gateway in this process, on free ports, empty until the test asks for a caller. It hashes cheaply."""
    from ecatalog.settings import Settings
    from tests.blank import started

    settings = Settings(data=tmp_path / "gateway", grpc_port=0, log_level="warning", jwt_secret="s" * 43)
    async with started(settings, clock) as built:
        yield built


@pytest.fixture
async def people(gateway: Gateway) -> Cast:
    """Everybody, in the database of `gateway`."""
    from tests.cast import load_cast

    loaded: Cast = await gateway.db.write(load_cast)
    return loaded


@pytest.fixture
def nobody(gateway: Gateway) -> Caller:
    from tests.cast import Caller

    return Caller(gateway.asgi)


@pytest.fixture
def admin(gateway: Gateway, people: Cast) -> Caller:
    from tests.cast import Caller

    return Caller(gateway.asgi, people.admin)


@pytest.fixture
def seller(gateway: Gateway, people: Cast) -> Caller:
    from tests.cast import Caller

    return Caller(gateway.asgi, people.seller)


@pytest.fixture
def viewer(gateway: Gateway, people: Cast) -> Caller:
    from tests.cast import Caller

    return Caller(gateway.asgi, people.viewer)


@pytest.fixture
def acme(gateway: Gateway, people: Cast) -> Caller:
    """A client inside its window, owned by the seller."""
    from tests.cast import Caller

    return Caller(gateway.asgi, people.acme)


@pytest.fixture
def bolt(gateway: Gateway, people: Cast) -> Caller:
    """A client inside its window, owned by the administrator."""
    from tests.cast import Caller

    return Caller(gateway.asgi, people.bolt)


@pytest.fixture
def ended(gateway: Gateway, people: Cast) -> Caller:
    """A client whose window has ended."""
    from tests.cast import Caller

    return Caller(gateway.asgi, people.ended)


@pytest.fixture
def pending(gateway: Gateway, people: Cast) -> Caller:
    """A client whose window has not begun."""
    from tests.cast import Caller

    return Caller(gateway.asgi, people.pending)


@pytest.fixture
def revoked(gateway: Gateway, people: Cast) -> Caller:
    """A client that was revoked; the token is of the session that this ended."""
    from tests.cast import Caller

    return Caller(gateway.asgi, people.revoked)


@pytest.fixture
def everybody(gateway: Gateway, people: Cast) -> dict[str, Caller]:
    """Every caller by name, for tests that try an operation by each."""
    from tests.cast import Caller

    names = ("admin", "seller", "viewer", "acme", "bolt", "ended", "pending", "revoked")
    return {"nobody": Caller(gateway.asgi)} | {name: Caller(gateway.asgi, getattr(people, name)) for name in names}
