"""What tests of backups share: an installation with keys, and files that are damaged."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyrage

from ecatalog.ops.backup_keys import Keys
from ecatalog.ops.backups import Place, place_of
from ecatalog.settings import Settings

PASSWORD = "a password for backups"
# A password is slow on purpose: seconds at each use. So most tests seal for a public key, and open by its secret one.
OWNER = pyrage.x25519.Identity.generate()
BY_PASSWORD = {"backup_password": PASSWORD, "backup_recipients": "", "backup_test_key": ""}
KEYS = {"backup_recipients": str(OWNER.to_public()), "backup_test_key": str(OWNER)}


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
    """So many damaged files, with what was done: flipped bits, cuts, pieces of another backup, additions."""
    chance = random.Random(seed)
    for number in range(count):
        at = chance.randrange(len(good))
        match number % 4:
            case 0:
                changed = bytearray(good)
                changed[at] ^= 1 << chance.randrange(8)
                yield f"bit flipped at {at}", bytes(changed)
            case 1:
                yield f"cut at {at}", good[:at]
            case 2:
                size = chance.randrange(1, len(good) - at + 1)
                piece = other[at : at + size]
                yield f"{size} bytes of another at {at}", good[:at] + piece + good[at + len(piece) :]
            case _:
                block = at // 512 * 512
                elsewhere = chance.randrange(len(good)) // 512 * 512
                changed = bytearray(good)
                changed[block : block + 512], changed[elsewhere : elsewhere + 512] = (
                    good[elsewhere : elsewhere + 512],
                    good[block : block + 512],
                )
                yield f"blocks {block} and {elsewhere} swapped", bytes(changed)
