"""`ecatalog doctor`: every finding is brought about once, and a machine as it should be has none."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ecatalog.cli.main import main
from ecatalog.kit import guards
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.ops import doctor
from ecatalog.ops.backups import BackupFailed, make_backup, place_of
from ecatalog.ops.doctor import Machine, examine
from ecatalog.ops.findings import FINDINGS
from ecatalog.ops.holding import hold_access
from ecatalog.ops.last_backup import LastBackup, note_backup
from ecatalog.settings import Settings
from tests.cast import NOON
from tests.ops.backing_up import KEYS

FINE = KEYS | {
    "catalog_url": "https://catalog.test",
    "demos_url": "https://demos.other.test",
    "smtp_url": "smtp://localhost:25?starttls=never",
    "mail_from": "demos@catalog.test",
    "encryption_key": "e" * 43,
}


def machine(data: Path, env: dict[str, str] | None = None, **changes: Any) -> Machine:
    settings = Settings(data=data, **(FINE | changes))
    return Machine(settings, env or {}, NOON, free_bytes=lambda _: 1 << 40, has_ntp=lambda: True)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory as it should be, of a catalog that does not run; its last backup is of this night."""
    folder = tmp_path / "catalog"
    db = Database(folder / "ltplabs.db", clock=lambda: NOON)
    await db.start()
    await db.write(lambda tx: tx.record("samples.noted", SYSTEM))
    await db.stop()
    note_backup(folder, LastBackup(at=NOON - timedelta(hours=10), name="x", good_at=NOON))
    at = (NOON - timedelta(hours=1)).timestamp()
    os.utime(folder / "ltplabs.db", (at, at))
    return folder


def codes(found: Machine) -> set[str]:
    # Tests have one disk, and may run in a container.
    return {each.code for each in examine(found)} - {"D009", "D014"}


async def change(data: Path, action: Callable[[Tx], object], at: datetime = NOON) -> None:
    db = Database(data / "ltplabs.db", clock=lambda: at)
    await db.start()
    await db.write(action)
    await db.stop()
    os.utime(data / "ltplabs.db", (NOON.timestamp(), NOON.timestamp()))


def by_hand(data: Path, sql: str) -> None:
    with closing(apsw.Connection(str(data / "ltplabs.db"))) as connection:
        connection.execute(sql)
    os.utime(data / "ltplabs.db", (NOON.timestamp(), NOON.timestamp()))


def test_a_machine_as_it_should_be_has_no_findings(data: Path) -> None:
    assert codes(machine(data)) == set()


def test_disk_and_log(data: Path) -> None:
    with (data / "ltplabs.db-wal").open("wb") as wal:
        wal.truncate(65 << 20)

    assert codes(replace(machine(data), free_bytes=lambda _: 1 << 20)) == {"D001", "D002"}


def test_a_litestream_that_never_ran_or_ended(data: Path, tmp_path: Path) -> None:
    replicated = machine(data, litestream=f"file://{tmp_path}/replica")
    wal, written = data / "ltplabs.db-wal", data / ".ltplabs.db-litestream" / "ltx" / "0"
    assert codes(replicated) == set(), "nothing was changed since"
    wal.write_bytes(b"a change")
    assert codes(machine(data)) == set()
    assert codes(replicated) == {"D029"}
    written.mkdir(parents=True)
    for seconds, expected in ((-1, set()), (299, set()), (301, {"D029"})):
        os.utime(wal, (NOON.timestamp() + seconds - 3600, NOON.timestamp() + seconds - 3600))
        os.utime(written, (NOON.timestamp() - 3600, NOON.timestamp() - 3600))
        assert codes(replicated) == expected
    there = tmp_path / "replica" / "ltx" / "0"
    there.mkdir(parents=True)
    os.utime(written, (NOON.timestamp(), NOON.timestamp()))
    os.utime(there, (0, 0))
    assert codes(replicated) == {"D029"}, "it runs, and the replica does not get it"


def test_a_database_that_is_not_there_or_no_database(data: Path, tmp_path: Path) -> None:
    (data / "ltplabs.db").write_bytes(b"no database" * 1000)
    (data / "ltplabs.db").chmod(0o600)
    os.utime(data / "ltplabs.db", (NOON.timestamp(), NOON.timestamp()))

    assert codes(machine(data)) == {"D004"}
    assert codes(machine(tmp_path / "elsewhere")) == {"D003", "D011"}


@pytest.mark.parametrize(("version", "code"), [(999, "D005"), (1, "D006")])
def test_schemas_of_other_versions(data: Path, version: int, code: str) -> None:
    by_hand(data, f"PRAGMA user_version = {version}")

    assert codes(machine(data)) == {code}


def test_what_others_added_to_the_schema(data: Path) -> None:
    by_hand(data, "CREATE INDEX theirs ON clients (upper(name))")

    assert codes(machine(data)) == {"D028"}


def test_an_unsafe_engine_and_unsafe_places(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    assert codes(machine(data)) == {"D007"}
    monkeypatch.undo()

    for kind, code in (("nfs4", "D008"), ("overlay", "D009")):
        monkeypatch.setattr(guards, "filesystem_of", lambda *_, kind=kind: kind)
        monkeypatch.setattr(doctor, "filesystem_of", lambda *_, kind=kind: kind)
        assert code in {each.code for each in examine(machine(data))}


def test_backups(data: Path) -> None:
    nobody: dict[str, Any] = {"backup_recipients": "", "backup_test_key": ""}
    assert codes(machine(data, **nobody)) == {"D010"}
    for hours, code in ((17, "D011"), (41, "D012")):
        assert codes(replace(machine(data), now=NOON + timedelta(hours=hours))) == {code}
    assert "D014" in {each.code for each in examine(machine(data))}
    assert codes(machine(data, backups="ftp://there")) == {"D015"}


def test_a_backup_that_failed_is_told_with_its_words(data: Path) -> None:
    (data / "backups").write_text("in the way")
    with pytest.raises(BackupFailed):
        make_backup(place_of(machine(data).settings), NOON)

    found = {each.code: each.detail for each in examine(machine(data))}

    assert "cannot be used" in found["D013"]
    assert "D015" in found


async def test_a_hold_on_access(data: Path) -> None:
    await change(data, lambda tx: hold_access(tx, SYSTEM, "A reason."))

    assert codes(machine(data)) == {"D016"}


async def test_a_clock_that_is_behind_what_was_written_and_one_that_nobody_keeps(data: Path) -> None:
    assert codes(replace(machine(data), now=NOON - timedelta(hours=2), has_ntp=lambda: False)) == {"D017", "D018"}

    await change(data, lambda tx: tx.record("samples.noted", SYSTEM), at=NOON + timedelta(days=1))
    assert codes(machine(data)) == {"D017"}


def test_rights(data: Path) -> None:
    (data / "tokens").mkdir()
    (data / "tokens" / "edge").write_text("secret")
    (data / "tokens" / "edge").chmod(0o644)
    data.chmod(0o755)

    assert codes(machine(data)) == {"D019", "D020"}


async def test_settings(data: Path) -> None:
    shared: dict[str, Any] = {"catalog_url": "https://catalog.example.com", "demos_url": "https://demos.example.com"}
    assert codes(machine(data, **shared)) == {"D021"}
    assert codes(machine(data, host="0.0.0.0", catalog_url="http://catalog.test")) == {"D022"}
    assert codes(machine(data, smtp_url="", encryption_key="")) == {"D023", "D024"}

    await change(data, lambda tx: tx.record("samples.loaded", SYSTEM))
    assert codes(machine(data, host="0.0.0.0")) == {"D027"}


@contextmanager
def engine(path: Path, answer: bytes) -> Iterator[str]:
    """Something that answers once on a socket, as an engine does or otherwise."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with listening.accept()[0] as asked:
                asked.recv(1000)
                asked.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix://{path}"
        thread.join()


def test_the_engine(data: Path, tmp_path: Path) -> None:
    env = {"ECATALOG_LAUNCHER_DRIVER": "docker", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    assert codes(machine(data, env)) == {"D025", "D026"}

    for number, (answer, found) in enumerate(((b"HTTP/1.0 200 OK\r\n\r\nOK", set()), (b"SSH-2.0", {"D025"}))):
        with engine(tmp_path / f"e{number}", answer) as host:
            attached = env | {"DOCKER_HOST": host, "ECATALOG_DOCKER_ATTACH": "edge"}
            assert codes(machine(data, attached)) == found


def test_every_finding_is_brought_about_here() -> None:
    text = Path(__file__).read_text()

    assert [code for code in FINDINGS if f'"{code}"' not in text] == []


# the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def told(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECATALOG_DATA", str(data))
    note_backup(data, LastBackup(at=datetime.now(UTC), name="x"))
    return data


def test_warnings_and_errors_have_their_exit_status(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "D010 warning: No backups are made." in said
    assert "Set BACKUP_PASSWORD" in said

    (told / "ltplabs.db").chmod(0o644)
    assert main(["doctor"]) == 2


def test_findings_are_json_for_programs(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1

    told_codes = {each["code"]: each["level"] for each in json.loads(capsys.readouterr().out)}
    assert told_codes["D010"] == "warning"
