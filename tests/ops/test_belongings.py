"""What goes into a backup besides the database, and comes back: pictures of demos, and the archive of use."""

import io
import tarfile
from pathlib import Path

import pytest

from ecatalog.ops.backup_file import FILES, BadBackup
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import Place, make_backup, verify_backup
from ecatalog.ops.belongings import find_belongings, pack, unpack
from tests.cast import NOON, SettableClock
from tests.ops.backing_up import CONTENT, LATER, PART, PICTURE, backed_up, in_thread, lay, place_beside


def found_in(data: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in find_belongings(data)}


async def test_files_come_back_on_a_new_machine(data: Path, place: Place, clock: SettableClock, tmp_path: Path) -> None:
    lay(data)
    _, name = await backed_up(data, place, clock)
    new = place_beside(tmp_path / "new" / "ltplabs.db", backups=place.store.place)
    (new.data / "secrets").mkdir(parents=True)
    for key in (data / "secrets").iterdir():
        (new.data / "secrets" / key.name).write_bytes(key.read_bytes())

    restored = await in_thread(new, name)

    assert (restored.files, found_in(new.data)) == (3, CONTENT)
    assert (new.data / PICTURE).stat().st_mode & 0o777 == 0o600
    assert not list(new.work.glob("*.tar"))


async def test_what_is_there_stays_and_what_is_other_is_kept_beside(
    data: Path, place: Place, clock: SettableClock
) -> None:
    lay(data)
    await backed_up(data, place, clock)
    later = f"pictures/{'b' * 64}.webp"
    lay(data, {PART: b"damaged", later: b"newer"})

    restored = await in_thread(place)

    assert restored.files == 1
    assert found_in(data) == CONTENT | {later: b"newer"}
    (kept,) = (data / "archive").glob("*.before-restore-*")
    assert kept.read_bytes() == b"damaged"


def test_only_what_is_finished_and_ours_is_packed(tmp_path: Path) -> None:
    lay(tmp_path)
    others = (
        "pictures/x.webp.part",
        "archive/.partial-usage",
        "archive/old.json.before-restore-1",
        "secrets/key",
        "x.db",
    )
    lay(tmp_path, dict.fromkeys(others, b"no"))

    assert found_in(tmp_path) == CONTENT


def test_without_files_a_backup_has_no_part_for_them(tmp_path: Path) -> None:
    assert pack(tmp_path, tmp_path / "packed.tar") == 0
    assert not (tmp_path / "packed.tar").exists()


@pytest.mark.parametrize("name", ["pictures/../../etc/cron.d/x", "/etc/passwd", "secrets/key", "pictures/.hidden"])
def test_a_name_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "planted.tar", "w") as planted:
        info = tarfile.TarInfo(name)
        info.size = 1
        planted.addfile(info, io.BytesIO(b"x"))

    with pytest.raises(BadBackup, match="none of ours"):
        unpack(tmp_path / "planted.tar", tmp_path / "data", LATER)


def test_a_link_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "planted.tar", "w") as planted:
        info = tarfile.TarInfo("pictures/link.webp")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        planted.addfile(info)

    with pytest.raises(BadBackup, match="none of ours"):
        unpack(tmp_path / "planted.tar", tmp_path / "data", LATER)


async def test_damage_to_the_files_is_found(data: Path, place: Place, clock: SettableClock) -> None:
    lay(data)
    _, name = await backed_up(data, place, clock)
    path, trusted = Path(place.store.place) / name, signing_key(data).public_key()
    content = path.read_bytes()
    with tarfile.open(path) as held:
        at = held.getmember(FILES)
    verify_backup(place, name, trusted)

    for where in (
        at.offset - 1,
        at.offset + 3,
        at.offset_data + 7,
        at.offset_data + at.size - 1,
        at.offset_data + at.size,
    ):
        flipped = bytearray(content)
        flipped[where] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(BadBackup):
            verify_backup(place, name, trusted)
    path.write_bytes(content)
    assert make_backup(place, NOON).bytes > 0
