"""Backups in a bucket: the same suite of what a store promises, on a folder and on a real S3 server on loopback."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from ecatalog.access.actions import revoke_client
from ecatalog.kit.actor import SYSTEM
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backup_stores import FolderStore, Store, StoreFailed, store_at
from ecatalog.ops.backups import list_backups, make_backup, prune_backups, quietly, verify_backup
from ecatalog.ops.journal import NAME
from ecatalog.ops.restoring import restore_backup
from ecatalog.settings_backups import Keep
from tests.cast import NOON, SettableClock, load_cast
from tests.ops.backing_up import LATER, place_beside, running

BACKUP = "ecatalog-20260310T120000Z-0a1b2c3d.ecb"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty bucket with a prefix, named by the variables that AWS's own tools read."""
    import boto3  # type: ignore[import-untyped]

    given = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)
    return f"s3://{name}/catalog/backups"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "folder")
    return store_at(request.getfixturevalue("bucket"), tmp_path / "work")


def put(store: Store, name: str, content: bytes) -> None:
    partial = store.workplace / ".partial-x"
    partial.write_bytes(content)
    store.publish(partial, name)
    assert not partial.exists()


def test_what_is_published_is_listed_and_read_whole_and_in_pieces(store: Store) -> None:
    assert store.names() == []
    put(store, BACKUP, bytes(range(200)))

    assert store.names() == [BACKUP]
    assert store.size(BACKUP) == 200
    assert store.read(BACKUP, 10, 3) == b"\x0a\x0b\x0c"
    assert store.read(BACKUP, 198, 100) == b"\xc6\xc7"
    assert store.read(BACKUP, 500, 100) == b""
    with store.opened(BACKUP) as file:
        assert file.read() == bytes(range(200))


def test_only_names_of_backups_are_listed(store: Store) -> None:
    store.keep("notes.txt", b"x")
    put(store, "ecatalog-latest.ecb", b"x")

    assert store.names() == []


def test_what_is_removed_is_gone_and_removing_it_again_does_no_harm(store: Store) -> None:
    put(store, BACKUP, b"x")
    store.remove(BACKUP)
    store.remove(BACKUP)

    assert store.names() == []
    with pytest.raises(StoreFailed), store.opened(BACKUP):
        pass


def test_small_files_are_kept_found_and_added_to(store: Store) -> None:
    assert store.find(NAME) is None
    store.append(NAME, b"one\n")
    store.append(NAME, b"two\n")
    assert store.find(NAME) == b"one\ntwo\n"
    store.keep(NAME, b"three\n")
    assert store.find(NAME) == b"three\n"


def test_small_files_of_a_folder_are_for_their_owner_and_links_lead_nowhere(tmp_path: Path) -> None:
    store, elsewhere = FolderStore(tmp_path / "folder"), tmp_path / "elsewhere"
    elsewhere.write_text("ours")
    store.keep("kept", b"x")
    store.append("added", b"x")
    for name in ("kept", "added"):
        path = store.folder / name
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()
        path.symlink_to(elsewhere)

    store.keep("kept", b"planted")
    with pytest.raises(StoreFailed):
        store.append("added", b"planted")

    assert elsewhere.read_text() == "ours"
    assert sorted(each.name for each in store.folder.iterdir()) == ["added", "kept"], "nothing half made is left"


async def test_a_catalog_is_backed_up_to_a_bucket_and_restored_from_it_with_its_journal(
    bucket: str, data: Path, clock: SettableClock, tmp_path: Path
) -> None:
    place = place_beside(data / "ltplabs.db", backups=bucket)
    async with running(data, clock, backups=bucket) as gateway:
        cast = await gateway.db.write(load_cast)
        made = await asyncio.to_thread(make_backup, place, NOON)
        await gateway.db.write(revoke_client, SYSTEM, cast.acme.id, "gone")
    trusted = signing_key(data).public_key()
    assert [each.problem for each in list_backups(place, trusted)] == [""]
    verify_backup(place, made.name, trusted)

    elsewhere = place_beside(tmp_path / "new" / "ltplabs.db", backups=bucket)
    restored = await asyncio.to_thread(restore_backup, elsewhere, made.name, trusted, LATER, quietly)

    assert [each.id for each in restored.applied] == [cast.acme.id]
    assert "cannot be known on this machine" in restored.hold
    assert prune_backups(place, trusted, Keep(7, 4, 3)) == []
    assert not list(place.work.glob(".partial*"))


def test_a_service_that_does_not_answer_is_told(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreFailed, match="does not answer as it should"):
        store_at("s3://no-such-bucket/x", tmp_path).names()
