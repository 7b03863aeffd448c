"""Edge and launcher run for minutes while the gateway is killed under load: nothing acknowledged is lost, no message is
lost or sent twice under another id, no connection to a demo ends by it, and watches lose and repeat nothing.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ecatalog_client import AsyncCatalog
from ecatalog_client.types.events import UsageEvent
from tests.notices.hooks import Receiver, receiving
from tests.proofs import soak_audit as audit
from tests.proofs.mail_server import MailServer
from tests.proofs.outbox import states
from tests.proofs.pair import Pair, running_pair
from tests.proofs.sizes import Size
from tests.proofs.soak_callers import DEADLINE, Asker, Books, Caller, Opener, Renewer, Revoker, call
from tests.proofs.soak_visitors import Holders, ShutOut, enter

pytestmark = pytest.mark.proof

SOCKETS = 12
DOWNLOADS = 3
DEMO = "live-operations"
# What a process may grow by once it is warm: what Python's allocator keeps of a burst is within it, a leak is not.
MOST_GROWTH = 1.25
MOST_DRAIN_SECONDS = 60
# Every other kill comes while mails are handed over: by chance, hardly one would.
MAILS_BEFORE_A_KILL = 6
MAIL_CONNECTIONS = 4
LONGEST_WAIT_FOR_MAILS = 4.0


@dataclass(frozen=True)
class Span:
    """How long it goes on, when sizes begin to count, and how long a gateway lives at least and at most; in seconds."""

    whole: float
    warming: float
    shortest_life: float
    longest_life: float


SPANS = {"ci": Span(50, 20, 4, 8), "full": Span(600, 90, 5, 15)}


@dataclass
class Heard:
    """What a watch told, in order."""

    positions: list[int] = field(default_factory=list)
    uses: list[int] = field(default_factory=list)

    async def listen(self, catalog: AsyncCatalog, begun: asyncio.Event) -> None:
        async with catalog.watch() as watch:
            begun.set()
            async for event in watch:
                if isinstance(event, UsageEvent):
                    self.uses.append(event.id)
                else:
                    self.positions.append(event.position)

    def after(self, place: tuple[int, int]) -> tuple[list[int], list[int]]:
        return [each for each in self.positions if each > place[0]], [each for each in self.uses if each > place[1]]


@pytest.fixture
def pair(tmp_path: Path, mail_server: MailServer) -> Iterator[Pair]:
    """Gateway, edge and launcher; their one sample has long downloads."""
    sample = tmp_path / "samples" / "operations"
    sample.mkdir(parents=True)
    (sample / "app.py").symlink_to(Path(__file__).with_name("lasting_demo.py"))
    settings = {
        "ECATALOG_SAMPLES": str(sample.parent),
        "ECATALOG_SMTP_URL": f"smtp://127.0.0.1:{mail_server.port}?starttls=never",
        "ECATALOG_MAIL_FROM": "Demos <demos@ecatalog.test>",
        "ECATALOG_WEBHOOKS_ALLOW_PRIVATE": "127.0.0.1/32",
        "ENCRYPTION_KEY": "seals-what-this-proof-sends-to-webhooks",
    }
    with running_pair(tmp_path, ("gateway", "edge", "launcher"), settings) as running:
        yield running


async def test_the_services_outlast_a_gateway_that_is_killed_again_and_again(
    pair: Pair, mail_server: MailServer, scale: str
) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    async with receiving() as receiver, Soak.begun(pair, mail_server, receiver) as soak:
        kills, grown = await soak.run(SPANS[scale], chance)
        await soak.come_to_rest()
        assert soak.holders.drops == []
        await soak.watches_have_told_all()

    audit.assert_nothing_acknowledged_is_lost(pair.data, soak.books)
    mails = audit.assert_mails_came_once(pair.data, mail_server)
    hooks = audit.assert_webhook_was_told_once(pair.data, receiver.got, soak.told_after, kills)
    assert mails <= MAIL_CONNECTIONS * kills
    assert soak.shut_out.cuts["cut"] > 0
    for name, (first, most) in grown.items():
        assert most <= first * MOST_GROWTH, f"the {name} has grown from {first} to {most} bytes"
    sizes = {name: f"{first / 2**20:.1f} MiB {most / first - 1:+.1%}" for name, (first, most) in grown.items()}
    print(f"{SPANS[scale].whole:.0f} s, {kills} kills; {dict(soak.books.outcomes)}")
    print(f"held {SOCKETS} sockets: {dict(soak.holders.counts)}; shut out: {dict(soak.shut_out.cuts)}; sizes {sizes}")
    print(
        f"{len(mail_server.contents)} mails ({mails} again after no answer), {len(receiver.got)} posts ({hooks}); "
        f"events heard: {[len(heard.positions) + len(heard.uses) for heard in soak.heard]}"
    )


class Soak:
    """The load and what it left."""

    def __init__(
        self,
        pair: Pair,
        mails: MailServer,
        callers: list[Caller],
        books: Books,
        holders: Holders,
        shut_out: ShutOut,
    ) -> None:
        self.books = books
        self.holders = holders
        self.shut_out = shut_out
        self.heard: list[Heard] = []
        self.told_after = 0
        self._pair = pair
        self._mails = mails
        self._callers = callers
        self._listening: list[asyncio.Task[None]] = []
        self._place = (0, 0)

    @classmethod
    @asynccontextmanager
    async def begun(cls, pair: Pair, mails: MailServer, receiver: Receiver) -> AsyncIterator["Soak"]:
        """With people logged in, a copy running, a webhook told and two watches listening, one for each transport."""
        admin_token = pair.login("admin@ecatalog.example").token
        http, grpc = f"http://127.0.0.1:{pair.port}", f"grpc://127.0.0.1:{pair.grpc_port}"
        async with (
            AsyncCatalog(http, admin_token) as admin,
            AsyncCatalog(grpc, admin_token) as admin_by_grpc,
            AsyncCatalog(grpc, pair.login("sales@ecatalog.example").token) as seller,
            AsyncCatalog(http, pair.login("client@acme.example").token) as holder,
            AsyncCatalog(http, pair.login("client@bolt.example").token) as asker,
        ):
            demo_id = next(iter([demo.id async for demo in admin.demos.list() if demo.slug == DEMO]))
            copy = await enter(holder, demo_id, pair.edge_port)
            books = Books()
            opener, asking = Opener(seller, books, 3), Asker(asker, books, 4)
            opener.demo_id, asking.admin = demo_id, admin_by_grpc
            callers: list[Caller] = [Renewer(admin, books, 1), Revoker(admin_by_grpc, books, 2), opener, asking]
            soak = cls(pair, mails, callers, books, Holders(copy), await _shut_out(admin, pair, demo_id))
            soak.told_after = await _tell_webhook(admin, receiver, pair.data)
            await soak._listen(admin, admin_by_grpc)
            yield soak
            for task in soak._listening:
                task.cancel()
            await asyncio.gather(*soak._listening, return_exceptions=True)

    async def run(self, span: Span, chance: random.Random) -> tuple[int, dict[str, tuple[int, int]]]:
        """All at once; how often the gateway was killed, and of each other process its first and its greatest size."""
        over, ends = asyncio.Event(), time.monotonic() + span.whole
        async with asyncio.TaskGroup() as group:
            group.create_task(call(self._callers, over))
            for number in range(SOCKETS):
                group.create_task(self.holders.talk(number, over))
            for number in range(DOWNLOADS):
                group.create_task(self.holders.load(number, over))
            group.create_task(self.shut_out.run(f"http://127.0.0.1:{self._pair.port}", over))
            growing = group.create_task(self._grow(span, ends))
            kills = 0
            while time.monotonic() < ends:
                await asyncio.sleep(chance.uniform(span.shortest_life, span.longest_life))
                if kills % 2:
                    await self._until_mails_go_out()
                await asyncio.to_thread(self._pair.kill, "gateway")
                await asyncio.to_thread(self._pair.start, "gateway")
                kills += 1
            over.set()
        return kills, growing.result()

    async def come_to_rest(self) -> None:
        """Returns once every message is sent."""
        async with asyncio.timeout(MOST_DRAIN_SECONDS):
            while set(found := states(self._pair.data)) != {"sent"}:
                assert "dead" not in found, found
                await asyncio.sleep(0.2)

    async def watches_have_told_all(self) -> None:
        """Each told every event once, in order."""
        wanted = audit.facts_for_watches(self._pair.data, self._place)
        deadline = time.monotonic() + 30
        for heard in self.heard:
            while heard.after(self._place) != wanted and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            assert heard.after(self._place) == wanted

    async def _listen(self, *catalogs: AsyncCatalog) -> None:
        for catalog in catalogs:
            heard, begun = Heard(), asyncio.Event()
            self._listening.append(asyncio.create_task(heard.listen(catalog, begun)))
            await begun.wait()
            self.heard.append(heard)
        self._place = audit.last_place(self._pair.data)

    async def _until_mails_go_out(self) -> None:
        """A few came just now, so that others are on their way. Some seconds without any are waited out."""
        wanted = self._mails.count + MAILS_BEFORE_A_KILL
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT_FOR_MAILS):
                while self._mails.count < wanted:
                    await asyncio.sleep(0.001)

    async def _grow(self, span: Span, ends: float) -> dict[str, tuple[int, int]]:
        await asyncio.sleep(span.warming)
        pids = {name: self._pair.processes[name].pid for name in ("edge", "launcher")}
        first = {name: Size.of(pid).resident for name, pid in pids.items()}
        most = dict(first)
        while time.monotonic() < ends:
            await asyncio.sleep(1)
            most = {name: max(most[name], Size.of(pid).resident) for name, pid in pids.items()}
        return {name: (first[name], most[name]) for name in pids}


async def _shut_out(admin: AsyncCatalog, pair: Pair, demo_id: str) -> ShutOut:
    email = "client@delta.example"
    client = await anext(aiter(admin.clients.list(q=email)))
    await admin.clients.renew(client.id, days=60, deadline=DEADLINE)
    await admin.clients.put_demo(client.id, demo_id, deadline=DEADLINE)
    return ShutOut(admin, pair.edge_port, email, client.id, demo_id)


async def _tell_webhook(admin: AsyncCatalog, receiver: Receiver, data: Path) -> int:
    """The position after which it is told of every fact."""
    await admin.webhooks.create(url=receiver.url(), kinds="all", deadline=DEADLINE)
    [(told_after,)] = audit.rows(data, "SELECT max(position) FROM audit_log WHERE kind = 'webhook.added'")
    return int(told_after)
