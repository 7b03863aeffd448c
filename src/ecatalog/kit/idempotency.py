"""Doing a thing once: what was answered under an `Idempotency-Key` is kept in the action's own savepoint.

A retry with the same key gets the same answer; the key is the caller's own, and kept for a day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import msgspec

from ecatalog.kit.errors import Conflict, Invalid
from ecatalog.kit.times import carries
from ecatalog.kit.tx import Tx

P = ParamSpec("P")
T = TypeVar("T")

KEPT_FOR = timedelta(days=1)
LONGEST_KEY = 255
_BATCH = 500
_FIELD = "Idempotency-Key"


@dataclass(slots=True)
class Once:
    """One request under a key: whose, for which operation, and the hash of its input."""

    actor: str
    key: str
    operation: str
    request_hash: str
    is_used: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= LONGEST_KEY or not self.key.isprintable():
            raise Invalid(
                f"An {_FIELD} has 1 to {LONGEST_KEY} printable characters: a UUID does well.", fields={_FIELD: "bad"}
            )


class _Kept(msgspec.Struct, frozen=True):
    operation: str
    request_hash: str
    status: int
    answer: str


# Of the column `status`: the result of the change is kept, or the whole answer, for which more was waited.
_RESULT, _ANSWER = 200, 201


class AlreadyAnswered(Exception):
    """The whole answer was kept since the caller looked for it: it is that of the operation, not of its action."""

    def __init__(self, answer: str) -> None:
        super().__init__("answered already")
        self.answer = answer


@carries(1)
def run_once(tx: Tx, once: Once, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What the action returns, or returned when it was done under this key before.

    Raises what the action raises (nothing is kept then), Invalid when the key was used for another request, or
    AlreadyAnswered when more than the action's result is kept.
    """
    kept = _find(tx, once)
    if kept is not None and kept.status == _ANSWER:
        raise AlreadyAnswered(kept.answer)
    if kept is not None:
        answer: T = msgspec.json.decode(kept.answer, type=get_type_hints(action)["return"])
        return answer
    result = action(tx, *args, **kwargs)
    _keep(tx, once, msgspec.json.encode(result).decode())
    return result


@carries(1)
def run_once_in_secret(
    tx: Tx, once: Once, action: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """The same of what ends in a secret, which is never kept: Conflict when it was done before."""
    if _find(tx, once) is not None:
        raise Conflict("This was done already. Its answer held a secret, which is shown once and not kept.")
    result = action(tx, *args, **kwargs)
    _keep(tx, once, "null")
    return result


def find_answer(tx: Tx, once: Once, kind: Any) -> Any:
    """The whole answer that was given under this key, None when there was none; of the type `kind`. Raises Invalid."""
    kept = _find(tx, once)
    return None if kept is None or kept.status != _ANSWER else msgspec.json.decode(kept.answer, type=kind)


def keep_answer(tx: Tx, once: Once, answer: Any) -> None:
    """Keeps the whole answer instead of the change's result: a repetition waits for nothing again."""
    _keep(tx, once, msgspec.json.encode(answer).decode(), _ANSWER)


def remove_old_keys(tx: Tx) -> int:
    """Removes at most 500 keys that are older than a day; how many they were."""
    return tx.run(
        """DELETE FROM idempotency_keys WHERE (actor, key) IN (
             SELECT actor, key FROM idempotency_keys WHERE created_at < :before ORDER BY created_at LIMIT :limit)""",
        before=tx.now - KEPT_FOR,
        limit=_BATCH,
    )


def _find(tx: Tx, once: Once) -> _Kept | None:
    kept = tx.one(
        _Kept,
        """SELECT operation, request_hash, status, answer FROM idempotency_keys
           WHERE actor = :actor AND key = :key AND created_at >= :after""",
        actor=once.actor,
        key=once.key,
        after=tx.now - KEPT_FOR,
    )
    if kept is not None and (kept.operation, kept.request_hash) != (once.operation, once.request_hash):
        raise Invalid(f"This {_FIELD} was used for another request: draw a new one.", fields={_FIELD: "used before"})
    return kept


def _keep(tx: Tx, once: Once, answer: str, status: int = _RESULT) -> None:
    tx.run(
        """INSERT INTO idempotency_keys (actor, key, operation, request_hash, status, answer, created_at)
           VALUES (:actor, :key, :operation, :request_hash, :status, :answer, :now)
           ON CONFLICT (actor, key) DO UPDATE SET operation = excluded.operation, status = excluded.status,
             request_hash = excluded.request_hash, answer = excluded.answer, created_at = excluded.created_at""",
        actor=once.actor,
        key=once.key,
        operation=once.operation,
        request_hash=once.request_hash,
        status=status,
        answer=answer,
        now=tx.now,
    )
