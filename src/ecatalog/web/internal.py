"""The inside listener: /livez, /readyz and /metrics. It is bound to a private address and knows no sessions."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ecatalog.web.answers import encode
from ecatalog.web.call import Answer, Scope, Send, send_answer
from ecatalog.web.limits import Receive

# What keeps the process from working, in sentences; nothing when it is ready.
Readiness = Callable[[], Awaitable[list[str]]]

_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_METRICS = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]


class Internal:
    """An ASGI application for operators and their tools."""

    def __init__(self, readiness: Readiness, registry: CollectorRegistry) -> None:
        self._readiness = readiness
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, headers, body = await self._answer(scope["path"])
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send_answer(scope, send, status, headers, b"" if scope["method"] == "HEAD" else body)

    async def _answer(self, path: str) -> Answer:
        if path == "/livez":
            return 200, _JSON, b'{"status":"ok"}'
        if path == "/readyz":
            return await self._ready()
        if path == "/metrics":
            return 200, _METRICS, generate_latest(self._registry)
        return 404, _JSON, b'{"status":"unknown"}'

    async def _ready(self) -> Answer:
        problems = await self._readiness()
        status = "not ready" if problems else "ready"
        return 503 if problems else 200, _JSON, encode({"status": status, "problems": problems})
