"""How an operation is called: one function per operation, made once, with its decoder and its answer's shape
in it.
"""

from collections.abc import Awaitable, Callable

import msgspec

from ecatalog.web.answers import AnswerMemory, encode
from ecatalog.web.call import Answer, Call
from ecatalog.web.door import Door
from ecatalog.web.fields import Fields, body_reader, query_reader
from ecatalog.web.limits import read_body
from ecatalog.web.operation import Operation
from ecatalog.web.problems import Headers

Perform = Callable[[Call], Awaitable[Answer]]
Collect = Callable[[Call], Awaitable[Fields]]

_FRESH: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_KEPT: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"private, no-cache")]
_EMPTY: Headers = [(b"cache-control", b"no-store")]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The input of an operation that takes none: whatever is given is refused by name."""


def performer(operation: Operation, door: Door, memory: AnswerMemory) -> Perform:
    """The function that performs a read, a write or a flow."""
    if operation.kind == "flow":
        return _flow(operation, door)
    if operation.kind == "write":
        return _write(operation, door)
    return _remembered_read(operation, door, memory) if operation.follows else _read(operation, door)


def _read(operation: Operation, door: Door) -> Perform:
    collect, finish = collector(operation), _finisher(operation, door)
    action, read_now = operation.action, door.db.read_now

    async def perform(call: Call) -> Answer:
        fields = await collect(call)
        return await finish(call, read_now(action, call.actor, *call.values, **fields))

    return perform


def _remembered_read(operation: Operation, door: Door, memory: AnswerMemory) -> Perform:
    if operation.has_body or operation.then:
        raise ValueError(f"{operation.name}: only a plain GET can be answered from memory")
    action, read_now, follows, name = operation.action, door.db.read_now, operation.follows, operation.name
    read_query = query_reader(operation.takes or Nothing)

    async def perform(call: Call) -> Answer:
        actor, query = call.actor, call.scope["query_string"]

        def make() -> object:
            return read_now(action, actor, *call.values, **read_query(query))

        found = memory.answer((name, actor.role, actor.id, call.values, query), follows, make)
        headers = [*_KEPT, (b"etag", found.etag)]
        if call.headers.get(b"if-none-match") == found.etag:
            return 304, headers, b""
        return operation.status, headers, found.body

    return perform


def _write(operation: Operation, door: Door) -> Perform:
    collect, finish = collector(operation), _finisher(operation, door)
    action, write = operation.action, door.db.write

    async def perform(call: Call) -> Answer:
        fields = await collect(call)
        return await finish(call, await write(action, call.actor, *call.values, **fields))

    return perform


def _flow(operation: Operation, door: Door) -> Perform:
    collect, finish = collector(operation), _finisher(operation, door)
    action = operation.action

    async def perform(call: Call) -> Answer:
        fields = await collect(call)
        near = door.of_request(call.address, call.agent)
        return await finish(call, await action(near, call.actor, *call.values, **fields))

    return perform


def _finisher(operation: Operation, door: Door) -> Callable[[Call, object], Awaitable[Answer]]:
    then, status = operation.then, operation.status

    async def finish(call: Call, result: object) -> Answer:
        if then is not None:
            result = await then(door.of_request(call.address, call.agent), call.actor, result)
        if operation.gives is None:
            return 204, _EMPTY, b""
        return status, _FRESH, encode(result)

    return finish


def collector(operation: Operation) -> Collect:
    """The function that reads an operation's fields, from the body or from the query string."""
    takes = operation.takes or Nothing
    if operation.has_body:
        read = body_reader(takes)

        async def from_body(call: Call) -> Fields:
            body = await read_body(call.receive, call.headers.get(b"content-length"))
            return read(body, call.headers.get(b"content-type"))

        return from_body
    read_query = query_reader(takes)

    async def from_query(call: Call) -> Fields:
        return read_query(call.scope["query_string"])

    return from_query
