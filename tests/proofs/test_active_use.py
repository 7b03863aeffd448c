"""Active use in a real browser: seconds in which a page is visible and used, counted once, whatever tabs there are."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.proofs.installation import Installation, Person, running_installation
from tests.proofs.test_story import open_running, way_in

pytestmark = pytest.mark.proof

SECONDS = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("use")) as installation:
        yield installation


def use(pages: list[Page], seconds: float) -> None:
    """Moves the mouse on all of the pages."""
    ends, step = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        step += 1
        for page in pages:
            page.mouse.move(100 + step % 50, 100)
        time.sleep(0.1)


def usage(client: Person) -> dict[str, Any]:
    return dict(client.get(f"/api/analytics/clients/{client.id}").json())


def test_two_tabs_count_their_seconds_once_and_nobody_complains(place: Installation, browser: Browser) -> None:
    client, admin = place.login("client@acme.example"), place.login("admin@ecatalog.example")
    launch = open_running(place, client, "live-operations")
    before = usage(client)["active_seconds"]
    context = browser.new_context()
    complaints: list[str] = []
    pages = []
    for _ in range(2):
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(way_in(client, launch))
        pages.append(page)
    assert pages[0].locator('script[src="/.ecatalog/active.js"]').count() == 1
    began = time.monotonic()
    use(pages, SECONDS)
    passed = time.monotonic() - began
    for page in pages:
        page.close(run_before_unload=False)
    deadline = time.monotonic() + 25
    while (counted := usage(client)["active_seconds"] - before) < SECONDS - 1:
        assert time.monotonic() < deadline, f"only {counted} s were counted"
        time.sleep(0.25)
    time.sleep(0.5)
    counted = usage(client)["active_seconds"] - before
    # From the first page's load on, a page that is visible and was just touched counts.
    assert SECONDS - 1 <= counted <= passed + 8, counted
    assert complaints == []
    kept = admin.get(f"/api/launches/{launch['id']}").json()
    assert kept["idle_reason"].startswith("No page of it was open for")
    print(f"{counted} s counted of {passed:.1f} s in two tabs")
