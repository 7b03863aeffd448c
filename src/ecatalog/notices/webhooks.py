"""The channel that sends webhooks: one message after the other to each, with a deadline, never redirected."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

import aiohttp

from ecatalog.kit.clock import Clock
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Conflict
from ecatalog.kit.secrets import Secrets
from ecatalog.notices import webhook_queries as queries
from ecatalog.notices.channels import Outgoing, Refused
from ecatalog.notices.guarding import Guard, LookUp, Unreachable, guarded_connector
from ecatalog.notices.webhook_model import WEBHOOK, Subscription, body_of, headers_of
from ecatalog_client.addresses import Network, look_up
from ecatalog_client.types.webhooks import WebhookTest

DEADLINE_SECONDS = 10.0
# Seven tries in about nine hours: what comes later waits as long.
GAPS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
# Of an answer only the status counts. So much of its body is read that the connection can be used again.
_MOST_OF_A_BODY = 16 * 1024
_SECONDS_FOR_A_BODY = 0.5
_LONGEST_LINE = 8 * 1024
_LANES = 8


class Webhooks:
    """Keeps the contract `Channel`. `networks` are private ones that may be reached, also without TLS.

    `look_up` and `tls` are for tests, which have names and authorities of their own.
    """

    name = WEBHOOK
    lanes = _LANES
    gaps: Sequence[timedelta] = GAPS
    find_heads = staticmethod(queries.list_heads)

    def __init__(
        self,
        db: Database,
        secrets: Secrets,
        clock: Clock,
        networks: Sequence[Network] = (),
        *,
        look_up: LookUp = look_up,
        tls: ssl.SSLContext | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.secrets = secrets
        self.may_be_plain = bool(networks)
        self._db = db
        self._clock = clock
        self._deadline = deadline_seconds
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        # Made when they are first used: aiohttp wants a running loop.
        self._make: dict[str, Callable[[], aiohttp.TCPConnector]] = {
            "https": partial(guarded_connector, Guard(networks), look_up=look_up, tls=tls),
            "http": partial(guarded_connector, Guard(networks, for_plain=True), look_up=look_up),
        }

    async def deliver(self, message: Outgoing) -> None:
        """Sends the message to its webhook. Raises Refused."""
        found = await self._db.read(queries.find_subscription, message.recipient)
        if found is None:
            raise Refused("The webhook was removed.", is_final=True)
        await self._send(found, message.message_id, body_of(found.form, message.payload))

    async def try_out(self, subscription: Subscription, message_id: str, body: bytes) -> WebhookTest:
        """Sends this once, now, and tells how it went."""
        began, reason = time.monotonic(), ""
        try:
            await self._send(subscription, message_id, body)
        except Refused as refused:
            reason = refused.reason
        return WebhookTest(is_delivered=not reason, reason=reason, ms=round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _send(self, to: Subscription, message_id: str, body: bytes) -> None:
        timestamp = int(self._clock().timestamp())
        headers = headers_of(self._open_secrets(to), message_id, timestamp, body)
        try:
            status = await self._post(to.url, headers, body)
        except TimeoutError:
            raise Refused(f"It did not answer within {self._deadline:g} seconds.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Refused(_reason(error)) from None
        if not 200 <= status < 300:
            raise Refused(_refusal(status), is_final=status == 410)

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        session = self._session_of(url.partition(":")[0])
        # The deadline is over all: names, connecting, TLS, sending, and the answer.
        async with asyncio.timeout(self._deadline):
            answer = await session.post(url, data=body, headers=headers, allow_redirects=False)
        try:
            if answer.status < 300:
                await _read_away(answer)
            return answer.status
        finally:
            answer.release()

    def _session_of(self, scheme: str) -> aiohttp.ClientSession:
        if scheme not in self._sessions:
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=self._make[scheme](),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=_MOST_OF_A_BODY,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
            )
        return self._sessions[scheme]

    def _open_secrets(self, to: Subscription) -> list[str]:
        """The secrets that sign: the present one first. Raises Refused when they cannot be opened."""
        sealed = (each for each in (to.secret_encrypted, to.old_secret_encrypted) if each)
        try:
            return [self.secrets.open(each, purpose_of(to.id)) for each in sealed]
        except Conflict as error:
            raise Refused(error.message) from None


def purpose_of(webhook_id: str) -> str:
    """What the secrets of a webhook are sealed for."""
    return f"webhook:{webhook_id}"


async def _read_away(answer: aiohttp.ClientResponse) -> None:
    """Reads the body, for the sake of the connection. Whoever has said that he took it may be slow or break off now:
    to take that for a refusal would repeat what was delivered.
    """
    with suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
        async with asyncio.timeout(_SECONDS_FOR_A_BODY):
            await answer.content.read(_MOST_OF_A_BODY)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"It answered {status}: redirects are not followed. Give the address that it leads to."
    return f"It answered {status}, not 200 to 299."


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, Unreachable):
        return str(cause)
    if isinstance(cause, socket.gaierror):
        return "Its name has no address."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return f"Its certificate was not accepted: {getattr(error, 'certificate_error', error)}."
    if isinstance(error, aiohttp.ClientConnectorError):
        why = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else "no address of it answers"
        return f"It could not be connected to: {why}."
    return f"It broke the connection off, or answered what is no HTTP: {type(error).__name__}."
