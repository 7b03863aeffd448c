"""How an operation is called over HTTP: one function per operation, made once, with its decoder and its answer's
shape in it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ecatalog.web.answers import AnswerMemory, encode, etag_of, is_known
from ecatalog.web.call import Answer, Call
from ecatalog.web.csv import encode_csv, prefers_csv
from ecatalog.web.door import Door
from ecatalog.web.fields import Fields, Nothing, body_reader, query_reader
from ecatalog.web.limits import read_body
from ecatalog.web.operation import Operation
from ecatalog.web.performing import performer
from ecatalog.web.problems import Headers

Perform = Callable[[Call], Awaitable[Answer]]
Collect = Callable[[Call], Awaitable[Fields]]

_FRESH: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_KEPT: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"private, no-cache")]
_TABLE: Headers = [
    (b"content-type", b"text/csv; charset=utf-8; header=present"),
    (b"cache-control", b"private, no-cache"),
    (b"content-disposition", b'attachment; filename="usage.csv"'),
    (b"vary", b"Accept"),
]
_EMPTY: Headers = [(b"cache-control", b"no-store")]


def target(operation: Operation, door: Door, memory: AnswerMemory) -> Perform:
    """The function that performs a read, a write or a flow, and encodes its answer."""
    if operation.follows:
        return _remembered_read(operation, door, memory)
    collect, perform = collector(operation), performer(operation, door)
    answer = _answer_of_read(operation) if operation.kind == "read" else _answer_of_change(operation)

    async def performed(call: Call) -> Answer:
        return answer(call, await perform(call, await collect(call)))

    return performed


def _remembered_read(operation: Operation, door: Door, memory: AnswerMemory) -> Perform:
    if operation.has_body or operation.table or operation.is_long:
        raise ValueError(f"{operation.name}: only a plain GET can be answered from memory")
    action, read_now, follows, name = operation.action, door.db.read_now, operation.follows, operation.name
    read_query = query_reader(operation.takes or Nothing)

    async def perform(call: Call) -> Answer:
        actor, query = call.actor, call.scope["query_string"]

        def make() -> object:
            return read_now(action, actor, *call.values, **read_query(query))

        found = memory.answer((name, actor.role, actor.id, call.values), query, follows, make)
        headers = [*_KEPT, (b"etag", found.etag)]
        if is_known(call.headers.get(b"if-none-match"), found.etag):
            return 304, headers, b""
        return operation.status, headers, found.body

    return perform


def _answer_of_read(operation: Operation) -> Callable[[Call, Any], Answer]:
    table, status = operation.table, operation.status

    def answer(call: Call, result: Any) -> Answer:
        if table is not None and prefers_csv(call.headers.get(b"accept", b"")):
            body, headers = encode_csv(*table(result)), _TABLE
        else:
            body, headers = encode(result), _KEPT
        etag = etag_of(result, body)
        headers = [*headers, (b"etag", etag)]
        return (304, headers, b"") if is_known(call.headers.get(b"if-none-match"), etag) else (status, headers, body)

    return answer


def _answer_of_change(operation: Operation) -> Callable[[Call, Any], Answer]:
    status, is_empty = operation.status, operation.gives is None
    has_version = "version" in getattr(operation.gives, "__struct_fields__", ())

    def answer(call: Call, result: Any) -> Answer:
        if is_empty:
            return 204, _EMPTY, b""
        body = encode(result)
        return status, [*_FRESH, (b"etag", etag_of(result, body))] if has_version else _FRESH, body

    return answer


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
