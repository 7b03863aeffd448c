"""Forgotten passwords: asking for a new one. The link goes by mail, which the room of notices sends."""

from datetime import timedelta

from ecatalog.accounts import code_queries as queries
from ecatalog.accounts.codes import add_code
from ecatalog.accounts.model import Holder, normal_email
from ecatalog.accounts.throttle import RESETS, Throttle
from ecatalog.kit.actor import ANONYMOUS
from ecatalog.kit.db import Tx
from ecatalog.web.door import Door

RESET_LIFETIME = timedelta(hours=1)


async def ask_for_reset(door: Door, email: str) -> None:
    """Notes that whoever has this address wants another password.

    Nothing tells whether somebody has it: not the answer, nor its time, as the same is read and written. Raises
    Invalid for what is no address, Exhausted for who asks too often.
    """
    email, throttle = normal_email(email), door.part(Throttle)
    throttle.refuse_if_exhausted(email, door.address, RESETS)
    throttle.count_attempt(email, door.address, RESETS)
    await door.db.write(request_reset, email, door.address)


def request_reset(tx: Tx, email: str, address: str) -> None:
    """Records who asked; nobody when no person who may log in has the address."""
    found = queries.find_holder(tx, email)
    who = found if found is not None and not _is_shut_out(found) else None
    tx.record(
        "reset.requested",
        ANONYMOUS,
        client=who.client_id if who else None,
        user=who.user_id if who else None,
        address=address,
    )


def _is_shut_out(who: Holder) -> bool:
    return who.is_disabled or who.is_revoked


def add_reset_code(tx: Tx, code: str, *, user_id: str | None = None, client_id: str | None = None) -> None:
    """Makes `code`, which is on its way by mail, good for one new password of this person, within an hour."""
    add_code(tx, "reset", code, lifetime=RESET_LIFETIME, user_id=user_id, client_id=client_id)
