"""An older journal of revocations, put back beside the backups by whoever can write there: nobody takes it for all."""

import asyncio
from datetime import timedelta
from pathlib import Path

from ecatalog.access.actions import revoke_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backups import Place, make_backup
from ecatalog.ops.journal import NAME
from tests.cast import NOON, Cast, SettableClock
from tests.ops.backing_up import backed_up, in_thread, lose_the_database, running
from tests.ops.test_metrics import scrape


async def test_an_older_journal_that_was_put_back_is_not_taken_for_all(
    data: Path, place: Place, clock: SettableClock
) -> None:
    cast, _ = await backed_up(data, place, clock)
    journal = data / "backups" / NAME
    older = journal.read_bytes()
    async with running(data, clock) as gateway:
        await gateway.db.write(lambda tx: tx.record("thing.happened", SYSTEM))
        await asyncio.to_thread(make_backup, place, NOON + timedelta(hours=1))
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "later")
    lose_the_database(data, older)

    restored = await in_thread(place)

    assert restored.hold.endswith("before this backup does.")


async def revoked_then_put_back(data: Path, place: Place, clock: SettableClock) -> tuple[Cast, bytes]:
    """A client was revoked after the backup; then the journal of before is put back. With the journal as it was."""
    cast, _ = await backed_up(data, place, clock)
    older = (data / "backups" / NAME).read_bytes()
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "later")
    whole = (data / "backups" / NAME).read_bytes()
    (data / "backups" / NAME).write_bytes(older)
    return cast, whole


async def test_an_older_journal_is_known_by_what_is_noted_beside_the_database(
    data: Path, place: Place, clock: SettableClock
) -> None:
    _, whole = await revoked_then_put_back(data, place, clock)
    lose_the_database(data, (data / "backups" / NAME).read_bytes())

    assert "and once went on" in (await in_thread(place)).hold

    lose_the_database(data, whole)
    restored = await in_thread(place)
    assert (restored.hold, len(restored.applied)) == ("", 1)


async def test_an_older_journal_is_not_gone_on_with_at_the_next_start(
    data: Path, place: Place, clock: SettableClock
) -> None:
    await revoked_then_put_back(data, place, clock)
    async with running(data, clock):
        pass
    lose_the_database(data, (data / "backups" / NAME).read_bytes())

    restored = await in_thread(place)

    assert (data / "backups" / f"{NAME}.broken").exists()
    assert "does not begin where this backup ends" in restored.hold


async def test_on_another_machine_nobody_knows_whether_the_journal_is_the_newest(
    data: Path, place: Place, clock: SettableClock
) -> None:
    await backed_up(data, place, clock)
    lose_the_database(data, (data / "backups" / NAME).read_bytes())
    (place.work / "journal.json").unlink()

    assert "cannot be known on this machine" in (await in_thread(place)).hold


async def test_a_note_that_cannot_be_written_stops_nobody_and_is_told(
    data: Path, place: Place, clock: SettableClock
) -> None:
    await backed_up(data, place, clock)
    (place.work / "journal.json").unlink()
    (place.work / ".journal.json").mkdir()
    async with running(data, clock) as gateway:
        assert (await scrape(gateway))["ecatalog_journal_kept"] == 0
    (place.work / ".journal.json").rmdir()
    async with running(data, clock) as gateway:
        assert (await scrape(gateway))["ecatalog_journal_kept"] == 1
