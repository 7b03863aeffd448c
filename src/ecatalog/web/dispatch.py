"""The ASGI application of the catalog: finds route, caller and operation, and answers whatever happens.

It stands below Starlette, whose router and request objects take a third of the throughput of answers from memory.
Pages are behind it: paths that are no operation and not under /api/.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from ecatalog.kit.errors import CatalogError, NotFound
from ecatalog.web.answers import AnswerMemory
from ecatalog.web.call import Answer, Call, Scope, Send, send_answer
from ecatalog.web.callers import Callers, RequestHeaders
from ecatalog.web.docs import PATH as DOCS
from ecatalog.web.door import Door
from ecatalog.web.limits import Gone, Receive
from ecatalog.web.log import log_bug, log_request
from ecatalog.web.measures import Measure
from ecatalog.web.operation import Operation
from ecatalog.web.pages import PageShell
from ecatalog.web.performing import refuse_unless
from ecatalog.web.problems import (
    PROBLEM_TYPE,
    Headers,
    WireError,
    encode_bug,
    encode_problem,
    malformed,
    wrong_method,
)
from ecatalog.web.routes import Found, Routes
from ecatalog.web.streams import STREAM_HEADERS, Places, Streams
from ecatalog.web.targets import collector, target

_PROBLEM: Headers = [(b"content-type", PROBLEM_TYPE), (b"cache-control", b"no-store")]
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_ONLY_HTTPS: Headers = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]
_LONGEST_PATH = 2000
_WITHOUT_BODY = frozenset({204, 304})


class _Target:
    __slots__ = ("collect", "has_body", "measure", "operation", "perform", "resumes", "route")

    def __init__(self, operation: Operation, door: Door, memory: AnswerMemory) -> None:
        self.operation = operation
        self.route = operation.path
        self.has_body = operation.has_body
        self.measure = Measure(operation.name)
        self.collect = collector(operation)
        self.resumes = operation.kind == "stream" and "after" in getattr(operation.takes, "__struct_fields__", ())
        self.perform = None if operation.kind == "stream" else target(operation, door, memory)


class Dispatch:
    """Every request of the catalog.

    `pages` gets what is no operation; `streams` are ended by `end_streams`.
    """

    def __init__(
        self, operations: Iterable[Operation], *, door: Door, callers: Callers, places: Places, pages: PageShell
    ) -> None:
        self._door = door
        self._callers = callers
        self._pages = pages
        self._streams = Streams(callers, places)
        self._always = _ALWAYS + (_ONLY_HTTPS if callers.is_secure else [])
        self._other = Measure("other")
        self._page = Measure("page")
        self._routes: Routes[_Target] = Routes()
        memory = AnswerMemory(door.db.stamp)
        self._targets = [_Target(operation, door, memory) for operation in operations]
        for one in self._targets:
            self._routes.add(one.operation.method, one.operation.path, one)

    @property
    def measures(self) -> list[Measure]:
        return [self._other, self._page, *(target.measure for target in self._targets)]

    def end_streams(self) -> None:
        """Ends the open streams, so that the listener can close."""
        self._streams.end_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _answer_other_protocols(scope, receive, send)
            return
        path = scope["path"]
        found = self._routes.find(path) if len(path) <= _LONGEST_PATH else None
        if found is None and (path == DOCS or not path.startswith("/api/")):
            await self._show_page(Call(scope, receive, send, self._page))
            return
        call = Call(scope, receive, send, self._other)
        try:
            answer = await self._perform(call, found)
        except Gone:
            return
        except (CatalogError, WireError) as error:
            answer = _as_problem(encode_problem(error))
        except Exception as error:  # A fault of ours: told in the log only.
            log_bug(call.method, call.route, call.actor, call.request, error)
            answer = _as_problem(encode_bug(call.request))
        if answer is not None:
            await self._send(call, answer)
            self._note(call, answer[0])

    async def _perform(self, call: Call, found: Found[_Target] | None) -> Answer | None:
        """The answer to a call; None when it was a stream, which has sent its own."""
        call.headers = self._callers.headers_of(call.scope["headers"])
        if found is None:
            raise NotFound("There is nothing here. The operations are listed at /api/openapi.json.")
        methods, call.values = found
        target = methods.get("GET" if call.method == "HEAD" else call.method)
        if target is None:
            call.route = next(iter(methods.values())).route
            raise wrong_method(call.route, _allowed(methods))
        call.route, call.measure = target.route, target.measure
        call.actor = self._callers.actor_of(call.headers, call.method)
        refuse_unless(target.operation, call.actor)
        if not target.has_body and _brings_body(call.headers):
            raise malformed("This takes no body: what it is told goes into the query string.")
        if target.perform is not None:
            return await target.perform(call)
        await self._stream(target, call)
        return None

    async def _send(self, call: Call, answer: Answer) -> None:
        status, own, body = answer
        headers = [*own, *self._always, (b"x-request-id", call.request.encode())]
        if status not in _WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(body)))
        await send_answer(call.scope, call.send, status, headers, b"" if call.method == "HEAD" else body)

    async def _stream(self, target: _Target, call: Call) -> None:
        if call.method == "HEAD":
            raise wrong_method(call.route, ["GET"])
        fields = await target.collect(call)
        if target.resumes and (last := call.headers.get(b"last-event-id")):
            # It wins: an EventSource that connects again asks by the address that it began with.
            fields["after"] = last.decode("latin-1")
        door = self._door.of_request(call.actor, call.address, call.agent)
        events = target.operation.action(door, call.actor, *call.values, **fields)
        call.send = began = _Began(call.send)
        try:
            await self._streams.serve(
                call, events, [*STREAM_HEADERS, *self._always, (b"x-request-id", call.request.encode())]
            )
        except Exception as error:
            if not began.status:
                raise
            log_bug(call.method, call.route, call.actor, call.request, error)
        self._note(call, 200)

    async def _show_page(self, call: Call) -> None:
        seen = await self._pages.show(call.scope, call.receive, call.send, call.request)
        call.route, call.actor = seen.route, seen.actor
        self._note(call, seen.status)

    @staticmethod
    def _note(call: Call, status: int) -> None:
        seconds = perf_counter() - call.started
        call.measure.add(status, seconds)
        log_request(call.method, call.route, status, seconds, call.actor, call.request)


class _Began:
    """A `send` that remembers the status it has sent; 0 before."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Any) -> None:
        self.status = self.status or message.get("status", 0)
        await self._send(message)


def _brings_body(headers: RequestHeaders) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _allowed(methods: dict[str, _Target]) -> list[str]:
    return sorted({*methods, "HEAD"} if "GET" in methods else methods)


def _as_problem(answer: Answer) -> Answer:
    status, own, body = answer
    return status, [*_PROBLEM, *own], body


async def _answer_other_protocols(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    while scope["type"] == "lifespan":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
