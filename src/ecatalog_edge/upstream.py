"""The connections to demos: one request at a time on each, kept for the next, and never shared between
launches.
"""

import asyncio
import ssl
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, cast

import structlog
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from ecatalog_client.types.serving import ServedLaunch
from ecatalog_edge.answer import LONGEST_HEAD, Answer, AnswerError
from ecatalog_edge.reaching import checked_address
from ecatalog_edge.repeats import KnownAnswers

if TYPE_CHECKING:
    from ecatalog_edge.proxy import Exchange

log = structlog.get_logger()

CONNECT_SECONDS = 5.0
# Servers close idle connections after five seconds and more; reusing one at that very moment loses a request.
IDLE_SECONDS = 4.0
MOST_IDLE = 64
MOST_INTERIM = 16


class Upstream(asyncio.Protocol):
    """One connection to a demo. What arrives is told to the exchange that it serves just then."""

    transport: asyncio.Transport

    def __init__(self, pool: "Pool", key: str) -> None:
        self._pool = pool
        self.key = key
        self.exchange: Exchange | None = None
        self.answer = Answer()
        self.is_reused = False
        self.is_choked = False
        self.has_answered = False
        self.idle_since = 0.0
        self._is_over = False
        self._is_dirty = False
        self._interims = 0
        self._is_paused = False
        self._is_begun = False
        self._is_headed = False
        self._head_bytes = 0
        self._parser = HttpResponseParser(self)
        self._answers = KnownAnswers()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._is_over:
            self._is_dirty = True
            raise AnswerError("there is more than one answer")
        self._is_begun = True
        self._is_headed = False
        self._head_bytes = 0
        self.answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_headed:
            self.answer.add(name, value)
        else:
            self.answer.add_trailer(name, value)

    def on_headers_complete(self) -> None:
        exchange = cast("Exchange", self.exchange)
        answer = self.answer
        parser = self._parser
        self._is_headed = True
        is_head = exchange.request.method == b"HEAD"
        answer.finish(parser.get_status_code(), parser.get_http_version(), is_head=is_head)
        if answer.is_interim:
            self._interims += 1
            if self._interims > MOST_INTERIM:
                raise AnswerError("there is no end of interim answers")
            exchange.interim(answer.status)
        elif answer.status != 101:
            exchange.answered(answer)
            self._is_over = is_head

    def on_body(self, chunk: bytes) -> None:
        if self._is_over:
            self._is_dirty = True
        else:
            cast("Exchange", self.exchange).body(chunk)

    def on_message_complete(self) -> None:
        if not self.answer.is_interim and self.answer.status != 101:
            self._is_over = True

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            # Nobody asked: a demo that talks unasked could slip an answer to the next visitor.
            self.transport.abort()
            return
        self.has_answered = True
        exchange.look_at_clock()
        if self.exchange is None:
            return
        is_first = not self._is_begun and exchange.is_plain
        if is_first and (found := self._answers.find(data)) is not None:
            known, body = found
            self.answer = known.answer
            exchange.answered_again(known.answer, known.head, body)
            self._settle(exchange)
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._switch(exchange, data[upgrade.args[0] :])
            return
        except HttpParserError as error:
            if isinstance(error, HttpParserCallbackError) and not isinstance(error.__context__, AnswerError):
                log.error("upstream.bug", exc_info=error.__context__)
            self._is_dirty = True
        if is_first and self._is_over and not self._is_dirty:
            self._answers.remember(data, self.answer)
        self._after(exchange, len(data))

    def _after(self, exchange: "Exchange", size: int) -> None:
        if self._is_over:
            self._settle(exchange)
            return
        exchange.flush()
        if not self._is_headed:
            self._head_bytes += size
        if self._is_dirty or self._head_bytes > LONGEST_HEAD:
            self.drop()
            exchange.upstream_lost("bad_answer")

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        exchange = self.exchange
        if exchange is None:
            return
        if self._is_headed and self.answer.is_close_delimited and exc is None:
            self._is_dirty = True
            self._settle(exchange)
        else:
            self.exchange = None
            exchange.upstream_lost("closed")

    def pause_writing(self) -> None:
        self.is_choked = True
        if self.exchange is not None:
            self.exchange.visitor.regulate()

    def resume_writing(self) -> None:
        self.is_choked = False
        if self.exchange is not None:
            self.exchange.visitor.regulate()

    # What the exchange asks for.

    def pause(self, is_paused: bool) -> None:
        """Stops reading while the visitor does not keep up."""
        if is_paused is self._is_paused or self.transport.is_closing():
            return
        self._is_paused = is_paused
        if is_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def drop(self) -> None:
        """Ends this connection, whatever it was doing."""
        self.exchange = None
        self.transport.abort()

    def _settle(self, exchange: "Exchange") -> None:
        """The answer is complete: keep the connection if both sides said all they had to say."""
        self.exchange = None
        if self.answer.keep_alive and not self._is_dirty and exchange.request.is_complete:
            if exchange.request.method == b"HEAD":
                # The parser waits for a body that does not come; there is no other way to tell it.
                self._parser = HttpResponseParser(self)
            self._is_over = self._is_begun = self._is_headed = self.has_answered = False
            self._interims = 0
            self.pause(False)
            self._pool.keep(self, exchange.visitor.loop.time())
        else:
            self.transport.abort()
        exchange.ended(self.answer.trailers)

    def _switch(self, exchange: "Exchange", early: bytes) -> None:
        self.exchange = None
        if exchange.request.is_websocket and self.answer.upgrade.lower() == b"websocket":
            self._pool.forget(self)
            exchange.switched(self, early)
        else:
            self.transport.abort()
            exchange.upstream_lost("bad_answer")


@cache
def _trusting() -> ssl.SSLContext:
    """For demos elsewhere that speak TLS: their certificates are those of the public, or of the machine."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Pool:
    """Idle connections by launch and address, so that a port that was handed on is never met with an old
    connection.
    """

    def __init__(self, *, may_be_local: bool = False) -> None:
        self._may_be_local = may_be_local
        self._idle: dict[str, deque[Upstream]] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self.is_closed = False

    def take(self, key: str, now: float) -> Upstream | None:
        """The idle connection used last, if it is fresh enough."""
        idle = self._idle.get(key)
        while idle:
            upstream = idle.pop()
            if not idle:
                del self._idle[key]
            if not upstream.transport.is_closing() and now - upstream.idle_since < IDLE_SECONDS:
                upstream.is_reused = True
                return upstream
            upstream.transport.abort()
        return None

    def keep(self, upstream: Upstream, now: float) -> None:
        """Takes a connection back; `now` by the loop's clock."""
        idle = self._idle.setdefault(upstream.key, deque())
        if len(idle) >= MOST_IDLE or self.is_closed:
            upstream.transport.abort()
            return
        upstream.idle_since = now
        idle.append(upstream)

    def forget(self, upstream: Upstream) -> None:
        idle = self._idle.get(upstream.key)
        if idle and upstream in idle:
            idle.remove(upstream)
            if not idle:
                del self._idle[upstream.key]

    def connect(self, exchange: "Exchange", key: str, launch: ServedLaunch) -> None:
        """Opens a new connection and tells the exchange; the one task of the data path, and a rare one."""
        task = asyncio.get_running_loop().create_task(self._connect(exchange, key, launch))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, exchange: "Exchange", key: str, launch: ServedLaunch) -> None:
        speaks_tls = launch.upstream.startswith("https://")
        name, _, port = launch.upstream.removeprefix("https://").rpartition(":")
        name = name.strip("[]")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                host = name
                if launch.is_elsewhere:
                    host = await checked_address(name, int(port), may_be_local=self._may_be_local)
                _, upstream = await asyncio.get_running_loop().create_connection(
                    lambda: Upstream(self, key),
                    host,
                    int(port),
                    ssl=_trusting() if speaks_tls else None,
                    server_hostname=name if speaks_tls else None,
                )
        except (OSError, ValueError) as error:
            exchange.not_connected(f"connect_{type(error).__name__}")
            return
        exchange.connected(upstream)

    def sweep(self, now: float) -> None:
        """Closes what has been idle for too long."""
        for key, idle in list(self._idle.items()):
            while idle and now - idle[0].idle_since >= IDLE_SECONDS:
                idle.popleft().transport.abort()
            if not idle:
                self._idle.pop(key, None)

    def close(self) -> None:
        self.is_closed = True
        for task in self._connecting:
            task.cancel()
        for idle in self._idle.values():
            for upstream in idle:
                upstream.transport.abort()
        self._idle.clear()
