"""Restoring a backup: what comes back, what is void, what is made again, and when access stays on hold."""

import asyncio
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ecatalog.access.actions import renew_client, restore_client, revoke_client
from ecatalog.access.removal import withdraw_grant
from ecatalog.access.users import edit_user
from ecatalog.accounts.actions import create_api_token
from ecatalog.accounts.api_tokens import revoke_api_token
from ecatalog.accounts.codes import add_code
from ecatalog.app import Gateway
from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.inspect import check
from ecatalog.launches.serving import identity_of
from ecatalog.notices import queries
from ecatalog.notices.channels import Draft
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import BackupFailed, Place, make_backup, quietly
from ecatalog.ops.journal import NAME
from ecatalog.ops.restoring import restore_backup
from tests.cast import NOON, PASSWORD, Caller, Cast, SettableClock, load_cast
from tests.ops.backing_up import KEYS, LATER, backed_up, hold_in, in_thread, lose_the_database, place_beside, running

WAITING = Draft(channel="pigeon", recipient="client:x", kind="x", payload={}, message_id="m", client_id=None)


def shut_everybody_out(tx: Tx, cast: Cast, token: str) -> None:
    revoke_client(tx, SYSTEM, cast.acme.id, "gone to a competitor")
    withdraw_grant(tx, SYSTEM, cast.bolt.id, cast.portal)
    restore_client(tx, SYSTEM, cast.revoked.id)
    renew_client(tx, SYSTEM, cast.bolt.id, access_end_date="2026-03-12")
    edit_user(tx, SYSTEM, cast.seller.id, is_disabled=True)
    edit_user(tx, SYSTEM, cast.viewer.id, role="sales")
    revoke_api_token(tx, SYSTEM, token)


def state_of(path: Path) -> dict[str, Any]:
    """What decides about access in the file."""
    with closing(apsw.Connection(str(path))) as connection:

        def all_of(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return {
            "clients": all_of("SELECT email, revoked_at IS NOT NULL, access_end_date FROM clients ORDER BY email"),
            "grants": all_of("SELECT client_id, demo_id, revoked_at IS NOT NULL FROM client_demo_access ORDER BY 1, 2"),
            "users": all_of("SELECT email, disabled_at IS NOT NULL, role FROM users ORDER BY email"),
            "tokens": all_of("SELECT id, revoked_at IS NOT NULL FROM api_tokens WHERE name = 'ours' ORDER BY id"),
        }


# works ------------------------------------------------------------------------------------------------------


async def test_the_database_comes_back_and_what_was_there_is_kept(
    data: Path, place: Place, clock: SettableClock
) -> None:
    await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        added = await gateway.db.write(lambda tx: tx.record("samples.noted", SYSTEM))

    restored = await in_thread(place)

    assert check(place.database) == []
    assert restored.kept == data / "ltplabs.db.before-restore-20260310T130000Z"
    assert check(restored.kept) == []
    with closing(apsw.Connection(str(restored.kept))) as connection:
        assert connection.execute("SELECT kind FROM audit_log WHERE position = ?", (added,)).fetchall()
    assert not (data / ".restore").exists()
    assert sorted(each.name for each in place.work.iterdir()) == ["journal.json", "last.json", "lock"]


async def test_sessions_and_codes_are_void_and_watchers_begin_anew(
    data: Path, place: Place, clock: SettableClock
) -> None:
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        await gateway.db.write(add_code, "invitation", "c" * 43, lifetime=timedelta(days=9), client_id=cast.acme.id)
        epoch = (await gateway.db.read(identity_of)).epoch
        make_backup(place, NOON)

    await in_thread(place)

    async with running(data, clock) as gateway:
        assert (await gateway.db.read(identity_of)).epoch != epoch
        for person in (cast.admin, cast.acme):
            assert (await Caller(gateway.asgi, person).get("/api/auth/me")).status == 401
        open_codes = "SELECT count(*) FROM one_time_codes WHERE used_at IS NULL"
        assert await gateway.db.read(lambda tx: tx.value(open_codes)) == 0


async def test_what_ran_at_the_time_of_the_backup_is_stopped(data: Path, place: Place, clock: SettableClock) -> None:
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        assert (await Caller(gateway.asgi, cast.acme).post(f"/api/demos/{cast.portal}/open")).status == 200
        make_backup(place, NOON)

    await in_thread(place)

    with closing(apsw.Connection(str(place.database))) as connection:
        assert connection.execute("SELECT DISTINCT wanted FROM launches").fetchall() == [("stopped",)]


async def test_what_waited_to_be_sent_is_not_sent_again_and_the_restore_is_no_news(
    data: Path, place: Place, clock: SettableClock
) -> None:
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        await gateway.db.write(queries.add_row, 1, WAITING)
        make_backup(place, NOON)
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")

    await in_thread(place)

    with closing(apsw.Connection(str(place.database))) as connection:
        waiting = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'leased')"
        assert connection.execute(waiting).fetchall() == [(0,)]
        told = "SELECT CAST(value AS INTEGER) - (SELECT max(position) FROM audit_log) FROM settings WHERE key = ?"
        assert connection.execute(told, ("outbox_position",)).fetchall() == [(0,)]


async def test_what_was_revoked_since_is_revoked_again(data: Path, place: Place, clock: SettableClock) -> None:
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        token = await gateway.db.write(create_api_token, SYSTEM, "ours", ["usage:read"], "t" * 43)
        make_backup(place, NOON)
        await gateway.db.write(shut_everybody_out, cast, token)
    was = state_of(place.database)

    restored = await in_thread(place)

    assert state_of(place.database) == was
    assert restored.source == "the database that was there"
    assert {each.kind for each in restored.applied} == {"client", "grant", "user", "token"}
    assert (restored.hold, restored.problems) == ("", [])


async def test_the_journal_tells_it_when_the_database_is_lost(data: Path, place: Place, clock: SettableClock) -> None:
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        token = await gateway.db.write(create_api_token, SYSTEM, "ours", ["usage:read"], "t" * 43)
        make_backup(place, NOON)
        await gateway.db.write(shut_everybody_out, cast, token)
    was = state_of(place.database)
    for file in data.glob("ltplabs.db*"):
        file.unlink()

    restored = await in_thread(place)

    assert state_of(place.database) == was
    assert restored.source == "the journal of revocations"
    assert (restored.hold, hold_in(place.database), restored.kept) == ("", "", None)


async def test_the_journal_goes_on_after_a_crash_and_after_a_restore(
    data: Path, place: Place, clock: SettableClock
) -> None:
    cast, name = await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "first")
    await in_thread(place)
    journal = data / "backups" / NAME
    torn = journal.read_bytes() + b'{"kind":"standing","epoch":"ha'
    journal.write_bytes(torn)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.bolt.id, "second")
    for file in data.glob("ltplabs.db*"):
        file.unlink()

    restored = await in_thread(place, name)

    assert {(each.id, each.reason) for each in restored.applied} == {(cast.acme.id, "first"), (cast.bolt.id, "second")}
    assert restored.hold == ""


# access on hold ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["missing", "not closed", "tampered", "begun later"])
async def test_without_a_journal_that_reaches_access_is_on_hold_until_confirmed(
    what: str, data: Path, place: Place, clock: SettableClock, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cast, _ = await backed_up(data, place, clock)
    lines = (data / "backups" / NAME).read_bytes().splitlines(keepends=True)
    lose_the_database(
        data,
        {
            "missing": None,
            "not closed": b"".join(lines[:-1]),
            "tampered": lines[0].replace(b'"position":', b'"position":1') + b"".join(lines[1:]),
            "begun later": b"".join(lines[1:]),
        }[what],
    )

    restored = await in_thread(place)

    assert restored.hold.startswith("There was no database. And the journal")
    assert hold_in(place.database) == restored.hold
    async with running(data, clock) as gateway:
        acme = await log_in(gateway, cast.acme.email)
        answer = await acme.post(f"/api/demos/{cast.portal}/open")
        assert answer.status == 409
        assert "restored from a backup" in answer.json()["detail"]
        admin = await log_in(gateway, cast.admin.email)
        assert (await admin.post(f"/api/demos/{cast.portal}/open")).status == 200
    monkeypatch.setenv("ECATALOG_DATA", str(data))
    assert await asyncio.to_thread(main, ["backup", "confirm"]) == 0
    assert "Clients may open their demos again.\n" in capsys.readouterr().out
    async with running(data, clock) as gateway:
        acme = await log_in(gateway, cast.acme.email)
        assert (await acme.post(f"/api/demos/{cast.portal}/open")).status == 200


async def log_in(gateway: Gateway, email: str) -> Caller:
    answer = await Caller(gateway.asgi).post("/api/auth/login", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer.json()
    return Caller(gateway.asgi, headers={"authorization": f"Bearer {answer.json()['token']}"})


async def test_a_second_restore_keeps_the_hold_of_the_first(data: Path, place: Place, clock: SettableClock) -> None:
    await backed_up(data, place, clock)
    lose_the_database(data, None)
    await in_thread(place)

    restored = await in_thread(place)

    assert "nobody confirmed it" in restored.hold


async def test_a_damaged_database_is_not_asked(data: Path, place: Place, clock: SettableClock) -> None:
    cast, _ = await backed_up(data, place, clock)
    async with running(data, clock) as gateway:
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")
    with place.database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40_000)

    restored = await in_thread(place)

    assert restored.source == "the journal of revocations"
    assert [each.id for each in restored.applied] == [cast.acme.id]
    assert restored.hold == ""


async def test_the_database_of_another_installation_is_not_asked(
    data: Path, place: Place, clock: SettableClock, tmp_path: Path
) -> None:
    await backed_up(data, place, clock)
    other = tmp_path / "other"
    async with running(other, clock) as gateway:
        await gateway.db.write(load_cast)
    shutil.copy(other / "ltplabs.db", place.database)
    (data / "backups" / NAME).unlink()

    restored = await in_thread(place)

    assert "is of another installation" in restored.hold


# refused ----------------------------------------------------------------------------------------------------


async def test_beside_a_running_gateway_nothing_is_restored(
    data: Path, place: Place, clock: SettableClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(data, clock) as gateway:
        await gateway.db.write(load_cast)
        make_backup(place, NOON)
        monkeypatch.setenv("ECATALOG_DATA", str(data))
        monkeypatch.setenv("ECATALOG_BACKUP_TEST_KEY", KEYS["backup_test_key"])

        for command in ("restore", "confirm"):
            assert await asyncio.to_thread(main, ["backup", command]) == 78

    assert capsys.readouterr().err.count("already writes to") == 2


async def test_a_damaged_backup_leaves_what_is_there(data: Path, place: Place, clock: SettableClock) -> None:
    _, name = await backed_up(data, place, clock)
    path = data / "backups" / name
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    was = place.database.read_bytes()

    with pytest.raises(Exception, match="sealed in the backup is damaged"):
        await in_thread(place)

    assert place.database.read_bytes() == was
    assert list(data.glob("*.before-restore-*")) == []


async def test_the_command_restores_on_a_new_machine(
    data: Path, place: Place, clock: SettableClock, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await backed_up(data, place, clock)
    (key,) = (data / "backups").glob("*.pub")
    monkeypatch.setenv("ECATALOG_DATA", str(tmp_path / "new"))
    monkeypatch.setenv("ECATALOG_BACKUP_TEST_KEY", KEYS["backup_test_key"])
    words = ["backup", "restore", "latest", "--from", str(data / "backups"), "--signed-by", str(key)]

    assert await asyncio.to_thread(main, words) == 0

    said = capsys.readouterr().out
    assert "The database is as it was at 2026-03-10T12:00:00.000Z. All sessions have ended." in said
    assert "0 changes of access since then were made again, by the journal of revocations." in said
    assert check(tmp_path / "new" / "ltplabs.db") == []


async def test_a_database_is_restored_where_there_was_none(
    data: Path, place: Place, clock: SettableClock, tmp_path: Path
) -> None:
    _, name = await backed_up(data, place, clock)
    fresh = place_beside(tmp_path / "fresh" / "ltplabs.db", backups=place.store.place)
    await asyncio.to_thread(restore_backup, fresh, name, signing_key(data).public_key(), LATER, quietly)

    db = Database(tmp_path / "fresh" / "ltplabs.db")
    await db.start()
    await db.stop()


async def test_beside_another_program_that_has_the_database_open_nothing_is_restored(
    data: Path, place: Place, clock: SettableClock
) -> None:
    """As Litestream has, whose replica would hold pages of both databases."""
    await backed_up(data, place, clock)
    before = state_of(place.database)
    with closing(apsw.Connection(str(place.database))) as other:
        other.pragma("journal_mode", "wal")
        other.execute("SELECT count(*) FROM clients").fetchall()
        with pytest.raises(BackupFailed, match="Stop it first"):
            await in_thread(place)

    assert state_of(place.database) == before
    assert (await in_thread(place)).kept is not None
