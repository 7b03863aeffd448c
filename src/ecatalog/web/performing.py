"""How an operation is performed, whichever door it came in by: HTTP and gRPC call the same function of it."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Stale, Unauthorized
from ecatalog.kit.idempotency import AlreadyAnswered, Once, find_answer, keep_answer
from ecatalog.web.door import Check, Door
from ecatalog.web.fields import Fields
from ecatalog.web.operation import Operation


class Ask(Protocol):
    """Who asks, for which values of the path, and under which conditions (None when there are none)."""

    @property
    def actor(self) -> Actor: ...
    @property
    def values(self) -> tuple[str, ...]: ...
    @property
    def address(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def if_match(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...


Perform = Callable[[Ask, Fields], Awaitable[Any]]


def refuse_unless(operation: Operation, actor: Actor) -> None:
    """Raises Unauthorized or Forbidden when the operation is not for such a caller at all."""
    if operation.admits(actor):
        return
    if actor.role is Role.ANONYMOUS:
        raise Unauthorized("Log in first: your session has ended, or there was none.")
    if actor.role is Role.SERVICE:
        raise Forbidden(_scope_needed(operation))
    raise Forbidden(f"This is not for the role {actor.role}. Ask an administrator.")


def _scope_needed(operation: Operation) -> str:
    if not operation.scope:
        return "This is for people, not for services: no scope allows it."
    return f"This needs a token with the scope {operation.scope!r}."


def performer(operation: Operation, door: Door) -> Perform:
    """The function that performs a read, a write or a flow, and makes its answer."""
    if operation.kind == "flow":
        return _flow(operation, door)
    return _write(operation, door) if operation.kind == "write" else _read(operation, door)


def _read(operation: Operation, door: Door) -> Perform:
    action, read_now, read_long, is_long = operation.action, door.db.read_now, door.db.read_long, operation.is_long

    async def perform(ask: Ask, fields: Fields) -> Any:
        if is_long:
            return await read_long(action, ask.actor, *ask.values, **fields)
        return read_now(action, ask.actor, *ask.values, **fields)

    return perform


def _write(operation: Operation, door: Door) -> Perform:
    action, then = operation.action, operation.then
    given = operation.given(door.settings) if operation.given else {}

    async def perform(ask: Ask, fields: Fields) -> Any:
        once = None if ask.key is None else _once(operation, ask, fields)
        near = door.of_request(ask.actor, ask.address, ask.agent, once, _check(operation, ask))
        if then is None:
            return await near.write(action, ask.actor, *ask.values, **fields, **given)
        answer = None if once is None else await near.db.read(_answered, near, once, operation.gives)
        if answer is None:
            try:
                result = await near.write(action, ask.actor, *ask.values, **fields, **given)
            except AlreadyAnswered as before:
                return msgspec.json.decode(before.answer, type=operation.gives)
            answer = await then(near, ask.actor, result)
            if once is not None:
                await near.db.write(keep_answer, once, answer)
        return answer

    return perform


def _answered(tx: Tx, near: Door, once: Once, kind: Any) -> Any:
    near.stands(tx, near.actor)
    return find_answer(tx, once, kind)


def _flow(operation: Operation, door: Door) -> Perform:
    action = operation.action

    async def perform(ask: Ask, fields: Fields) -> Any:
        # Nobody has keys of their own before they are logged in: a login is a new session each time.
        has_key = ask.key is not None and ask.actor.role is not Role.ANONYMOUS
        once = _once(operation, ask, fields) if has_key else None
        near = door.of_request(ask.actor, ask.address, ask.agent, once, _check(operation, ask))
        return await action(near, ask.actor, *ask.values, **fields)

    return perform


def _once(operation: Operation, ask: Ask, fields: Fields) -> Once:
    request = msgspec.json.encode([ask.values, fields], order="sorted")
    return Once(str(ask.actor), ask.key or "", operation.name, hashlib.sha256(request).hexdigest())


def _check(operation: Operation, ask: Ask) -> Check | None:
    """Compares, in the transaction of the change, with the version that the caller has seen (RFC 9110, 13.1.1)."""
    if_match, load = ask.if_match, operation.matches
    if if_match is None:
        return None
    if load is None:
        raise Stale("There is no version to compare here: leave If-Match away.")

    def check(tx: Tx) -> None:
        version = load(tx, ask.actor, *ask.values).version
        if not _names_version(if_match, version):
            raise Stale(f"This has changed since you read it: it is version {version} now. Read it again.")

    return check


def _names_version(if_match: str, version: int) -> bool:
    """Whether one of the entity tags is of this version: `"7-…"`, as answers carry it, or a plain `"7"`."""
    tags = (tag.strip() for tag in if_match.split(","))
    return any(tag == "*" or tag.strip('"').split("-")[0] == str(version) for tag in tags)
