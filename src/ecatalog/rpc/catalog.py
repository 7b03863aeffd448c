"""The generic door: every operation over gRPC, by the same functions, roles and refusals as over HTTP."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ecatalog.kit.actor import Actor
from ecatalog.kit.errors import NotFound
from ecatalog.rpc.service import Caller, OpenStream, OpenUnary, Service
from ecatalog.web.answers import encode, etag_of
from ecatalog.web.csv import encode_csv, prefers_csv
from ecatalog.web.door import Door
from ecatalog.web.fields import Fields, object_reader
from ecatalog.web.limits import BODY_LIMIT
from ecatalog.web.operation import Operation
from ecatalog.web.performing import Perform, performer, refuse_unless
from ecatalog.web.problems import malformed, too_large
from ecatalog.web.streams import Places
from ecatalog_client.v1 import catalog_pb2 as pb

_LONGEST_VALUE = 2000


@dataclass(frozen=True, slots=True)
class _Ask:
    """A call as `performing` takes it."""

    actor: Actor
    values: tuple[str, ...]
    address: str
    agent: str
    if_match: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    operation: Operation
    read: Callable[[bytes], Fields]
    perform: Perform | None


class CatalogDoor:
    """The operations by name. Streams are followed, everything else is called."""

    def __init__(self, operations: Iterable[Operation], door: Door, places: Places) -> None:
        self._door = door
        self._places = places
        self._targets = {each.name: _target(each, door) for each in operations}

    def service(self) -> Service:
        return Service(
            "ecatalog.v1.CatalogService",
            (
                OpenUnary("Call", pb.CallRequest, pb.CallReply, self.call),
                OpenStream("Follow", pb.CallRequest, pb.FollowEvent, self.follow),
            ),
        )

    async def call(self, request: pb.CallRequest, caller: Caller) -> pb.CallReply:
        """The operation's answer. Raises errors of the family, WireError for what is no input at all."""
        target, ask, fields = self._begin(request, caller)
        if target.perform is None:
            raise NotFound(f"{request.operation} is a stream: use Follow.")
        operation = target.operation
        result = await target.perform(ask, fields)
        if operation.gives is None:
            return pb.CallReply(status=204)
        if operation.table is not None and prefers_csv(caller.metadata.get("accept", "").encode()):
            return pb.CallReply(answer=encode_csv(*operation.table(result)), status=operation.status)
        answer = encode(result)
        return pb.CallReply(answer=answer, status=operation.status, etag=_etag(result, answer))

    async def follow(self, request: pb.CallRequest, caller: Caller) -> AsyncGenerator[pb.FollowEvent, None]:
        """The operation's events. Raises Exhausted for a caller with too many streams."""
        target, ask, fields = self._begin(request, caller)
        if target.perform is not None:
            raise NotFound(f"{request.operation} is no stream: use Call.")
        door = self._door.of_request(ask.actor, ask.address, ask.agent)
        with self._places.taken(ask.actor):
            async with aclosing(target.operation.action(door, ask.actor, *ask.values, **fields)) as events:
                async for event, answer in events:
                    yield pb.FollowEvent(event=event, answer=encode(answer))

    def _begin(self, request: pb.CallRequest, caller: Caller) -> tuple[_Target, _Ask, Fields]:
        target = self._targets.get(request.operation)
        if target is None:
            raise NotFound("There is no such operation. They are listed at /api/openapi.json.")
        caller.names(target.operation.name)
        refuse_unless(target.operation, caller.actor)
        return target, _ask(target.operation, request, caller), target.read(_bounded(request.input))


def _target(operation: Operation, door: Door) -> _Target:
    perform = None if operation.kind == "stream" else performer(operation, door)
    return _Target(operation, object_reader(operation.takes), perform)


def _ask(operation: Operation, request: pb.CallRequest, caller: Caller) -> _Ask:
    values = tuple(request.path)
    if len(values) != len(operation.params) or not all(0 < len(value) <= _LONGEST_VALUE for value in values):
        raise malformed(f"{operation.name} needs {len(operation.params)} values for its path.")
    key = caller.metadata.get("idempotency-key") if operation.method in ("POST", "PATCH") else None
    return _Ask(caller.actor, values, caller.address, caller.agent, caller.metadata.get("if-match"), key)


def _bounded(raw: bytes) -> bytes:
    if len(raw) > BODY_LIMIT:
        raise too_large(BODY_LIMIT)
    return raw


def _etag(result: Any, answer: bytes) -> str:
    return etag_of(result, answer).decode() if hasattr(result, "version") else ""
