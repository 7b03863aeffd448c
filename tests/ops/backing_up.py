"""What tests of backups share: an installation with keys, its gateway, and files that are damaged."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pyrage

from ecatalog.accounts.passwords import Hasher
from ecatalog.app import Gateway, build
from ecatalog.ops.backup_keys import Keys, signing_key
from ecatalog.ops.backups import Place, make_backup, place_of, quietly
from ecatalog.ops.journal import NAME
from ecatalog.ops.restoring import Restored, restore_backup
from ecatalog.settings import Settings
from tests.blank import lay_blank
from tests.cast import NOON, Cast, SettableClock, load_cast

PASSWORD = "a password for backups"
LATER = NOON + timedelta(hours=1)
# A password is slow on purpose: seconds at each use. So most tests seal for a public key, and open by its secret one.
OWNER = pyrage.x25519.Identity.generate()
BY_PASSWORD = {"backup_password": PASSWORD, "backup_recipients": "", "backup_test_key": ""}
KEYS = {"backup_recipients": str(OWNER.to_public()), "backup_test_key": str(OWNER)}
# What lies beside a database, by its name in the data directory.
PICTURE, PART = f"pictures/{'a' * 64}.webp", "archive/usage-2025-01.1.jsonl.zst"
CONTENT = {PICTURE: b"RIFF....WEBP" * 100, PART: b"zstd" * 5000, "archive/usage-2025-01.1.json": b"{}"}


def lay(data: Path, content: Mapping[str, bytes] = CONTENT) -> None:
    """Puts these files into the data directory."""
    for name, raw in content.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(raw)


def place_beside(database: Path, **settings: str) -> Place:
    """Backups of that database, sealed for OWNER unless told otherwise."""
    given = KEYS | settings
    return place_of(Settings(data=database.parent, db_path=database, **given))  # type: ignore[arg-type]


def with_keys(place: Place, **keys: object) -> Place:
    return replace(place, keys=replace(place.keys, **keys))  # type: ignore[arg-type]


def only_public(place: Place, owner: pyrage.x25519.Identity) -> Place:
    """The same place without a password: only the owner of the key can open what it makes."""
    return replace(place, keys=Keys("", [str(owner.to_public())], ""))


def damaged(good: bytes, other: bytes, count: int, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """So many damaged files, with what was done: flipped bits, cuts, pieces of another backup, swapped blocks."""
    chance, made = random.Random(seed), 0
    while made < count:
        what, changed = _damage(good, other, chance, made % 4)
        if changed != good:
            made += 1
            yield what, changed


def _damage(good: bytes, other: bytes, chance: random.Random, how: int) -> tuple[str, bytes]:
    at, changed = chance.randrange(len(good)), bytearray(good)
    if how == 0:
        changed[at] ^= 1 << chance.randrange(8)
        return f"bit flipped at {at}", bytes(changed)
    if how == 1:
        return f"cut at {at}", good[:at]
    if how == 2:
        piece = other[at : at + chance.randrange(1, len(good) - at + 1)]
        return f"{len(piece)} bytes of another at {at}", good[:at] + piece + good[at + len(piece) :]
    one, two = at // 512 * 512, chance.randrange(len(good)) // 512 * 512
    changed[one : one + 512], changed[two : two + 512] = good[two : two + 512], good[one : one + 512]
    return f"blocks {one} and {two} changed places", bytes(changed)


def settings(data: Path, **more: str) -> Settings:
    given = KEYS | more
    return Settings(data=data, grpc_port=0, log_level="warning", jwt_secret="s" * 43, **given)  # type: ignore[arg-type]


@asynccontextmanager
async def running(data: Path, clock: SettableClock, **more: str) -> AsyncIterator[Gateway]:
    given = settings(data, **more)
    if not given.database.exists():
        lay_blank(given.database)
    gateway = build(given, clock=clock, hasher=Hasher(memory_kib=64))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def in_thread(place: Place, name: str = "") -> Restored:
    """Restoring runs an event loop of its own."""
    trusted = signing_key(place.data).public_key()
    chosen = name or place.store.names()[-1]
    return await asyncio.to_thread(restore_backup, place, chosen, trusted, LATER, quietly)


async def backed_up(data: Path, place: Place, clock: SettableClock) -> tuple[Cast, str]:
    """A catalog with the cast, of which there is a backup; it has ended."""
    async with running(data, clock) as gateway:
        cast = await gateway.db.write(load_cast)
        made = make_backup(place, NOON)
    return cast, made.name


def lose_the_database(data: Path, journal: bytes | None) -> None:
    """What is left are the backups, with this journal beside them."""
    for file in data.glob("ltplabs.db*"):
        file.unlink()
    path = data / "backups" / NAME
    path.unlink() if journal is None else path.write_bytes(journal)


def hold_in(path: Path) -> str:
    """Why access is on hold in this file; empty when it is not."""
    with closing(apsw.Connection(str(path))) as connection:
        found = connection.execute("SELECT value FROM settings WHERE key = 'access_hold'").fetchall()
    return str(found[0][0]) if found else ""
