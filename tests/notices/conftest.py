"""A mailbox behind a real SMTP server, and a gateway that sends its mails there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.app import Gateway, build
from ecatalog.settings import Settings
from tests.cast import SettableClock
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
    built = build(settings, clock=clock)
    await built.start()
    yield built
    await built.stop()
