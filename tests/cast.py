"""The one cast of all tests, the clock they share, and how a person calls the gateway in this process."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ecatalog.access.actions import revoke_client
from ecatalog.accounts import actions as accounts
from ecatalog.clients import queries as client_rows
from ecatalog.clients.actions import create_client
from ecatalog.clients.model import window
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import grant_demo
from ecatalog.demos.images import add_image
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.launches.actions import report_launch
from ecatalog.launches.moves import row_for
from ecatalog_client.types.launches import LaunchReport, LaunchState

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EDGE = Actor(Role.SERVICE, "an-edge", scopes=frozenset({"edge"}))
LAUNCHER = Actor(Role.SERVICE, "a-launcher", scopes=frozenset({"launcher"}))
PASSWORD = "correct horse battery staple"
# Argon2id of PASSWORD at a cost that tests can pay often.
PASSWORD_HASH = "$argon2id$v=19$m=64,t=1,p=1$Y5cSA5bWcBCUNRPk3alsQQ$VeTR8dxjG6xBG/aC7pvgBnxdsuAx0P5J+fASTeZoESE"


class SettableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> datetime:
        """Lets time pass, such as `hours=2`; the new present."""
        self.now += timedelta(**span)
        return self.now


@dataclass(frozen=True)
class Person:
    """Somebody of the cast, with a session that is alive (but for one: the revoked client's has ended)."""

    role: Role
    id: str
    email: str
    token: str
    session_id: str

    @property
    def actor(self) -> Actor:
        return Actor(self.role, self.id, self.session_id)


@dataclass(frozen=True)
class Cast:
    """Everybody, and the demos. `portal` is granted to every client, `desk` to Bolt only, `remote` and
    `repaired` (under maintenance) to Acme; the draft is granted to nobody.
    """

    admin: Person
    seller: Person
    viewer: Person
    acme: Person
    bolt: Person
    ended: Person
    pending: Person
    revoked: Person
    portal: str
    desk: str
    remote: str
    repaired: str
    draft: str

    @property
    def everybody(self) -> list[Person]:
        return [*self.users, *self.clients]

    @property
    def users(self) -> list[Person]:
        return [self.admin, self.seller, self.viewer]

    @property
    def clients(self) -> list[Person]:
        return [self.acme, self.bolt, self.ended, self.pending, self.revoked]


def load_cast(tx: Tx) -> Cast:
    """Puts the cast into an empty database. The clients are the seller's, but Bolt the administrator's."""
    users = {
        role: _user(tx, role, f"{name}@ecatalog.test", name.title())
        for role, name in ((Role.ADMIN, "admin"), (Role.SALES, "seller"), (Role.VIEWER, "viewer"))
    }
    seller, admin = users[Role.SALES], users[Role.ADMIN]
    demos = _demos(tx)
    acme = _client(tx, seller, "acme", "2026-03-01", "2026-03-31", "Europe/Berlin")
    bolt = _client(tx, admin, "bolt", "2026-03-01", "2026-03-11T18:00:00Z", "UTC")
    ended = _client(tx, seller, "ended", "2026-02-01", "2026-03-31", "Asia/Tokyo")
    pending = _client(tx, seller, "pending", "2026-03-16", "2026-03-20", "America/New_York")
    revoked = _client(tx, seller, "revoked", "2026-03-01", "2026-03-31", "UTC")
    last_month = window("2026-02-01", "2026-02-28", "Asia/Tokyo")
    client_rows.set_end(tx, ended.id, end_date="2026-02-28", ends_at=last_month.ends_at)
    for client in (acme, bolt, ended, pending, revoked):
        grant_demo(tx, SYSTEM, client.id, demos["portal"])
    grant_demo(tx, SYSTEM, bolt.id, demos["desk"])
    grant_demo(tx, SYSTEM, acme.id, demos["remote"])
    grant_demo(tx, SYSTEM, acme.id, demos["repaired"])
    revoke_client(tx, SYSTEM, revoked.id, "left the company")
    return Cast(
        admin=admin,
        seller=seller,
        viewer=users[Role.VIEWER],
        acme=acme,
        bolt=bolt,
        ended=ended,
        pending=pending,
        revoked=revoked,
        **demos,
    )


def _demos(tx: Tx) -> dict[str, str]:
    image = add_image(tx, SYSTEM, "ecatalog-samples/customers")
    new = {
        "portal": NewDemo(
            name="Customer portal",
            description="Orders and Élan",
            vertical="Retail",
            horizontal="Portal",
            keywords=["orders"],
            docker_image_id=image,
            status="active",
            environment={"SECRET": "s3cret"},
        ),
        "desk": NewDemo(name="Service desk", docker_image_id=image, status="active", vertical="Banking"),
        "remote": NewDemo(
            name="Remote", demo_url="http://127.0.0.1:8123/start?lang=en", status="active", longest_seconds=28_800
        ),
        "repaired": NewDemo(name="Repaired", docker_image_id=image, status="maintenance", status_reason="until Monday"),
        "draft": NewDemo(name="Draft", docker_image_id=image),
    }
    return {word: add_demo(tx, SYSTEM, demo).id for word, demo in new.items()}


def _user(tx: Tx, role: Role, email: str, name: str) -> Person:
    user = accounts.create_user(tx, SYSTEM, email, name, role, PASSWORD_HASH)
    return _with_session(tx, role, user.id, email, user_id=user.id)


def _client(tx: Tx, owner: Person, name: str, start: str, end: str, timezone: str) -> Person:
    email = f"client@{name}.test"
    client = create_client(
        tx,
        SYSTEM,
        name=f"Client of {name}",
        email=email,
        company=name.title(),
        access_start_date=start,
        access_end_date=end,
        timezone=timezone,
        owner_id=owner.id,
        notes="prefers mornings",
    )
    accounts.set_client_password(tx, SYSTEM, client.id, PASSWORD_HASH)
    return _with_session(tx, Role.CLIENT, client.id, email, client_id=client.id)


def _with_session(tx: Tx, role: Role, person_id: str, email: str, **whose: str) -> Person:
    token = f"token-of-{email}"
    session_id = start_session(tx, token, **whose)
    return Person(role, person_id, email, token, session_id)


def start_session(tx: Tx, token: str, lasts: timedelta = timedelta(hours=8), /, **whose: str) -> str:
    """A session that shows this token, of `user_id` or `client_id`; its id."""
    session_id = new_id()
    accounts.start_session(
        tx,
        token_hash=hash_secret(token),
        session_id=session_id,
        expires_at=tx.now + lasts,
        address="127.0.0.1",
        agent="tests",
        **whose,
    )
    return session_id


async def another_session(db: Database, client: Person) -> Actor:
    """A second session of a client, as from another browser."""
    session_id = await db.write(start_session, new_id(), client_id=client.id)
    return Actor(client.role, client.id, session_id)


async def settled(db: Database) -> None:
    """Until the jobs have done what the cast gave them to do: nothing was written for a moment."""
    written = -1
    while written != db.stats.actions:
        written = db.stats.actions
        await asyncio.sleep(0.2)


def facts(tx: Tx, kind: str) -> list[dict[str, Any]]:
    """Every fact of that kind, its details decoded."""
    rows = tx.rows("SELECT * FROM audit_log WHERE kind = :kind ORDER BY position", kind=kind)
    return [row | {"details": msgspec.json.decode(row["details"])} for row in rows]


def uses(tx: Tx, client_id: str) -> list[str]:
    """The event types of what a client did, in order, without the login and the grants of the cast."""
    rows = tx.rows("SELECT event_type FROM usage_analytics WHERE client_id = :id ORDER BY id", id=client_id)
    return [row["event_type"] for row in rows if row["event_type"] not in ("login", "access_granted")]


async def report(db: Database, launch_id: str, state: LaunchState, *, actor: Actor = LAUNCHER, **more: Any) -> int:
    """Reports that the launch, wherever it is now, moved on to `state`, as a launcher does."""
    row = await db.read(row_for, launch_id)
    told = LaunchReport(launch_id=launch_id, attempt=row.attempt, was=row.state, state=state, **more)
    return await db.write(report_launch, actor, told)


async def run_launch(db: Database, launch_id: str, upstream: str = "127.0.0.1:5000") -> None:
    """Reports what a launcher does when all goes well."""
    await report(db, launch_id, "starting")
    await report(db, launch_id, "running", upstream=upstream)


@dataclass(frozen=True)
class Answer:
    """What the gateway answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def events(self) -> list[tuple[str, Any]]:
        """The (event, data) pairs of a finished stream; comments and other fields are left out."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line.startswith(("event: ", "data: ")))
            if "data" in fields:
                found.append((fields.get("event", "message"), msgspec.json.decode(fields["data"])))
        return found


Message = MutableMapping[str, Any]
Asgi = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


@dataclass
class Caller:
    """A person who calls the gateway with a bearer token; without a person, nobody."""

    asgi: Asgi
    person: Person | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.person.id if self.person else ""

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body, headers=headers)

    async def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("PATCH", path, body, headers=headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.ask("DELETE", path, headers=headers)

    async def ask(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Answer:
        """Sends one request; `body` becomes JSON unless it is bytes or None. Waits for the answer's end."""
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {"host": "localhost:8080"} | self.headers | {k.replace("_", "-"): v for k, v in (headers or {}).items()}
        if self.person and "cookie" not in sent:
            sent.setdefault("authorization", f"Bearer {self.person.token}")
        if body is not None:
            sent.setdefault("content-type", "application/json")
            sent.setdefault("content-length", str(len(raw)))
        return await _ask(self.asgi, method, path, sent, raw)


async def _ask(asgi: Asgi, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 8080),
        "state": {},
    }
    is_over = asyncio.Event()
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    got: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            is_over.set()

    await asgi(scope, receive, send)
    start = next(message for message in got if message["type"] == "http.response.start")
    return Answer(
        status=start["status"],
        headers={name.decode().lower(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in got if message["type"] == "http.response.body"),
    )
