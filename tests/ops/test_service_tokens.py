"""The services of one machine get tokens by themselves: made once, kept in files, made again when they are no good."""

import stat
from pathlib import Path

import pytest

from ecatalog.accounts.service_tokens import ServiceTokens
from ecatalog.kit.actor import Role
from ecatalog.kit.clock import utc_now
from ecatalog.kit.db import Database
from ecatalog.ops.service_tokens import SERVICES, ensure_service_tokens
from tests.cast import facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens"


def read(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in SERVICES}


@pytest.mark.parametrize("name", SERVICES)
async def test_each_service_gets_a_token_of_its_own_scope(db: Database, folder: Path, name: str) -> None:
    await ensure_service_tokens(db, folder, {})

    actor = ServiceTokens(db, utc_now).authenticate(read(folder)[name])
    assert actor is not None
    assert actor.role is Role.SERVICE
    assert actor.scopes == {name}
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_good_token_is_kept(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, {})
    before, position = read(folder), db.position

    await ensure_service_tokens(db, folder, {})

    assert read(folder) == before
    assert db.position == position


@pytest.mark.parametrize("content", ["", "a token of another database", None])
async def test_a_token_that_is_no_good_is_made_again(db: Database, folder: Path, content: str | None) -> None:
    await ensure_service_tokens(db, folder, {})
    before = read(folder)
    if content is None:
        (folder / "edge").unlink()
    else:
        (folder / "edge").write_text(content)

    await ensure_service_tokens(db, folder, {})

    after = read(folder)
    assert after["edge"] not in {before["edge"], content}
    assert after["launcher"] == before["launcher"]
    edge = ServiceTokens(db, utc_now).authenticate(after["edge"])
    assert edge is not None
    assert edge.scopes == {"edge"}
    assert sorted(each.name for each in folder.iterdir()) == sorted(SERVICES)


async def test_a_token_whose_file_was_lost_is_revoked(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, {})
    before = read(folder)
    (folder / "edge").unlink()

    await ensure_service_tokens(db, folder, {})

    tokens = ServiceTokens(db, utc_now)
    assert tokens.authenticate(before["edge"]) is None
    assert tokens.authenticate(before["launcher"]) is not None
    assert len(await db.read(facts, "token.revoked")) == 1


async def test_only_the_hash_is_in_the_database(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, {})
    tokens = [token.encode() for token in read(folder).values()]
    await db.stop()

    kept = db.path.read_bytes()
    assert not any(token in kept for token in tokens)


async def test_a_stranger_is_refused(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, {})

    assert ServiceTokens(db, utc_now).authenticate("no such token") is None


CHOSEN = {"edge": "e" * 32, "backup": "b" * 32}


async def test_chosen_tokens_are_good_and_stand_in_no_file(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, CHOSEN)

    tokens = ServiceTokens(db, utc_now)
    edge, backup = (tokens.authenticate(CHOSEN[name]) for name in ("edge", "backup"))
    assert edge is not None
    assert backup is not None
    assert edge.scopes == {"edge"}
    assert backup.scopes == {"backups:write"}
    assert [each.name for each in folder.iterdir()] == ["launcher"]


async def test_another_choice_revokes_the_one_before(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, CHOSEN)
    await ensure_service_tokens(db, folder, {"edge": "f" * 32})

    tokens = ServiceTokens(db, utc_now)
    assert tokens.authenticate(CHOSEN["edge"]) is None
    assert tokens.authenticate("f" * 32) is not None


async def test_the_same_choice_changes_nothing(db: Database, folder: Path) -> None:
    await ensure_service_tokens(db, folder, CHOSEN)
    position = db.position

    await ensure_service_tokens(db, folder, CHOSEN)

    assert db.position == position
