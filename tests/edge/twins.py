"""A catalog that a test tells what to say, a clock that it sets, and the rows of a small world to begin with."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from ecatalog_client.errors import Unauthorized
from ecatalog_client.types.serving import (
    Begin,
    Change,
    Cut,
    EdgeUpdate,
    Gone,
    Heartbeat,
    LaunchUse,
    Redeemed,
    ServedClient,
    ServedDemo,
    ServedGrant,
    ServedLaunch,
    ServedSession,
    Synced,
)
from ecatalog_edge.clock import Clock
from ecatalog_edge.cookies import Ticket, sign

KEY = bytes(range(32))
CATALOG_URL = "http://catalog.test"
LABEL = "acmeplanner"
OTHER_LABEL = "boltplanner"

ACME = "client-acme"
SELLER = "user-seller"
DEMO = "demo-planner"
SESSION = "session-acme"
LAUNCH = "launch-acme"
FAR = timedelta(hours=1)


class SettableTime:
    """Both clocks of an edge, as offsets to the real ones: time goes on by itself, and can be set either way."""

    def __init__(self) -> None:
        self.wall_offset = 0.0
        self.boot_offset = 0.0

    def boot(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.boot_offset

    def wall(self) -> float:
        return time.time() + self.wall_offset

    def clock(self) -> Clock:
        return Clock(boot=self.boot, wall=self.wall)


class Acknowledged(msgspec.Struct):
    position: int
    cuts: list[Cut]


class AckTwin:
    """Keeps what was acknowledged, in order."""

    def __init__(self) -> None:
        self.sent: list[Acknowledged] = []
        self._changed = asyncio.Event()

    def send(self, position: int, cuts: Sequence[Cut] = ()) -> None:
        self.sent.append(Acknowledged(position, list(cuts)))
        self._changed.set()

    async def up_to(self, position: int) -> Acknowledged:
        """Waits for the acknowledgement of this position."""
        while not (found := [ack for ack in self.sent if ack.position >= position]):
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 5)
        return found[0]


class CatalogTwin:
    """The gateway as the edge sees it; `say` is the gateway's mouth."""

    def __init__(self, edge_time: SettableTime) -> None:
        self.acks = AckTwin()
        self.codes: dict[str, Redeemed] = {}
        self.redeemed: list[tuple[str, str]] = []
        self.uses: list[LaunchUse] = []
        self.position = 0
        self.time = edge_time
        self.refusal: Exception | None = None
        self._updates: asyncio.Queue[EdgeUpdate] = asyncio.Queue()

    async def watch(self, edge_id: str) -> AsyncGenerator[EdgeUpdate, None]:
        while True:
            yield await self._updates.get()

    async def redeem(self, code: str, label: str) -> Redeemed:
        self.redeemed.append((code, label))
        if self.refusal is not None:
            raise self.refusal
        if code not in self.codes:
            raise Unauthorized("This code has been used or is too old.")
        return self.codes.pop(code)

    async def report_use(self, uses: Sequence[LaunchUse]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.uses += uses

    def say(self, *updates: EdgeUpdate) -> None:
        for update in updates:
            self._updates.put_nowait(update)

    def beat(self, lease: timedelta = timedelta(seconds=60)) -> None:
        """A heartbeat of this moment, by the real clock."""
        now = datetime.now(UTC)
        self.say(
            Heartbeat(
                now=now,
                position=self.position,
                lease_until=now + lease,
                is_active=True,
                received_at_boottime=self.time.boot(),
            )
        )

    async def tell(self, *rows: msgspec.Struct, gone: Iterable[Gone] = ()) -> Acknowledged:
        """A change of these rows; returns once it is acknowledged, which is after what it ends was cut."""
        self.position += 1
        self.say(change_of(self.position, rows, gone))
        return await self.acks.up_to(self.position)

    async def begin(self, *rows: msgspec.Struct, lease: timedelta = timedelta(seconds=60)) -> None:
        """A snapshot with these rows, and a first heartbeat."""
        self.position += 1
        self.say(
            Begin(epoch="e1", is_snapshot=True, cookie_key=KEY, catalog_url=CATALOG_URL),
            change_of(0, rows),
            Synced(position=self.position),
        )
        self.beat(lease)
        await self.acks.up_to(self.position)
        await settle(lambda: self._updates.empty())


def change_of(position: int, rows: Iterable[msgspec.Struct], gone: Iterable[Gone] = ()) -> Change:
    rows = list(rows)
    return Change(
        position=position,
        launches=[row for row in rows if isinstance(row, ServedLaunch)],
        clients=[row for row in rows if isinstance(row, ServedClient)],
        grants=[row for row in rows if isinstance(row, ServedGrant)],
        demos=[row for row in rows if isinstance(row, ServedDemo)],
        sessions=[row for row in rows if isinstance(row, ServedSession)],
        gone=list(gone),
    )


async def settle(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for a fact, a turn of the loop at a time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "what was waited for did not happen"
        await asyncio.sleep(0.002)


def an_acme(
    *, ends: timedelta = FAR, starts: timedelta = -FAR, is_revoked: bool = False, **changes: object
) -> ServedClient:
    now = datetime.now(UTC)
    client = ServedClient(
        id=ACME,
        starts_at=now + starts,
        ends_at=now + ends,
        is_revoked=is_revoked,
        contact_name="Sam Seller",
        contact_email="sam@vendor.test",
    )
    return msgspec.structs.replace(client, **changes)


def a_launch(upstream: str, *, ends: timedelta = FAR, **changes: object) -> ServedLaunch:
    launch = ServedLaunch(
        id=LAUNCH,
        label=LABEL,
        demo_id=DEMO,
        client_id=ACME,
        wanted="running",
        state="running",
        upstream=upstream,
        ends_at=datetime.now(UTC) + ends,
    )
    return msgspec.structs.replace(launch, **changes)


def a_session(*, expires: timedelta = FAR, **changes: object) -> ServedSession:
    session = ServedSession(id=SESSION, client_id=ACME, expires_at=datetime.now(UTC) + expires)
    return msgspec.structs.replace(session, **changes)


def a_demo(*, status: str = "active", is_metered: bool = True, visitor_key: str = "") -> ServedDemo:
    row = {"id": DEMO, "name": "Planner", "status": status, "demo_url": "/", "is_metered": is_metered}
    return msgspec.convert(row | {"visitor_key": visitor_key}, ServedDemo)


def a_grant() -> ServedGrant:
    return ServedGrant(client_id=ACME, demo_id=DEMO)


def everything(upstream: str) -> list[msgspec.Struct]:
    """Acme's running copy of the planner, which it may use for an hour."""
    return [a_launch(upstream), an_acme(), a_session(), a_demo(), a_grant()]


def cookie(
    label: str = LABEL, launch: str = LAUNCH, session: str = SESSION, key: bytes = KEY, name: str = "demo"
) -> str:
    """The Cookie field of somebody who came in properly."""
    return f"{name}=" + sign(key, label, Ticket(launch, session, 1)).decode()
