"""A gateway as a process of its own, over a catalog with facts that are yet to become so many messages."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_outbox.straight import WEBHOOK_LANES
from ecatalog.access.actions import renew_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import new_id
from ecatalog.kit.secrets import Secrets
from ecatalog.notices.outbox import begin_outbox
from ecatalog.notices.webhook_keeping import add_webhook
from ecatalog.notices.webhook_model import secret_of
from ecatalog.notices.webhooks import purpose_of
from tests.cast import Cast, SettableClock, load_cast
from tests.proofs.installation import free_ports

_KEY = "e" * 43
_BATCH = 50
_KIND = "bench.told"


async def fill_mails(data: Path, messages: int) -> None:
    """Renewals: each makes a mail to the client, and one to its owner."""

    def renew(tx: Tx, cast: Cast, first: int) -> None:
        for number in range(first, min(first + _BATCH, messages // 2)):
            client = (cast.acme, cast.bolt)[number % 2]
            renew_client(tx, SYSTEM, client.id, f"20{40 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}")

    db = Database(data / "ltplabs.db", clock=SettableClock())
    await db.start()
    cast = await db.write(load_cast)
    await db.write(begin_outbox, [])
    for first in range(0, messages // 2, _BATCH):
        await db.write(renew, cast, first)
    await db.stop()


async def fill_webhooks(data: Path, messages: int, port: int) -> None:
    """Facts of a kind that as many webhooks are told of as there are lanes: to each, one goes after the other."""

    def tell(tx: Tx, first: int) -> None:
        for number in range(first, min(first + _BATCH, messages // WEBHOOK_LANES)):
            tx.record(_KIND, SYSTEM, number=number)

    db = Database(data / "ltplabs.db")
    await db.start()
    await db.write(begin_outbox, [])
    for number in range(WEBHOOK_LANES):
        webhook_id = new_id()
        sealed = Secrets(_KEY).seal(secret_of(b"s" * 32), purpose_of(webhook_id))
        url = f"http://127.0.0.1:{port}/hook?{number}"
        await db.write(add_webhook, SYSTEM, webhook_id, url=url, kinds=[_KIND], form="standard", sealed=sealed)
    for first in range(0, messages // WEBHOOK_LANES, _BATCH):
        await db.write(tell, first)
    await db.stop()


@contextmanager
def gateway(data: Path, smtp_port: int) -> Iterator[None]:
    """Runs inside the block, and is killed at its end."""
    port, internal, grpc = free_ports(3)
    env = {
        "ECATALOG_DATA": str(data),
        "ECATALOG_PORT": str(port),
        "ECATALOG_INTERNAL_PORT": str(internal),
        "ECATALOG_GRPC_PORT": str(grpc),
        "ECATALOG_LOG_LEVEL": "warning",
        "ECATALOG_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}?starttls=never",
        "ECATALOG_MAIL_FROM": "Demos <demos@ecatalog.test>",
        "ECATALOG_WEBHOOKS_ALLOW_PRIVATE": "127.0.0.1/32",
        "ENCRYPTION_KEY": _KEY,
    }
    command = [sys.executable, "-m", "ecatalog.service", "gateway"]
    process = subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
