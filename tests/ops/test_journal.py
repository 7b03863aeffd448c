"""The journal of revocations: complete at an orderly end, and as it was written or not believed."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from ecatalog.access.actions import restore_client, revoke_client
from ecatalog.app import build
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backup_stores import FolderStore, StoreFailed
from ecatalog.ops.backups import Place, make_backup, positions_kept
from ecatalog.ops.journal import NAME, JournalWriter, read_journal, standings_in
from ecatalog.settings import Settings
from tests.cast import SettableClock
from tests.ops.backing_up import LATER, backed_up, running


async def test_a_revocation_is_in_the_journal_as_soon_as_the_gateway_ends(
    data: Path, place: Place, clock: SettableClock
) -> None:
    cast, _ = await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")

    journal = read_journal((data / "backups" / NAME).read_bytes(), signing_key(data).public_key())

    assert [line.kind for line in journal.lines][-2:] == ["standing", "closed"]
    assert journal.lines[-2].standing is not None
    assert (journal.lines[-2].standing.id, journal.lines[-2].standing.reason) == (cast.acme.id, "gone")


async def test_no_line_of_the_journal_can_be_changed_or_left_out(
    data: Path, place: Place, clock: SettableClock
) -> None:
    cast, _ = await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")
    raw = (data / "backups" / NAME).read_bytes().splitlines(keepends=True)
    trusted = signing_key(data).public_key()

    assert read_journal(b"".join(raw), trusted).is_whole
    for number in range(len(raw) - 1):
        without = b"".join(raw[:number] + raw[number + 1 :])
        assert not read_journal(without, trusted).is_whole
        line = json.loads(raw[number]) | {"position": 7_000_000}
        changed = b"".join([*raw[:number], json.dumps(line).encode() + b"\n", *raw[number + 1 :]])
        assert not read_journal(changed, trusted).is_whole


async def test_a_journal_that_was_changed_is_kept_aside_and_begun_anew(
    data: Path, place: Place, clock: SettableClock
) -> None:
    await backed_up(data, place, clock)
    path = data / "backups" / NAME
    path.write_bytes(path.read_bytes().replace(b"opened", b"closed", 1))

    async with running(data, clock):
        pass

    assert (data / "backups" / f"{NAME}.broken").exists()
    assert read_journal(path.read_bytes(), signing_key(data).public_key()).is_closed


async def test_a_line_that_was_noted_and_not_written_does_no_harm(
    data: Path, place: Place, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place of the backups was full just then, or the machine stopped."""
    await backed_up(data, place, clock)
    writer = JournalWriter(place.store, signing_key(data), data)
    last = writer.resume()
    assert last is not None
    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "append", lambda *_: (_ for _ in ()).throw(StoreFailed("full")))
        with pytest.raises(StoreFailed):
            writer.append([msgspec.structs.replace(last, kind="opened", after="", signature="")])

    assert JournalWriter(place.store, signing_key(data), data).resume() == last


async def test_without_keys_there_is_no_journal(data: Path, clock: SettableClock) -> None:
    gateway = build(Settings(data=data, grpc_port=0, log_level="warning", jwt_secret="s" * 43), clock=clock)
    await gateway.start()
    await gateway.stop()

    assert not (data / "backups").exists()


async def test_what_every_backup_knows_leaves_the_journal(data: Path, place: Place, clock: SettableClock) -> None:
    cast, _ = await backed_up(data, place, clock)
    trusted = signing_key(data).public_key()
    for _ in range(3):
        async with running(data, clock) as gateway:
            await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")
            await gateway.db.write(restore_client, SYSTEM, cast.acme.id)
    before = read_journal((data / "backups" / NAME).read_bytes(), trusted)
    made = make_backup(place, LATER)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.bolt.id, "late")
    oldest, newest = positions_kept(place, trusted)
    kept = read_journal((data / "backups" / NAME).read_bytes(), trusted)
    assert kept.since(*oldest) is not None, "the first backup still needs all of it"
    assert len(kept.lines) > len(before.lines)

    place.store.remove(place.store.names()[0])
    async with running(data, clock):
        pass

    journal = read_journal((data / "backups" / NAME).read_bytes(), trusted)
    assert journal.is_closed
    assert len(journal.lines) < len(kept.lines)
    assert journal.since(*oldest) is None
    since = journal.since(*newest)
    assert since is not None
    assert [each.reason for each in standings_in(since).values()] == ["late"]
    assert made.name == place.store.names()[0]


async def test_a_journal_is_shortened_once_a_day_while_the_gateway_runs(
    data: Path, place: Place, clock: SettableClock
) -> None:
    cast, _ = await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")
        journal = gateway._journal
        await journal.catch_up()
        for name in place.store.names():
            place.store.remove(name)
        await asyncio.to_thread(make_backup, place, LATER)
        before = (data / "backups" / NAME).read_bytes()
        await journal.shorten_if_due()
        assert (data / "backups" / NAME).read_bytes() == before
        clock.pass_(days=1)
        await journal.shorten_if_due()
        await gateway.db.write(revoke_client, SYSTEM, cast.bolt.id, "late")

    trusted = signing_key(data).public_key()
    kept = read_journal((data / "backups" / NAME).read_bytes(), trusted)
    assert kept.is_closed
    assert [each.reason for each in standings_in(kept.lines).values()][-1:] == ["late"]
    assert len((data / "backups" / NAME).read_bytes().splitlines()) < len(before.splitlines()) + 2


async def test_without_a_good_backup_the_journal_stays(data: Path, place: Place, clock: SettableClock) -> None:
    await backed_up(data, place, clock)
    path = Path(place.store.place) / place.store.names()[0]
    path.write_bytes(path.read_bytes()[:-1])
    before = (data / "backups" / NAME).read_bytes()

    async with running(data, clock):
        pass

    assert (data / "backups" / NAME).read_bytes().startswith(before)
