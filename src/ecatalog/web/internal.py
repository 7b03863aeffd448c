"""The inside listener: /livez, /readyz and /metrics. It is bound to a private address and knows no sessions."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ecatalog.web.by_path import ALIVE, UNKNOWN, ByPath, health
from ecatalog.web.call import Answer

# What keeps the process from working, in sentences; nothing when it is ready.
Readiness = Callable[[], Awaitable[list[str]]]

_METRICS = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]


class Internal(ByPath):
    """An ASGI application for operators and their tools."""

    def __init__(self, readiness: Readiness, registry: CollectorRegistry) -> None:
        self._readiness = readiness
        self._registry = registry

    async def _answer(self, path: str) -> Answer:
        if path == "/livez":
            return ALIVE
        if path == "/readyz":
            return health(await self._readiness(), "ready")
        if path == "/metrics":
            return 200, _METRICS, generate_latest(self._registry)
        return UNKNOWN
