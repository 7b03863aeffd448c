"""One request on its way through the shell, and the answer that goes back."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ecatalog.kit.actor import Actor
from ecatalog.web.callers import RequestHeaders
from ecatalog.web.limits import Receive
from ecatalog.web.problems import Headers

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, Headers, bytes]


class Call:
    """The ASGI triple, the headers by name, the caller, and the values of the path's parameters."""

    __slots__ = ("actor", "headers", "receive", "request", "scope", "send", "values")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: RequestHeaders,
        actor: Actor,
        values: tuple[str, ...],
        request: str,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.headers = headers
        self.actor = actor
        self.values = values
        self.request = request

    @property
    def address(self) -> str:
        """The peer's address, empty when the server does not know it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def agent(self) -> str:
        return self.headers.get(b"user-agent", b"").decode("latin-1")


async def send_answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """The two ASGI messages of a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
