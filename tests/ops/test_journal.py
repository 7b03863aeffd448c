"""The journal of revocations: complete at an orderly end, and as it was written or not believed."""

import json
from pathlib import Path

from ecatalog.access.actions import revoke_client
from ecatalog.app import build
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import Place
from ecatalog.ops.journal import NAME, read_journal
from ecatalog.settings import Settings
from tests.cast import SettableClock
from tests.ops.backing_up import backed_up, running


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


async def test_without_keys_there_is_no_journal(data: Path, clock: SettableClock) -> None:
    gateway = build(Settings(data=data, grpc_port=0, log_level="warning", jwt_secret="s" * 43), clock=clock)
    await gateway.start()
    await gateway.stop()

    assert not (data / "backups").exists()
