"""A visitor's connection: parses requests one after the other, in order, and keeps either side from running
ahead.
"""

import asyncio
from collections import deque
from typing import cast

import structlog
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from ecatalog_edge.admission import admit
from ecatalog_edge.cookies import Ticket, find_ticket, split_cookies
from ecatalog_edge.proxy import Exchange
from ecatalog_edge.registry import Live
from ecatalog_edge.repeats import Repeats
from ecatalog_edge.request import LONGEST_HEAD, Request, ShapeError, forwarded_fields
from ecatalog_edge.site import Site
from ecatalog_edge.tunnel import reset

log = structlog.get_logger()

# From the end of one request to the complete head of the next: also what a client that dribbles its head has.
IDLE_SECONDS = 60.0
BODY_SECONDS = 60.0
# A demo may think for long before it answers, and a visitor may pause a download; nobody holds a connection
# for ever.
ANSWER_SECONDS = 300.0
LINGER_SECONDS = 2.0
_NEVER = float("inf")


class Visitor(asyncio.Protocol):
    """The server's side of one TCP connection."""

    transport: asyncio.Transport

    def __init__(self, site: Site) -> None:
        self._site = site
        self.loop = asyncio.get_running_loop()
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._request = Request()
        self._request.is_complete = True  # Nothing is under way.
        self._repeats = Repeats()
        self._exchange: Exchange | None = None
        self._queue: deque[Request] = deque()
        self._refused: ShapeError | None = None
        self._early = b""
        self._partial = 0
        self._is_in_head = False
        self._is_reading = True
        self._is_closing = False
        self._is_going_on = False
        self._deadline = self.loop.time() + IDLE_SECONDS
        self._address = ""
        self._host = b""
        self._label: str | None = None
        self._live: Live | None = None
        self._known: tuple[bytes, bytes, bytes, bytes] | None = None
        self._is_proxied = False
        self._ticket: Ticket | None = None
        self.is_choked = False
        self.cookie_for_demo = b""
        self.forwarded = b""

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self._is_proxied = self._site.proxies.include(self._address)
        self._site.visitors.add(self)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            if not self._is_closing:
                self._early += data
                self.regulate()
            return
        is_between = self._request.is_complete and not self._is_in_head
        if is_between and self._exchange is None and not (self._queue or self.is_choked or self._is_closing):
            again = self._repeats.find(data)
            if again is not None:
                self._request = again
                self._begin(again)
                return
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._parser = None
            self._early = data[upgrade.args[0] :]
            self.regulate()
        except HttpParserError as error:
            self._malformed(_refused_by(error))
        else:
            if self._is_in_head:
                self._check_partial(len(data))
            elif self._queue or not self._request.is_complete:
                self.regulate()
            elif is_between:
                self._repeats.remember(data, self._request)

    def eof_received(self) -> None:
        """A client that has hung up is not told any more: the transport closes, as it would for a reset."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._site.visitors.discard(self)
        self._is_closing = True
        self._parser = None
        self._queue.clear()
        if self._exchange is not None:
            self._exchange.abandon("visitor")
            self._exchange = None
        self._release()

    def pause_writing(self) -> None:
        self.is_choked = True
        self._deadline = self.loop.time() + ANSWER_SECONDS
        if self._exchange is not None and self._exchange.upstream is not None:
            self._exchange.upstream.pause(True)
        self.regulate()

    def resume_writing(self) -> None:
        self.is_choked = False
        exchange = self._exchange
        if exchange is not None:
            self._deadline = _NEVER if exchange.is_headed else self.loop.time() + ANSWER_SECONDS
            if exchange.upstream is not None:
                exchange.upstream.pause(False)
            else:
                exchange.drained()
        self._go_on()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._is_in_head = True
        self._partial = 0

    def on_url(self, part: bytes) -> None:
        self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:
            self._request.add(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._is_closing:
            return
        request = self._request
        request.finish(cast("HttpRequestParser", self._parser))
        # A request without a body is complete here: what is decided about it need not wait for the parser to
        # say so.
        request.is_complete = not request.has_body
        if self._exchange is None and not self._queue and not self.is_choked:
            self._begin(request)
        else:
            self._queue.append(request)

    def on_body(self, chunk: bytes) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.request is self._request:
            if not exchange.is_headed:
                self._deadline = self.loop.time() + BODY_SECONDS
            exchange.send(chunk)
        elif not self._is_closing:
            self._request.body.append(chunk)

    def on_message_complete(self) -> None:
        request = self._request
        if request.is_complete:
            return
        request.is_complete = True
        exchange = self._exchange
        if exchange is not None and exchange.request is request:
            exchange.send_end()
            if not exchange.is_headed:
                self._deadline = self.loop.time() + ANSWER_SECONDS

    # What the exchange asks for.

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def has_answer(self) -> None:
        """From here on an answer may take as long as access lasts, unless the visitor stops reading."""
        if not self.is_choked:
            self._deadline = _NEVER

    def done(self, exchange: Exchange) -> None:
        """The answer is written: go on with the next request, or end."""
        self._exchange = None
        if not exchange.request.keep_alive:
            self._close_gently()
            return
        self._deadline = self.loop.time() + IDLE_SECONDS
        if self._queue or self._refused is not None or not self._is_reading:
            self._go_on()

    def reset(self) -> None:
        """Breaks off in a way that the visitor notices."""
        self._exchange = None
        self._is_closing = True
        reset(self.transport)

    def hand_over(self) -> bytes:
        """Gives both the socket and the hold on the launch to a tunnel; what was read beyond the handshake."""
        self._site.visitors.discard(self)
        self._exchange = self._live = None
        if not self._is_reading:
            self.transport.resume_reading()
        return self._early

    def regulate(self) -> None:
        """Reads exactly while something can be done with what arrives."""
        wants = self._is_closing or self._wants_more()
        if wants is not self._is_reading and not self.transport.is_closing():
            self._is_reading = wants
            if wants:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _wants_more(self) -> bool:
        if self._queue or self._refused is not None or self._parser is None:
            return False
        exchange = self._exchange
        if exchange is None:
            return not self.is_choked
        return exchange.request.is_complete or exchange.takes_body

    # Who this is, kept from request to request: browsers send the same fields again and again.

    def ticket_for(self, label: str, request: Request) -> Ticket | None:
        """The verified cookie of this request; sets what the demo gets for a Cookie field, and who is said to
        ask.
        """
        key = self._site.guard.cookie_key
        cookie = request.read.get(b"cookie", b"")
        through = request.read.get(b"x-forwarded-for", b"") if self._is_proxied else b""
        known = (request.host, cookie, key, through)
        if known != self._known:
            ours, self.cookie_for_demo = split_cookies(cookie, self._site.cookie_name)
            self._ticket = find_ticket(key, label, ours)
            self.forwarded = forwarded_fields(
                self._site.hosts.scheme, request.host, self._site.proxies.visitor_behind(self._address, through)
            )
            self._known = known
        return self._ticket

    def label_of(self, host: bytes) -> str | None:
        """The label of a Host field; None for a host that is no demo's."""
        if host != self._host:
            self._host, self._label = host, self._site.hosts.label_of(host)
        return self._label

    def live_for(self, live: Live | None) -> None:
        """Holds another launch from now on, or none."""
        self._release()
        self._live = live

    @property
    def live(self) -> Live | None:
        return self._live

    # The course of things.

    def expire(self, now: float) -> None:
        """Called every second or so: ends what has waited too long."""
        if now < self._deadline:
            return
        self._deadline = now + LINGER_SECONDS
        if self._is_closing or self.is_choked:
            self.transport.abort()
        elif self._exchange is not None:
            self._exchange.too_slow()
        else:
            self.transport.close()

    def stop(self) -> None:
        """The edge stops: an idle connection ends now, a busy one with its answer."""
        if self._exchange is None:
            self.transport.close()
        else:
            self._exchange.request.keep_alive = False

    def _begin(self, request: Request) -> None:
        began = self.loop.time()
        self._deadline = began + (ANSWER_SECONDS if request.is_complete else BODY_SECONDS)
        self._exchange = exchange = Exchange(self._site, self, request, began)
        admit(self._site, self, exchange)

    def _go_on(self) -> None:
        """Begins waiting requests, in order, one at a time.

        Not entered twice: an own answer is done at once.
        """
        if self._is_going_on:
            return
        self._is_going_on = True
        try:
            while self._queue and self._exchange is None and not self.is_choked and not self._is_closing:
                self._begin(self._queue.popleft())
        finally:
            self._is_going_on = False
        if self._refused is not None and self._exchange is None and not self._queue and not self._is_closing:
            self._malformed(self._refused)
        self.regulate()

    def _check_partial(self, size: int) -> None:
        """Counts what has come of a head that is not complete; its first piece is at most one read."""
        if self._partial:
            self._partial += size
        else:
            self._partial = 1
        if self._partial > LONGEST_HEAD:
            self._malformed(ShapeError(400, "The head of this request is too large."))

    def _malformed(self, refused: ShapeError) -> None:
        """Refuses, after what was asked before is answered, and ends the connection: where the next request
        begins is not clear.
        """
        if self._is_closing:
            return
        self._parser = None
        exchange = self._exchange
        if exchange is not None and exchange.request is self._request and not exchange.request.is_complete:
            self._site.stats.refused_shapes += 1
            exchange.refuse(refused)
        elif exchange is not None or self._queue:
            self._refused = refused
            self.regulate()
        else:
            self._refused = None
            self._site.stats.refused_shapes += 1
            Exchange(self._site, self, self._request, self.loop.time()).refuse(refused)

    def _close_gently(self) -> None:
        """Says that nothing follows, and reads on for a moment: closing on unread bytes would take the answer
        with it.
        """
        self._is_closing = True
        self._parser = None
        self._queue.clear()
        self._deadline = self.loop.time() + LINGER_SECONDS
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self.regulate()

    def _release(self) -> None:
        if self._live is not None:
            self._site.guard.registry.release(self._live)
            self._live = None


def _refused_by(error: HttpParserError) -> ShapeError:
    """What to answer: our own refusal, a malformed request, or a fault of ours."""
    if not isinstance(error, HttpParserCallbackError):
        return ShapeError(400, f"This is not well-formed HTTP: {error}.")
    cause = error.__context__
    if isinstance(cause, ShapeError):
        return cause
    log.error("visitor.bug", exc_info=cause)
    return ShapeError(500, "Something went wrong here; it has been noted.")
