"""The health page: what the doctor finds, the backups that are kept, one made now, each checked, the hold ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backup_work import BackupWork
from ecatalog.ops.backups import make_backup, only_one, place_of
from ecatalog.ops.holding import hold_access
from ecatalog.ops.standing_queries import find_hold
from tests.asgi import Caller
from tests.cast import NOON, Cast, SettableClock, facts, load_cast
from tests.console.browsing import browser, follow
from tests.ops.backing_up import running

PAGE = "/console/health"


@pytest.fixture
async def gateway(data: Path, clock: SettableClock) -> AsyncIterator[Gateway]:
    async with running(data, clock) as started:
        yield started


@pytest.fixture
async def people(gateway: Gateway) -> Cast:
    return await gateway.db.write(load_cast)


@pytest.fixture
def admin(gateway: Gateway, people: Cast) -> Caller:
    return browser(gateway, people.admin)


async def test_a_backup_is_made_while_the_page_tells_so(gateway: Gateway, admin: Caller) -> None:
    assert "No backup is kept" in (await admin.get(PAGE)).text

    page = await follow(admin, await admin.send_form(f"{PAGE}/backup"))

    assert "A backup is being made" in page.text
    assert 'hx-trigger="every 2s"' in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text, "without scripts it looks again, too"
    await gateway.part(BackupWork).ended()
    done = await admin.get(PAGE)
    assert "A backup is being made" not in done.text
    assert "1 of 1 backup in" in done.text
    assert "Opened and compared when it was made" in done.text


async def test_a_good_backup_is_checked(gateway: Gateway, admin: Caller) -> None:
    made = make_backup(place_of(gateway.settings), NOON)

    page = await follow(admin, await admin.send_form(f"{PAGE}/check", name=made.name))

    assert f"{made.name} is being opened and compared" in page.text
    await gateway.part(BackupWork).ended()
    assert "Opened and compared <time" in (await admin.get(PAGE)).text
    (fact,) = await gateway.db.read(facts, "backup.checked")
    assert fact["details"] == {"backup": made.name, "is_good": True, "problem": ""}


async def test_a_backup_that_was_damaged_since_is_not_to_be_relied_on(gateway: Gateway, admin: Caller) -> None:
    place = place_of(gateway.settings)
    made = make_backup(place, NOON)
    file = Path(gateway.settings.backup_place) / made.name
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(raw)

    await admin.send_form(f"{PAGE}/check", name=made.name)
    await gateway.part(BackupWork).ended()

    assert "Not to be relied on" in (await admin.get(PAGE)).text
    (fact,) = await gateway.db.read(facts, "backup.checked")
    assert fact["details"]["is_good"] is False


async def test_the_list_alone_is_asked_for_while_a_backup_is_made(gateway: Gateway, admin: Caller) -> None:
    part = await admin.with_(hx_request="true").get(PAGE)

    assert part.status == 200
    assert "<html" not in part.text
    assert "Findings" not in part.text


async def test_the_hold_after_a_restore_is_told_and_ended(gateway: Gateway, admin: Caller) -> None:
    assert "access is on hold" not in (await admin.get(PAGE)).text
    await gateway.db.write(hold_access, SYSTEM, "The journal was lost.")
    page = await admin.get(PAGE)
    assert "access is on hold since a restore" in page.text
    assert "The journal was lost." in page.text

    page = await follow(admin, await admin.send_form(f"{PAGE}/confirm"))

    assert "Clients open demos again." in page.text
    assert await gateway.db.read(find_hold) is None


async def test_the_doctor_says_what_to_do(admin: Caller) -> None:
    page = (await admin.get(PAGE)).text

    assert "No mail is sent" in page
    assert "Set ECATALOG_SMTP_URL" in page
    assert "D023" in page


async def test_what_is_refused_is_told_on_the_page(gateway: Gateway, admin: Caller) -> None:
    with only_one(place_of(gateway.settings)):
        await admin.send_form(f"{PAGE}/backup")
        await gateway.part(BackupWork).ended()

    assert "Another backup is under way." in (await admin.get(PAGE)).text


async def test_a_place_that_does_not_answer_is_told(gateway: Gateway, admin: Caller) -> None:
    folder = Path(gateway.settings.backup_place)
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way")

    page = await admin.get(PAGE)

    assert page.status == 200
    assert "does not answer" in page.text
