"""The catalog as neighbours call it: `AsyncCatalog`, and `Catalog` for who does not use asyncio.

The address chooses the transport: https:// and http:// for REST, grpcs:// and grpc:// for gRPC.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from ecatalog_client.blocking_groups import BlockingGroups
from ecatalog_client.breaker import Breaker
from ecatalog_client.calls import Hooks
from ecatalog_client.groups import Groups
from ecatalog_client.line import DEADLINE, Line
from ecatalog_client.loops import LoopThread
from ecatalog_client.tls import Tls
from ecatalog_client.transport import Transport
from ecatalog_client.types.events import Topic
from ecatalog_client.watching import AsyncWatch, Watch

__all__ = ["AsyncCatalog", "Breaker", "Catalog", "Hooks", "Tls"]


class AsyncCatalog(Groups):
    """A catalog at `url`, for `token`: that of a session, or of a service.

    Every call ends within `deadline` seconds, or its own. Give two catalogs of one upstream the same `breaker`, and
    each learns from the other's failures. Close it (`async with`) when it is no longer wanted. `line` calls rows of the
    table of operations, for who finds them by name.

    >>> import asyncio
    >>> async def names(url: str, token: str) -> list[str]:
    ...     async with AsyncCatalog(url, token) as catalog:
    ...         return [client.name async for client in catalog.clients.list(company="acme")]
    >>> asyncio.run(names(url, token))
    ['Client of acme']
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        deadline: float = DEADLINE,
        hooks: Hooks | None = None,
        breaker: Breaker | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.line = Line(open_transport(url, token, tls), deadline=deadline, hooks=hooks, breaker=breaker)
        super().__init__(self.line)

    @property
    def token(self) -> str:
        """Goes with every call. Set it after a login."""
        return self.line.transport.token

    @token.setter
    def token(self, token: str) -> None:
        self.line.transport.token = token

    @property
    def breaker(self) -> Breaker:
        """Of this upstream: its state is for metrics, itself for another catalog of the same upstream."""
        return self.line.caller.breaker

    def watch(self, topics: Iterable[Topic] = (), *, after: str = "") -> AsyncWatch:
        """What happens from now on, or after a cursor, of these topics or of all that the token may read.

        It connects again by itself, and tells each event once.
        """
        return AsyncWatch(self.line, topics, after)

    async def aclose(self) -> None:
        """Closes the connections. Twice does no harm."""
        await self.line.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.aclose()


class Catalog(BlockingGroups):
    """The same for who does not use asyncio: its methods wait, and may be called from any thread.

    >>> with Catalog(url, token) as catalog:
    ...     client = next(iter(catalog.clients.list(company="acme")))
    ...     renewed = catalog.clients.renew(client.id, days=7, version=client.version)
    ...     print(renewed.access_end_date)
    2026-04-07

    A refusal is an error of `ecatalog_client.errors`:

    >>> with Catalog(url, token) as catalog:
    ...     catalog.clients.get("nobody")
    Traceback (most recent call last):
    ecatalog_client.errors.NotFound: There is no such client.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        deadline: float = DEADLINE,
        hooks: Hooks | None = None,
        breaker: Breaker | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._catalog = AsyncCatalog(url, token, deadline=deadline, hooks=hooks, breaker=breaker, tls=tls)
        self._loop = LoopThread()
        super().__init__(self._catalog, self._loop)

    @property
    def token(self) -> str:
        """Goes with every call. Set it after a login."""
        return self._catalog.token

    @token.setter
    def token(self, token: str) -> None:
        self._catalog.token = token

    @property
    def breaker(self) -> Breaker:
        """Of this upstream: its state is for metrics."""
        return self._catalog.breaker

    def watch(self, topics: Iterable[Topic] = (), *, after: str = "") -> Watch:
        """What happens from now on, or after a cursor, of these topics or of all that the token may read.

        It connects again by itself, and tells each event once.

        >>> with Catalog(url, token) as catalog, catalog.watch(["access"]) as watch:
        ...     client = next(iter(catalog.clients.list(company="bolt")))
        ...     _ = catalog.clients.revoke(client.id, reason="over")
        ...     event = next(watch)
        ...     print(event.kind, event.client_id == client.id, watch.cursor == event.cursor)
        client.revoked True True
        """
        return Watch(self._catalog.watch(topics, after=after), self._loop)

    def close(self) -> None:
        """Closes the connections and ends the thread. Twice does no harm."""
        if self._loop.is_running:
            self._loop.run(self._catalog.aclose())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def open_transport(url: str, token: str, tls: Tls | None) -> Transport:
    """Towards that address; it connects with the first call. ValueError for an address of another kind."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        from ecatalog_client.over_http import HttpTransport

        return HttpTransport(url, token, tls=tls)
    if parts.scheme in ("grpc", "grpcs") and parts.netloc and not parts.path.strip("/"):
        from ecatalog_client.over_grpc import GrpcTransport

        return GrpcTransport(parts.netloc, token, tls=(tls or Tls()) if parts.scheme == "grpcs" else None)
    raise ValueError(
        f"{url!r} is no address of a catalog: write https://catalog.example.com or grpcs://catalog.example.com:9090"
    )
