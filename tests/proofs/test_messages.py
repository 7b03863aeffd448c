"""Messages go out exactly once though the gateway is killed at random; only what got no answer may come again.

An answer is lost when the kill falls between the server's reading of a mail and our reading of its answer. So a message
may come again only when it was the last of a connection that the kill cut, and then it has the same id.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib
import pytest

from ecatalog.access.actions import renew_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.notices.outbox import begin_outbox
from tests.cast import Cast, SettableClock, load_cast
from tests.proofs.installation import free_ports
from tests.proofs.lone_gateway import LoneGateway
from tests.proofs.mail_server import MailServer
from tests.proofs.outbox import message_ids, states
from tests.proofs.traces import wait_for

pytestmark = pytest.mark.proof

MESSAGES = {"ci": 300, "full": 10_000}
KILLS = {"ci": 6, "full": 60}
LONGEST_LIFE = {"ci": 0.15, "full": 0.5}
CONNECTIONS = 4
_BATCH = 100


@pytest.fixture
def gateway(tmp_path: Path, mail_server: MailServer, scale: str) -> Iterator[LoneGateway]:
    """Not started: its catalog has facts that make so many messages, and none of them is in the outbox yet."""
    data = tmp_path / "data"
    asyncio.run(fill(data, MESSAGES[scale]))
    port, internal, grpc = free_ports(3)
    env = {
        "LOAD_SEED_DATA": "false",
        "ECATALOG_SMTP_URL": f"smtp://127.0.0.1:{mail_server.port}?starttls=never",
        "ECATALOG_MAIL_FROM": "Demos <demos@ecatalog.test>",
    }
    found = LoneGateway(data, port, internal, grpc, env)
    yield found
    found.kill()


async def fill(data: Path, messages: int) -> None:
    """Renews two clients in turn: a message to the client, and one to its owner, for each renewal."""
    db = Database(data / "ltplabs.db", clock=SettableClock())
    await db.start()
    cast = await db.write(load_cast)
    await db.write(begin_outbox, [])
    for first in range(0, messages // 2, _BATCH):
        await db.write(_renew, cast, first, min(_BATCH, messages // 2 - first))
    await db.stop()


def _renew(tx: Tx, cast: Cast, first: int, count: int) -> None:
    for number in range(first, first + count):
        client = (cast.acme, cast.bolt)[number % 2]
        end = f"20{40 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}"
        renew_client(tx, SYSTEM, client.id, end)


def test_each_message_comes_once_though_the_gateway_is_killed(
    gateway: LoneGateway, mail_server: MailServer, scale: str
) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    wanted = MESSAGES[scale]
    kills = in_the_middle = 0
    while kills < KILLS[scale] and mail_server.count < wanted:
        before = mail_server.count
        gateway.start()
        if kills % 2:  # On a busy machine hardly one kill would come while mails go out.
            wait_for(lambda: mail_server.count > before, "mails go out")  # noqa: B023 - before the next round
        time.sleep(chance.uniform(0, LONGEST_LIFE[scale]))
        gateway.kill()
        kills += 1
        in_the_middle += before < mail_server.count < wanted
    gateway.start()
    wait_for(lambda: states(gateway.data) == {"sent": wanted}, "all are sent", seconds=300)
    gateway.kill()

    assert in_the_middle > 0
    assert set(mail_server.contents) == message_ids(gateway.data)
    repeats = mail_server.repeats()
    for message_id, places in repeats.items():
        for line, place in places[:-1]:
            assert place == len(line.messages) - 1, f"{message_id} was answered, and came again"
            assert not line.has_quit
    print(
        f"{wanted} messages, {kills} kills, {in_the_middle} of them while mails went out: "
        f"{len(repeats)} came again after no answer, none else"
    )


def test_how_quickly_they_go_out(gateway: LoneGateway, mail_server: MailServer, scale: str) -> None:
    """Beside the same mails sent straight with aiosmtplib over as many connections, to the same server."""
    wanted = MESSAGES[scale]
    gateway.start()
    wait_for(lambda: mail_server.count >= wanted, "all went out", seconds=300)
    ours = wanted / (mail_server.last_at - mail_server.first_at)
    gateway.kill()

    contents = list(mail_server.contents.values())
    began = time.monotonic()
    asyncio.run(send_straight(mail_server.port, contents))
    straight = wanted / (time.monotonic() - began)

    assert len(mail_server.contents) == wanted
    print(f"{ours:.0f} messages/s through the outbox, {straight:.0f}/s straight with aiosmtplib")


async def send_straight(port: int, contents: list[bytes]) -> None:
    left = iter(contents)

    async def lane() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            for content in left:
                await smtp.sendmail("demos@ecatalog.test", ["client@acme.test"], content)

    await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
