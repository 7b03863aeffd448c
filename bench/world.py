"""The rows that every server under measurement begins with: one database file, copied for each of them."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import msgspec

from bench.events import add_events
from ecatalog.accounts.tokens import sign_session_token
from ecatalog.kit.clock import to_text, utc_now
from ecatalog.kit.ids import hash_secret, new_id, new_label
from ecatalog.kit.migrations import migrate, shipped_migrations
from ecatalog.kit.search import fold

CALLERS = 64
DEMOS = 50
JWT_SECRET = "a secret of the benchmark, for nobody else"


@dataclass(frozen=True)
class Size:
    """How much the world holds. Callers are the first of the clients; `events` are theirs, over 90 days."""

    clients: int = CALLERS
    demos: int = DEMOS
    events: int = 0


SMALL = Size()


@dataclass(frozen=True)
class Caller:
    """A client with a live session, the demo of which it has a running copy, and the session of its administrator."""

    number: int
    client_id: str
    token: str
    demo_id: str
    admin_token: str


@dataclass(frozen=True)
class World:
    """The database file as it is before the first request, and who may call."""

    file: Path
    callers: tuple[Caller, ...]

    def copy_to(self, file: Path) -> None:
        """A copy for one server."""
        file.parent.mkdir(parents=True)
        shutil.copyfile(self.file, file)


def make_world(file: Path, size: Size) -> World:
    """Writes the file: the gateway's own schema, the clients, and the first 50 demos granted to those who call."""
    now = utc_now()
    migrate(file, now, shipped_migrations())
    connection = apsw.Connection(str(file))
    connection.pragma("foreign_keys", True)
    with connection:
        rows = _Rows(connection, now)
        owner = rows.add_user()
        admin = rows.add_session(user_id=owner)
        demos = [rows.add_demo(number, owner) for number in range(size.demos)]
        clients = [rows.add_client(number, owner) for number in range(size.clients)]
        callers = tuple(
            rows.add_caller(number, client_id, owner, demos[:DEMOS], admin)
            for number, client_id in enumerate(clients[:CALLERS])
        )
    if size.events:
        add_events(connection, clients[:CALLERS], demos[:DEMOS], size.events, now)
    connection.close()
    return World(file, callers)


_FIRST = ("Ana", "Bela", "Carla", "Dora", "Eva", "Filipa", "Graça", "Helena", "Inês", "Joana")
_LAST = ("Abreu", "Braga", "Couto", "Duarte", "Esteves", "Faria", "Gama", "Horta", "Ivo", "Jorge")


def name_of(number: int) -> str:
    """The name of the client of that number: 10,000 differ."""
    return f"{_FIRST[number % 10]} {_LAST[number // 10 % 10]} {number // 100:02}"


class _Rows:
    """Adds rows as the catalog itself would, with one instant for all."""

    def __init__(self, connection: apsw.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._stamps = {"created_at": to_text(now), "updated_at": to_text(now)}

    def add_user(self) -> str:
        user_id = new_id()
        self._add(
            "users",
            id=user_id,
            email="owner@vendor.example",
            full_name="Olga Owner",
            role="admin",
            **self._stamps,
        )
        return user_id

    def add_demo(self, number: int, owner: str) -> str:
        demo_id, image_id, name = new_id(), new_id(), f"Live operations {number:04}"
        self._add("docker_images", id=image_id, image_name=f"vendor/demo-{number}", image_tag="1.0", **self._stamps)
        self._add(
            "demos",
            id=demo_id,
            name=name,
            slug=f"live-operations-{number:04}",
            description="Plans a day of deliveries and follows it live: what is late, and what it costs to be in time.",
            docker_image_id=image_id,
            status="active",
            vertical="Logistics",
            horizontal="Operations",
            keywords=msgspec.json.encode(["planning", "live", "costs"]).decode(),
            project_code=f"P-{number:04}",
            contact_name="Olga Owner",
            contact_email="owner@vendor.example",
            search=name.lower(),
            created_by=owner,
            **self._stamps,
        )
        return demo_id

    def add_caller(self, number: int, client_id: str, owner: str, demos: list[str], admin: str) -> Caller:
        for demo_id in demos:
            self._add(
                "client_demo_access",
                client_id=client_id,
                demo_id=demo_id,
                granted_by=owner,
                granted_at=to_text(self._now),
            )
        demo_id = demos[number % len(demos)]
        self._add_launch(client_id, demo_id)
        return Caller(number, client_id, self.add_session(client_id=client_id), demo_id, admin)

    def add_client(self, number: int, owner: str) -> str:
        client_id, starts_at, ends_at = new_id(), self._day(-10), self._day(30)
        name, company = name_of(number), f"Acme {number % 700}"
        self._add(
            "clients",
            id=client_id,
            name=name,
            email=f"client{number}@acme.example",
            company=company,
            access_start_date=f"{starts_at:%Y-%m-%d}",
            access_end_date=f"{ends_at - timedelta(days=1):%Y-%m-%d}",
            access_starts_at=to_text(starts_at),
            access_ends_at=to_text(ends_at),
            owner_id=owner,
            created_by=owner,
            search=fold(name, f"client{number}@acme.example", company),
            name_folded=fold(name),
            company_folded=fold(company),
            **self._stamps,
        )
        return client_id

    def add_session(self, **whose: str) -> str:
        """Whose is `client_id` or `user_id`. Returns the token."""
        session_id, expires_at = new_id(), self._now + timedelta(hours=8)
        token = sign_session_token(JWT_SECRET, session_id=session_id, issued_at=self._now, expires_at=expires_at)
        self._add(
            "sessions",
            id=session_id,
            token_hash=hash_secret(token),
            expires_at=to_text(expires_at),
            last_seen_at=to_text(self._now),
            address="127.0.0.1",
            agent="wrk",
            created_at=to_text(self._now),
            **whose,
        )
        return token

    def _add_launch(self, client_id: str, demo_id: str) -> None:
        now = to_text(self._now)
        self._add(
            "launches",
            id=new_id(),
            demo_id=demo_id,
            client_id=client_id,
            kind="open",
            wanted="running",
            state="running",
            phase="running",
            attempt=1,
            label=new_label(),
            upstream="127.0.0.1:9",
            spec_hash="0",
            phases=msgspec.json.encode({"queued": now, "starting": now, "running": now}).decode(),
            ends_at=to_text(self._now + timedelta(hours=4)),
            **self._stamps,
        )

    def _day(self, days: int) -> datetime:
        midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC) + timedelta(days=days)

    def _add(self, table: str, **values: str | int) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
