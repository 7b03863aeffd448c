"""A mailbox behind a real SMTP server, and a gateway that sends its mails there; a server that takes webhooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.app import Gateway
from ecatalog.kit.db import Database
from ecatalog.settings import Settings
from tests.blank import started
from tests.cast import SettableClock
from tests.notices.hooks import Receiver, Stand, receiving
from tests.notices.mailbox import Mailbox, serving


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    async with serving(box):
        yield box


@pytest.fixture
def settings(tmp_path: Path, mailbox: Mailbox) -> Settings:
    return Settings(
        data=tmp_path / "gateway",
        grpc_port=0,
        log_level="warning",
        jwt_secret="s" * 43,
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}?starttls=never",
        mail_from="Demos <demos@ecatalog.test>",
    )


@pytest.fixture
async def gateway(settings: Settings, clock: SettableClock) -> AsyncIterator[Gateway]:
    """As everywhere, but with a mail server."""
    async with started(settings, clock) as built:
        yield built


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody's server, which is told of facts."""
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def stand(db: Database, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Stand]:
    """The outbox with webhooks alone, over `db`."""
    built = Stand(db, clock, tmp_path)
    await built.start()
    yield built
    await built.stop()
