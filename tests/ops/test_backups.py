"""Making, listing, checking and pruning backups, by the functions and by `ecatalog backup`."""

import json
import stat
import tarfile
from datetime import timedelta
from pathlib import Path

import apsw
import pyrage
import pytest
import zstandard

from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.ops.backup_file import BadBackup
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import (
    BackupFailed,
    Place,
    list_backups,
    make_backup,
    only_one,
    prune_backups,
    verify_backup,
)
from ecatalog.ops.last_backup import find_last_backup
from ecatalog.settings_backups import Keep
from tests.cast import NOON, Cast
from tests.ops.backing_up import BY_PASSWORD, KEYS, PASSWORD, damaged, only_public, place_beside, with_keys


def note(tx: Tx) -> int:
    return tx.record("samples.noted", SYSTEM)


@pytest.fixture
def place(db: Database, cast: Cast) -> Place:
    return place_beside(db.path)


def trusted(place: Place):  # type: ignore[no-untyped-def]
    return signing_key(place.data).public_key()


def folder_of(place: Place) -> Path:
    return Path(place.store.place)


def test_a_backup_is_made_beside_a_running_catalog_and_holds_all_of_it(db: Database, place: Place) -> None:
    made = make_backup(place, NOON)

    manifest = verify_backup(place, made.name, trusted(place))
    assert made.name == f"ecatalog-20260310T120000Z-{manifest.id}.ecb"
    assert manifest.content.position == db.position
    assert manifest.content.tables["clients"].rows == 5
    assert manifest.content.tables["client_demo_access"].rows > 5
    assert manifest.sqlite_version == apsw.sqlite_lib_version()


def test_only_the_owner_may_read_the_file_and_nothing_else_stays(place: Place) -> None:
    made = make_backup(place, NOON)

    assert stat.S_IMODE((folder_of(place) / made.name).stat().st_mode) == 0o600
    assert sorted(each.suffix for each in folder_of(place).iterdir()) == [".ecb", ".pub"]
    assert sorted(each.name for each in place.work.iterdir()) == ["last.json", "lock"]


def test_what_is_in_it_cannot_be_read(place: Place) -> None:
    held = (folder_of(place) / make_backup(place, NOON).name).read_bytes()

    assert b"SQLite format 3" not in held
    assert b"@acme.test" not in held


def test_backups_are_listed_newest_first(place: Place) -> None:
    names = [make_backup(place, NOON + timedelta(hours=hour)).name for hour in range(3)]

    found = list_backups(place, trusted(place))

    assert [each.name for each in found] == names[::-1]
    assert [each.problem for each in found] == ["", "", ""]


def test_with_public_keys_the_machine_cannot_open_its_own_backups_but_their_owners_can(place: Place) -> None:
    owner = pyrage.x25519.Identity.generate()
    sealed = only_public(place, owner)
    made = make_backup(sealed, NOON)

    with pytest.raises(BadBackup, match="sealed for public keys only"):
        verify_backup(sealed, made.name, trusted(place))
    opened = verify_backup(with_keys(sealed, test_key=f"# a comment\n{owner}\n"), made.name, trusted(place))
    assert opened.sealed_for == [str(owner.to_public())]


def test_a_test_key_that_is_no_recipients_makes_no_backup(place: Place) -> None:
    """A backup that nobody could open is found out at once."""
    sealed = with_keys(
        only_public(place, pyrage.x25519.Identity.generate()), test_key=str(pyrage.x25519.Identity.generate())
    )

    with pytest.raises(BackupFailed, match="does not open"):
        make_backup(sealed, NOON)
    assert sealed.store.names() == []


def test_a_backup_opens_with_ordinary_tools(place: Place, tmp_path: Path) -> None:
    """Whoever has the password needs nothing of ours: tar, age, zstd (here by their libraries) and sqlite3."""
    made = make_backup(place_beside(place.database, **BY_PASSWORD), NOON)
    with tarfile.open(folder_of(place) / made.name) as file:
        parts = {each.name: file.extractfile(each).read() for each in file}  # type: ignore[union-attr]

    identity = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(parts["key.age"], PASSWORD).decode().strip())
    plain = (
        zstandard.ZstdDecompressor().decompressobj().decompress(pyrage.decrypt(parts["database.zst.age"], [identity]))
    )
    (tmp_path / "by-hand.db").write_bytes(plain)

    assert apsw.Connection(str(tmp_path / "by-hand.db")).pragma("integrity_check") == "ok"


# what is refused --------------------------------------------------------------------------------------------


def test_without_keys_no_backup_is_made(place: Place) -> None:
    with pytest.raises(BackupFailed, match="set BACKUP_PASSWORD"):
        make_backup(with_keys(place, recipients=[]), NOON)


def test_a_wrong_password_opens_nothing(place: Place) -> None:
    place = place_beside(place.database, **BY_PASSWORD)
    made = make_backup(place, NOON)

    with pytest.raises(BadBackup, match="another password"):
        verify_backup(with_keys(place, password="another"), made.name, trusted(place))


def test_what_another_key_signed_is_not_trusted(place: Place, tmp_path: Path) -> None:
    make_backup(place, NOON)

    (found,) = list_backups(place, signing_key(tmp_path / "elsewhere").public_key())

    assert "not signed with the key that is trusted here" in found.problem


def test_a_renamed_backup_is_told(place: Place) -> None:
    made = make_backup(place, NOON)
    other = "ecatalog-20260101T120000Z-00000000.ecb"
    (folder_of(place) / made.name).rename(folder_of(place) / other)

    (found,) = list_backups(place, trusted(place))

    assert "was renamed" in found.problem
    with pytest.raises(BadBackup, match="under a false name"):
        verify_backup(place, other, trusted(place))


def test_damaged_files_are_rejected_with_a_sentence(db: Database, place: Place) -> None:
    """A few; thousands are in the proofs."""
    made = make_backup(place, NOON)
    path = folder_of(place) / made.name
    good, other = (
        path.read_bytes(),
        (folder_of(place) / make_backup(place, NOON + timedelta(hours=1)).name).read_bytes(),
    )

    for what, content in damaged(good, other, 24):
        path.write_bytes(content)
        with pytest.raises(BadBackup, match=r"^[A-Z].*\.$"):
            pytest.fail(f"{what}: {verify_backup(place, made.name, trusted(place))}")


def test_two_at_a_time_are_one_too_many(place: Place) -> None:
    with only_one(place), pytest.raises(BackupFailed, match="Another backup is under way"):
        make_backup(place, NOON)


def test_a_folder_that_cannot_be_written_is_told_and_noted(db: Database, cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    place = place_beside(db.path, backups=str(tmp_path / "file"))

    with pytest.raises(BackupFailed, match="cannot be used"):
        make_backup(place, NOON)

    last = find_last_backup(db.path.parent)
    assert last is not None
    assert "cannot be used" in last.error


def test_a_database_that_is_broken_makes_no_backup(db: Database, place: Place) -> None:
    with apsw.Connection(str(db.path)) as connection:
        connection.pragma("foreign_keys", False)
        connection.execute(
            "INSERT INTO sessions (id, client_id, token_hash, expires_at, last_seen_at, created_at)"
            " VALUES ('s', 'nobody', 'h', :at, :at, :at)",
            {"at": "2026-03-10T12:00:00.000Z"},
        )

    with pytest.raises(BackupFailed, match="not whole"):
        make_backup(place, NOON)
    assert place.store.names() == []


# crashes and pruning ----------------------------------------------------------------------------------------


def test_what_a_crash_left_behind_is_removed_by_the_next(place: Place) -> None:
    make_backup(place, NOON)
    (leftover,) = (each for each in folder_of(place).glob("signed-by-*"))
    partial = folder_of(place) / f".partial-{leftover.stem.removeprefix('signed-by-')}-something"
    for path in (place.work / "copy.db", place.work / "test.db-wal", partial):
        path.write_bytes(b"half")
    (folder_of(place) / ".partial-of-somebody-else").write_bytes(b"half")

    make_backup(place, NOON + timedelta(hours=1))

    assert sorted(each.name for each in place.work.iterdir()) == ["last.json", "lock"]
    assert not partial.exists()
    assert (folder_of(place) / ".partial-of-somebody-else").exists()


def test_pruning_keeps_the_rule_and_leaves_what_is_damaged(place: Place) -> None:
    made = [make_backup(place, NOON + timedelta(hours=hour)).name for hour in range(3)]
    broken = folder_of(place) / "ecatalog-20200101T000000Z-00000000.ecb"
    broken.write_bytes(b"no backup")

    removed = prune_backups(place, trusted(place), Keep(7, 4, 3))

    assert removed == made[:2]
    assert place.store.names() == [broken.name, made[2]]


def test_how_it_went_is_noted(place: Place) -> None:
    made = make_backup(place, NOON)
    with pytest.raises(BackupFailed):
        make_backup(with_keys(place, recipients=[]), NOON + timedelta(days=1))

    last = find_last_backup(place.data)

    assert last is not None
    assert (last.at, last.good_at, last.name, last.bytes) == (NOON + timedelta(days=1), NOON, "", made.bytes)
    assert "BACKUP_PASSWORD" in last.error


# the commands -----------------------------------------------------------------------------------------------


@pytest.fixture
def told(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("ECATALOG_DATA", str(place.data))
    for name, value in KEYS.items():
        monkeypatch.setenv(f"ECATALOG_{name.upper()}", value)
    return place


def test_the_commands_make_list_check_and_prune(told: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "create"]) == 0
    out, err = capsys.readouterr()
    name = out.split()[0]
    assert "signed with ecatalog-ed25519:" in err
    assert main(["backup", "list"]) == 0
    assert name in capsys.readouterr().out
    assert main(["backup", "verify"]) == 0
    assert f"{name} is whole: " in capsys.readouterr().out
    assert main(["backup", "prune"]) == 0
    assert "1 backup is kept." in capsys.readouterr().out


def test_json_is_for_programs(told: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "create", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["backup", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [made]


def test_a_damaged_backup_has_its_own_exit_status(told: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "create", "--json"]) == 0
    path = folder_of(told) / json.loads(capsys.readouterr().out)["name"]
    path.write_bytes(path.read_bytes()[:-1])

    assert main(["backup", "verify", "--all"]) == 1
    assert f"{path.name} is not to be relied on. The file is cut off" in capsys.readouterr().err
    assert main(["backup", "list"]) == 1


def test_backups_of_elsewhere_are_checked_with_a_named_key(
    told: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", "create"]) == 0
    monkeypatch.setenv("ECATALOG_DATA", str(tmp_path / "another machine"))
    (key,) = folder_of(told).glob("*.pub")

    assert main(["backup", "verify", "--from", told.store.place]) == 1
    assert "--signed-by" in capsys.readouterr().err
    assert main(["backup", "verify", "--from", told.store.place, "--signed-by", str(key)]) == 0
    assert main(["backup", "list", "--from", told.store.place, "--signed-by", key.read_text().strip()]) == 0


def test_a_place_that_is_none_is_refused(told: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "create", "--to", "ftp://somewhere/else"]) == 78
    assert "name a folder, or s3://bucket/prefix" in capsys.readouterr().err


def test_no_backup_at_all_is_said_so(told: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "list"]) == 0
    assert main(["backup", "verify"]) == 1
    assert "has no backup" in capsys.readouterr().err
