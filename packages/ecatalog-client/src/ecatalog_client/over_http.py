"""Calls over HTTP/1.1, by aiohttp: JSON there and back, problems (RFC 9457) as errors of the family, SSE as feeds."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from ecatalog_client.calls import CONNECT_SECONDS, Attempt, FailedError
from ecatalog_client.errors import FAMILY, CatalogError, Invalid, Unanswered, Unavailable
from ecatalog_client.operation import Ask
from ecatalog_client.sse import EventReader
from ecatalog_client.tls import Tls, context_of
from ecatalog_client.transport import MESSAGE_LIMIT, Reply

# Streams are never silent: the gateway sends a comment every 15 s. An answer may take as long as the call's deadline.
SILENCE_SECONDS = 45.0
_MOST_CONNECTIONS = 100
_BY_CODE = {kind.code: kind for kind in FAMILY}
_BY_STATUS = {kind.status: kind for kind in FAMILY}
# Nothing was heard from the catalog itself: what stands in front of it says so.
_SILENT = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""
    fields: dict[str, str] = {}


class HttpTransport:
    """Towards one catalog, with a pool of connections that is opened by the first call. No proxy of the environment."""

    def __init__(self, url: str, token: str = "", *, tls: Tls | None = None) -> None:
        self.token = token
        self._url = url.rstrip("/")
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, ask: Ask, attempt: Attempt) -> Reply:
        """The answer. Raises FailedError."""
        try:
            async with asyncio.timeout(attempt.left):
                async with self._request(ask, attempt, silence=None) as response:
                    body = await _body_of(response)
                    _refuse(response, body)
                    return Reply(body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _lost(error, attempt) from error

    async def open(self, ask: Ask, attempt: Attempt) -> "HttpFeed":
        """The stream, once it has begun. Raises FailedError."""
        try:
            async with asyncio.timeout(attempt.left):
                response = await self._request(ask, attempt, silence=SILENCE_SECONDS)
                if response.status != HTTPStatus.OK:
                    async with response:
                        _refuse(response, await _body_of(response))
                        raise aiohttp.ClientPayloadError(f"{response.status} instead of a stream")
                return HttpFeed(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _lost(error, attempt) from error

    async def probe(self) -> None:
        try:
            async with self._sessions().get(URL(f"{self._url}/livez", encoded=True), allow_redirects=False) as response:
                await _body_of(response)
                if response.status != HTTPStatus.OK:
                    raise FailedError(_unanswered(), is_silence=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FailedError(_unanswered(), is_silence=True) from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _request(self, ask: Ask, attempt: Attempt, *, silence: float | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if ask.key:
            headers["Idempotency-Key"] = ask.key
        if ask.version is not None:
            headers["If-Match"] = f'"{ask.version}"'
        if ask.accept:
            headers["Accept"] = ask.accept
        body = None
        if ask.operation.has_body and ask.given:
            body, headers["Content-Type"] = msgspec.json.encode(ask.given), "application/json"
        attempt.is_sent = True
        return self._sessions().request(
            ask.operation.method,
            URL(self._url + ask.target(), encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=silence),
        )

    def _sessions(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_MOST_CONNECTIONS, ssl=context_of(self._tls))
            # A cookie that a login sets would win over the token.
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session


class HttpFeed:
    """The events of one response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._events = self._read()

    async def next(self) -> tuple[str, bytes] | None:
        try:
            return await anext(self._events, None)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable("The stream broke off. Follow it again.") from error

    async def aclose(self) -> None:
        self._response.close()

    async def _read(self) -> AsyncIterator[tuple[str, bytes]]:
        reader = EventReader(MESSAGE_LIMIT)
        async for chunk in self._response.content.iter_any():
            for event in reader.feed(chunk):
                yield event


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises ValueError for more than any answer has."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MESSAGE_LIMIT:
            response.close()
            raise ValueError("the answer is too large")
    return bytes(body)


def _refuse(response: aiohttp.ClientResponse, body: bytes) -> None:
    """Raises FailedError for what is no success."""
    if response.status < 300:
        return
    error = error_from(response.status, body, response.headers.get("Retry-After"))
    raise FailedError(error, is_silence=response.status >= 500)


def error_from(status: int, body: bytes, retry_after: str | None) -> CatalogError:
    """The error of the family that an answer stands for: by its code, else by its status."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = _Problem()
    kind = _BY_CODE.get(problem.code) or _kind_of(status)
    words = problem.detail or f"The catalog answered {status}. Check the address: {_ADVICE}."
    return kind(words, fields=problem.fields, retry_after=_seconds(retry_after))


_ADVICE = "it is that of the catalog, with https where that is asked for"


def _kind_of(status: int) -> type[CatalogError]:
    if status in _SILENT:
        return Unanswered
    if status < 400:
        return Unavailable
    return _BY_STATUS.get(status) or (Invalid if status < 500 else CatalogError)


def _seconds(text: str | None) -> float | None:
    """Of `Retry-After` in seconds; a date (RFC 9110, 10.2.3) is left to the usual pauses."""
    return float(text) if text is not None and text.isdigit() else None


_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


def _lost(error: Exception, attempt: Attempt) -> FailedError:
    """What a try has failed with that got no answer, or none that can be read."""
    if isinstance(error, _UNSENT):
        attempt.is_sent = False
        return FailedError(Unanswered("The catalog cannot be reached. Try again in a moment."), is_silence=True)
    return FailedError(_unanswered(), is_silence=True)


def _unanswered() -> Unanswered:
    return Unanswered("The catalog did not answer in time. Try again in a moment.")
