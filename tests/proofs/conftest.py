"""What proofs share: how much they do (`SCALE=full` as promised, `SCALE=ci`, the default, a sample), and a browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.proofs.mail_server import MailServer

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def scale() -> str:
    """`ci` or `full`."""
    chosen = os.environ.get("SCALE", "ci")
    if chosen not in {"ci", "full"}:
        raise pytest.UsageError(f"SCALE is ci or full, not {chosen!r}")
    return chosen


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()
