"""One-time codes inside a transaction: made good, redeemed, voided. Who draws a code does so outside."""

from datetime import timedelta

from ecatalog.accounts import code_queries as queries
from ecatalog.accounts.code_queries import NewCode
from ecatalog.accounts.model import OneTimeCode, Purpose
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Unauthorized
from ecatalog.kit.ids import hash_secret, new_id

_BATCH = 200


def add_code(
    tx: Tx,
    purpose: Purpose,
    code: str,
    *,
    lifetime: timedelta,
    session_id: str | None = None,
    launch_id: str | None = None,
    user_id: str | None = None,
    client_id: str | None = None,
) -> NewCode:
    """Makes `code` (256 bits of the caller's) good once, for so long; the row that was written. Kept as its hash.

    A code that was added before stays as it was: what sends one by mail may try again.
    """
    row = NewCode(
        id=new_id(),
        purpose=purpose,
        code_hash=hash_secret(code),
        user_id=user_id,
        client_id=client_id,
        session_id=session_id,
        launch_id=launch_id,
        expires_at=tx.now + lifetime,
    )
    queries.add_code(tx, row)
    return row


def redeem_code(tx: Tx, purpose: Purpose, code: str) -> OneTimeCode:
    """Uses the code up and answers what it was for.

    Raises Unauthorized when it is unknown, used or too old.
    """
    code_hash = hash_secret(code)
    found = queries.find_code(tx, code_hash) if queries.use_code(tx, purpose, code_hash) else None
    if found is None:
        raise Unauthorized("This link has been used or is too old: ask for a new one.")
    return found


def remove_old_codes(tx: Tx, age: timedelta) -> int:
    """Removes at most 200 codes that ran out longer than `age` ago."""
    return queries.remove_old_codes(tx, tx.now - age, _BATCH)
