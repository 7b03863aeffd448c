"""One request on its way through the shell, and the answer that goes back."""

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from ecatalog.kit.actor import ANONYMOUS, Actor
from ecatalog.web.callers import RequestHeaders
from ecatalog.web.limits import Receive
from ecatalog.web.log import new_request_id
from ecatalog.web.measures import Measure
from ecatalog.web.problems import Headers
from ecatalog.web.writing import WHOLE

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, Headers, bytes]


class Call:
    """The ASGI triple, and what is found out about it step by step: until then nobody calls no route.

    `request` is its id, `started` from `perf_counter`, `values` are those of the path's parameters.
    """

    __slots__ = (
        "actor",
        "headers",
        "measure",
        "method",
        "receive",
        "request",
        "route",
        "scope",
        "send",
        "started",
        "values",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, measure: Measure) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.measure = measure
        self.method: str = scope["method"]
        self.request = new_request_id()
        self.started = perf_counter()
        self.route = "-"
        self.actor: Actor = ANONYMOUS
        self.headers: RequestHeaders = {}
        self.values: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The peer's address, empty when the server does not know it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def agent(self) -> str:
        return self.headers.get(b"user-agent", b"").decode("latin-1")

    @property
    def if_match(self) -> str | None:
        found = self.headers.get(b"if-match")
        return None if found is None else found.decode("latin-1")

    @property
    def key(self) -> str | None:
        """The `Idempotency-Key`, which counts for POST and PATCH; PUT and DELETE do the same each time anyway."""
        found = self.headers.get(b"idempotency-key") if self.method in ("POST", "PATCH") else None
        return None if found is None else found.decode("latin-1")


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer: in one message where the server takes that, else in the two of ASGI."""
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": status, "headers": headers, "body": body})
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
