"""The tokens of our own services. Whoever deploys them may choose the tokens (settings, from secrets); on one machine
they are made here: a file each in `DIR/tokens`, mode 600. The database has their hashes.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from ecatalog.accounts.api_tokens import replace_api_token
from ecatalog.accounts.token_queries import token_by_hash
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import hash_secret, new_secret

SERVICES = {"edge": ["edge"], "launcher": ["launcher"]}
# Who gets a token only when one is chosen.
ASKED_FOR = {"backup": ["backups:write"]}


async def ensure_service_tokens(db: Database, directory: Path, chosen: Mapping[str, str]) -> None:
    """Makes what is missing: a file that is gone, empty, or of another database gets a new token.

    `chosen` has tokens by service; those get no file. What was chosen before, or was in a lost file, is good for
    nothing any more, whoever has it now.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True, mode=0o700)
    for name, scopes in (SERVICES | ASKED_FOR).items():
        if token := chosen.get(name):
            if not await db.read(_is_good, token):
                await db.write(replace_api_token, SYSTEM, f"{name} of this machine", scopes, token)
        elif name in SERVICES:
            await _ensure_file(db, directory / name, scopes)


async def _ensure_file(db: Database, path: Path, scopes: list[str]) -> None:
    known = await asyncio.to_thread(_read, path)
    if not known or not await db.read(_is_good, known):
        token = new_secret()
        await db.write(replace_api_token, SYSTEM, f"{path.name} of this machine", scopes, token)
        await asyncio.to_thread(_write_secret, path, token)


def _is_good(tx: Tx, secret: str) -> bool:
    found = token_by_hash(tx, hash_secret(secret))
    return found is not None and found.is_good_at(tx.now)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _write_secret(path: Path, secret: str) -> None:
    """In one step, so that no service ever reads half a token."""
    partial = path.with_suffix(".new")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
