"""The services of one machine get tokens by themselves: made once, kept in files, made again when they are no good."""

import stat
from pathlib import Path

import pytest

from ecatalog.accounts.tokens import authenticate_service
from ecatalog.kit.actor import Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unauthorized
from ecatalog.ops.service_tokens import SERVICES, ensure_service_tokens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens"


def read(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in SERVICES}


@pytest.mark.parametrize("name", SERVICES)
async def test_each_service_gets_a_token_of_its_own_scope(db: Database, folder: Path, name: str) -> None:
    await ensure_service_tokens(db, folder)

    actor = authenticate_service(db, read(folder)[name])
    assert actor.role is Role.SERVICE
    assert actor.scopes == {name}
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_good_token_is_kept(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder)
    before, position = read(folder), db.position

    await ensure_service_tokens(db, folder)

    assert read(folder) == before
    assert db.position == position


@pytest.mark.parametrize("content", ["", "a token of another database", None])
async def test_a_token_that_is_no_good_is_made_again(db: Database, folder: Path, content: str | None) -> None:
    await ensure_service_tokens(db, folder)
    before = read(folder)
    if content is None:
        (folder / "edge").unlink()
    else:
        (folder / "edge").write_text(content)

    await ensure_service_tokens(db, folder)

    after = read(folder)
    assert after["edge"] not in {before["edge"], content}
    assert after["launcher"] == before["launcher"]
    assert authenticate_service(db, after["edge"]).scopes == {"edge"}
    assert sorted(each.name for each in folder.iterdir()) == sorted(SERVICES)


async def test_only_the_hash_is_in_the_database(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder)
    tokens = [token.encode() for token in read(folder).values()]
    await db.stop()

    kept = db.path.read_bytes()
    assert not any(token in kept for token in tokens)


async def test_a_stranger_is_refused(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder)

    with pytest.raises(Unauthorized):
        authenticate_service(db, "no such token")
