"""The ASGI application of the catalog: finds the route, the caller and the operation, and answers whatever
happens.

It stands below Starlette, because a router and request objects cost a third of what an answer from memory
costs. Pages are behind it: paths that are no operation and not under /api/.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from ecatalog.kit.actor import ANONYMOUS, Actor, Role
from ecatalog.kit.errors import CatalogError, Forbidden, NotFound, Unauthorized
from ecatalog.web.answers import AnswerMemory
from ecatalog.web.call import Answer, Call, Scope, Send, send_answer
from ecatalog.web.callers import Callers, read_headers
from ecatalog.web.door import Door
from ecatalog.web.limits import Gone, Receive
from ecatalog.web.log import log_bug, log_request, new_request_id
from ecatalog.web.measures import Measure
from ecatalog.web.operation import Operation
from ecatalog.web.pages import PageShell
from ecatalog.web.problems import (
    PROBLEM_TYPE,
    Headers,
    WireError,
    encode_bug,
    encode_problem,
    wrong_method,
)
from ecatalog.web.routes import Routes
from ecatalog.web.streams import STREAM_HEADERS, Streams
from ecatalog.web.targets import collector, performer

_PROBLEM: Headers = [(b"content-type", PROBLEM_TYPE), (b"cache-control", b"no-store")]
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_ONLY_HTTPS: Headers = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]
_LONGEST_PATH = 2000


class _Target:
    __slots__ = ("collect", "measure", "operation", "perform", "route")

    def __init__(self, operation: Operation, door: Door, memory: AnswerMemory) -> None:
        self.operation = operation
        self.route = operation.path
        self.measure = Measure(operation.name)
        self.collect = collector(operation)
        self.perform = None if operation.kind == "stream" else performer(operation, door, memory)


class Dispatch:
    """Every request of the catalog.

    `pages` gets what is no operation; `streams` are ended by `end_streams`.
    """

    def __init__(self, operations: Iterable[Operation], *, door: Door, callers: Callers, pages: PageShell) -> None:
        self._door = door
        self._callers = callers
        self._pages = pages
        self._streams = Streams(callers)
        self._always = _ALWAYS + (_ONLY_HTTPS if callers.is_secure else [])
        self._other = Measure("other")
        self._page = Measure("page")
        self._routes: Routes[_Target] = Routes()
        memory = AnswerMemory(door.db.counter)
        self._targets = [_Target(operation, door, memory) for operation in operations]
        for target in self._targets:
            self._routes.add(target.operation.method, target.operation.path, target)

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
        started, path = perf_counter(), scope["path"]
        found = self._routes.find(path) if len(path) <= _LONGEST_PATH else None
        if found is None and not path.startswith("/api/"):
            await self._show_page(scope, receive, send, started)
            return
        request, method = new_request_id(), scope["method"]
        target, route, actor, measure = None, "-", ANONYMOUS, self._other
        try:
            headers = read_headers(scope["headers"])
            if found is None:
                raise NotFound("There is nothing here. The operations are listed at /api/openapi.json.")
            methods, values = found
            target = methods.get("GET" if method == "HEAD" else method)
            route = next(iter(methods.values())).route
            if target is None:
                raise wrong_method(route, _allowed(methods))
            measure = target.measure
            actor = self._callers.actor_of(headers, method)
            _refuse_unless(target.operation, actor)
            call = Call(scope, receive, send, headers, actor, values, request)
            if target.perform is None:
                await self._stream(target, call, started)
                return
            answer = await target.perform(call)
        except Gone:
            return
        except (CatalogError, WireError) as error:
            answer = _as_problem(encode_problem(error))
        except Exception as error:  # A fault of ours: told in the log only.
            log_bug(method, route, actor, request, error)
            answer = _as_problem(encode_bug(request))
        status, own, body = answer
        await send_answer(send, status, self._headers(own, len(body), request), body if method != "HEAD" else b"")
        measure.add(status, perf_counter() - started)
        log_request(method, route, status, started, actor, request)

    def _headers(self, own: Headers, length: int, request: str) -> Headers:
        ours = [(b"content-length", b"%d" % length), (b"x-request-id", request.encode())]
        return [*own, *self._always, *ours]

    async def _stream(self, target: _Target, call: Call, started: float) -> None:
        method, route = call.scope["method"], target.route
        if method == "HEAD":
            raise wrong_method(route, ["GET"])
        fields = await target.collect(call)
        door = self._door.of_request(call.address, call.agent)
        events = target.operation.action(door, call.actor, *call.values, **fields)
        began = _Began(call.send)
        call.send = began
        headers = [*STREAM_HEADERS, *self._always, (b"x-request-id", call.request.encode())]
        try:
            await self._streams.serve(call, events, headers)
        except Exception as error:
            if not began.status:
                raise
            log_bug(method, route, call.actor, call.request, error)
        target.measure.add(200, perf_counter() - started)
        log_request(method, route, 200, started, call.actor, call.request)

    async def _show_page(self, scope: Scope, receive: Receive, send: Send, started: float) -> None:
        request = new_request_id()
        seen = await self._pages.show(scope, receive, send, request)
        self._page.add(seen.status, perf_counter() - started)
        log_request(scope["method"], seen.route, seen.status, started, seen.actor, request)


class _Began:
    """A `send` that remembers the status it has sent; 0 before."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Any) -> None:
        self.status = self.status or message.get("status", 0)
        await self._send(message)


def _refuse_unless(operation: Operation, actor: Actor) -> None:
    if actor.role in operation.may:
        return
    if actor.role is Role.ANONYMOUS:
        raise Unauthorized("Log in first: your session has ended, or there was none.")
    raise Forbidden(f"This is not for the role {actor.role}. Ask an administrator.")


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
