"""The tokens of our own services on one machine: a file each in `DIR/tokens`, mode 600, its hash in the database."""

import asyncio
import os
from pathlib import Path

from ecatalog.accounts.api_tokens import replace_api_token
from ecatalog.accounts.token_queries import token_by_hash
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import hash_secret, new_secret

SERVICES = {"edge": ["edge"], "launcher": ["launcher"]}


async def ensure_service_tokens(db: Database, directory: Path) -> None:
    """Makes what is missing: a file that is gone, empty, or of another database gets a new token.

    What was in a lost file is good for nothing any more, whoever has it now.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True, mode=0o700)
    for name, scopes in SERVICES.items():
        path = directory / name
        known = await asyncio.to_thread(_read, path)
        if not known or not await db.read(_is_good, known):
            token = new_secret()
            await db.write(replace_api_token, SYSTEM, f"{name} of this machine", scopes, token)
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
