"""One request on its way to a demo, and the answer on its way back; called by the two sockets alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ecatalog_edge.answer import STATUS_LINES, Answer
from ecatalog_edge.cookies import expire_cookie
from ecatalog_edge.greeting import greeting
from ecatalog_edge.injecting import with_script
from ecatalog_edge.journal import Ended
from ecatalog_edge.origins import SAFE_METHODS
from ecatalog_edge.pages import denial_answer, ended_with_access, refusal_answer, wants_json
from ecatalog_edge.reaching import authority_of
from ecatalog_edge.registry import Live
from ecatalog_edge.request import Request, ShapeError
from ecatalog_edge.site import Site
from ecatalog_edge.state import Denial, Why
from ecatalog_edge.tunnel import Tunnel
from ecatalog_edge.upstream import Upstream

if TYPE_CHECKING:
    from ecatalog_edge.visitor import Visitor

_LONGEST_COLLECTED = 64
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """A request and its answer: the demo's (then it is live, and can be cut, from `open` on) or one of our
    own.
    """

    __slots__ = (
        "_bytes_out",
        "_chunks",
        "_collected",
        "_injects",
        "_is_closed",
        "_live",
        "_out",
        "_sent_body",
        "_site",
        "_status",
        "_taken",
        "began",
        "is_headed",
        "kind",
        "request",
        "upstream",
        "visitor",
    )

    def __init__(self, site: Site, visitor: "Visitor", request: Request, began: float) -> None:
        self.kind = "request"
        self.visitor = visitor
        self.request = request
        self.upstream: Upstream | None = None
        self.is_headed = False
        self._site = site
        self._live: Live | None = None
        self.began = began
        self._status = 0
        self._bytes_out = 0
        self._chunks = False
        self._out: list[bytes] = []
        self._is_closed = False
        self._sent_body = False
        self._taken = 0
        self._injects: Answer | None = None
        self._collected: Callable[[bytes], None] | None = None

    @property
    def takes_body(self) -> bool:
        """False while the demo does not keep up, or is not there yet."""
        if self._is_closed or self._collected is not None:
            return True
        return self.upstream is not None and not self.upstream.is_choked

    # Towards the demo.

    def open(self, live: Live) -> None:
        """Serves it: from here on it can be cut."""
        self._live = live
        live.connections.add(self)
        live.use.asked(int(self._site.guard.clock.last))
        self._reach(live, may_reuse=True)

    def collect(self, collected: Callable[[bytes], None]) -> None:
        """An own answer that waits for the request's body, which must be short."""
        self._collected = collected
        if self.request.is_complete:
            self.send_end()
        else:
            self.visitor.regulate()

    def _reach(self, live: Live, *, may_reuse: bool) -> None:
        key = live.upstream_key
        if live.launch.is_elsewhere:
            self.request.host = authority_of(live.launch.upstream)  # It knows no host of ours.
        upstream = self._site.pool.take(key, self.began) if may_reuse else None
        if upstream is None:
            self._site.pool.connect(self, key, live.launch)
        else:
            self.connected(upstream)

    def connected(self, upstream: Upstream) -> None:
        """There is a connection: send the head, and what is there of the body."""
        if self._is_closed:
            self._site.pool.keep(upstream, self.visitor.loop.time())
            return
        if upstream.transport.is_closing():
            self._fail(Why.NO_ANSWER, "closed")
            return
        self.upstream = upstream
        upstream.exchange = self
        if self.visitor.is_choked:
            upstream.pause(True)
        request = self.request
        site, visitor = self._site, self.visitor
        told = greeting(site.guard, site.hosts, self._live) if self._live is not None else b""
        upstream.transport.write(request.head(visitor.cookie_for_demo, visitor.forwarded, told))
        if request.has_body:
            self._send_waiting(request)

    def _send_waiting(self, request: Request) -> None:
        waiting, request.body = request.body, []
        for chunk in waiting:
            self.send(chunk)
        if request.is_complete:
            self.send_end()
        self.visitor.regulate()

    def not_connected(self, error: str) -> None:
        if not self._is_closed:
            self._fail(Why.NO_ANSWER, error)

    def send(self, chunk: bytes) -> None:
        """A piece of the request's body."""
        if self._is_closed:
            return
        if self.upstream is None:
            self.request.body.append(chunk)
            if self._collected is not None and sum(map(len, self.request.body)) > _LONGEST_COLLECTED:
                self.reply(refusal_answer(413, "This is too long."), outcome="refused", must_close=True)
            return
        self._sent_body = True
        self._site.stats.bytes_in += len(chunk)
        self._taken += len(chunk)
        if self._taken > self._site.limits.body_bytes:
            self.refuse(ShapeError(413, "This body is too large."))
            return
        if self.request.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        self.upstream.transport.write(chunk)

    def send_end(self) -> None:
        """The request's body is complete."""
        if self._collected is not None:
            if not self._is_closed:
                self._collected(b"".join(self.request.body))
        elif self.request.is_chunked and self.upstream is not None:
            self.upstream.transport.write(b"0\r\n\r\n")

    # From the demo.

    def look_at_clock(self) -> None:
        """On each read: access may have ended a moment before the timer says so."""
        if self._live is not None and self._site.guard.clock.passed(self._live.ends_at):
            self._site.guard.on_passed()

    def interim(self, status: int) -> None:
        """Of the interim answers only `100 Continue` passes, to whom it was asked for."""
        if status == 100 and self.request.expects_continue and not self._sent_body:
            self.visitor.write(_CONTINUE)

    def answered(self, answer: Answer) -> None:
        """The head of the answer."""
        request = self.request
        # What is left of an unfinished request may be long, or never come: its connection is not kept for it.
        request.keep_alive = request.keep_alive and request.is_complete
        self.is_headed = True
        self._status = answer.status
        if answer.is_stream:
            self.kind = "stream"
        if self._may_inject() and answer.takes_script:
            self._injects = answer
        else:
            self._write_head(answer)
        self.visitor.has_answer()

    @property
    def is_plain(self) -> bool:
        """A whole GET in HTTP/1.1 whose answer passes as it is: no page that may get a script."""
        request = self.request
        return request.method == b"GET" and request.is_complete and request.keep_alive and not request.is_for_document

    def answered_again(self, answer: Answer, head: bytes, body: bytes) -> None:
        """The whole of an answer to a plain request, whose head is known from before."""
        self.is_headed = True
        self._status = answer.status
        self._bytes_out = len(body)
        self._out = [head, body]
        self.visitor.has_answer()

    def _may_inject(self) -> bool:
        if self._live is None or not self.request.is_for_document or self.request.version == "1.0":
            return False
        demo = self._site.guard.state.demos.get(self._live.launch.demo_id)
        return demo is not None and demo.is_metered

    def _write_head(self, answer: Answer) -> None:
        head, self._chunks = answer.head(to_old=self.request.version == "1.0", keep_alive=self.request.keep_alive)
        self._out = [head]

    def _inject(self, answer: Answer, page: bytes) -> bytes:
        """The beginning of the page, with the script where its head is there already, and the answer's head before."""
        self._injects = None
        scripted = with_script(page)
        answer.grow(len(scripted) - len(page))
        self._write_head(answer)
        return scripted

    def body(self, chunk: bytes) -> None:
        """A piece of the answer's body."""
        if self._injects is not None:
            chunk = self._inject(self._injects, chunk)
        self._bytes_out += len(chunk)
        if self._chunks:
            self._out += (b"%x\r\n" % len(chunk), chunk, b"\r\n")
        else:
            self._out.append(chunk)

    def flush(self) -> None:
        """Everything of one read from the demo leaves in one write; the head of a page waits for what follows it."""
        out = self._out
        if out:
            self._out = []
            self.visitor.write(out[0] if len(out) == 1 else b"".join(out))

    def ended(self, trailers: bytes) -> None:
        """The answer is complete, with the fields behind its body.

        It stays live while a slow visitor has not taken most of it.
        """
        self.upstream = None
        if self._injects is not None:
            self._inject(self._injects, b"")
        if self._chunks:
            self._out.append(b"0\r\n" + trailers + b"\r\n")
        self.flush()
        if not self.visitor.is_choked:
            self._finish("served")

    def drained(self) -> None:
        """The visitor has taken what was written."""
        if self.is_headed and self.upstream is None:
            self._finish("served")

    def upstream_lost(self, error: str) -> None:
        """The demo's connection ended too early; if it was a kept one and no harm can come of it, ask once
        more.
        """
        upstream, self.upstream = self.upstream, None
        if self._is_closed:
            return
        if upstream is not None and self._live is not None and self._may_repeat(upstream):
            self._reach(self._live, may_reuse=False)
        elif self.is_headed:
            self._site.stats.upstream_errors[error] += 1
            self._close(error)
            self.visitor.reset()
        else:
            self._fail(Why.NO_ANSWER, error)

    def _may_repeat(self, upstream: Upstream) -> bool:
        """A server may close a kept connection just when it is used again (RFC 9110, 9.2.2)."""
        is_stale = upstream.is_reused and not upstream.has_answered
        return is_stale and self.request.method in SAFE_METHODS and not self.request.has_body

    def switched(self, upstream: Upstream, early: bytes) -> None:
        """The demo agreed to a WebSocket: both sockets become a tunnel, and this exchange is over."""
        self.upstream = None
        if self._live is None or self._is_closed:
            upstream.transport.abort()
            return
        self._status = 101
        visitor = self.visitor
        visitor.write(upstream.answer.switch_head())
        tunnel = Tunnel(self._site, self._live, visitor.transport, upstream.transport, path=self.request.path)
        self._close("switched")
        tunnel.open(early, visitor.hand_over())

    # Our own answers, and ends.

    def deny(self, denial: Denial, *, must_close: bool = False) -> None:
        """Answers with the reason.

        Only who came in properly has things cleared: else any page could have it done.
        """
        site = self._site
        extra = b""
        if ended_with_access(denial.why):
            cookie = expire_cookie(site.cookie_name, is_secure=site.hosts.is_secure)
            extra = b"Set-Cookie: " + cookie + b"\r\n"
        as_json = wants_json(self.request.read.get(b"accept", b""))
        accepted = self.request.read.get(b"accept-language", b"")
        url = site.guard.catalog_url
        answer = denial_answer(denial, catalog_url=url, as_json=as_json, extra=extra, accepted=accepted)
        site.stats.denials[denial.why] += 1
        self.reply(answer, outcome=str(denial.why), must_close=must_close)

    def reply(self, answer: tuple[int, bytes, bytes], *, outcome: str, must_close: bool = False) -> None:
        """Sends an answer of ours: status, head fields and body."""
        if self._is_closed:
            return
        status, fields, body = answer
        request = self.request
        request.keep_alive = request.keep_alive and request.is_complete and not must_close
        self.is_headed = True
        self._status = status
        connection = b"" if request.keep_alive else b"Connection: close\r\n"
        head = b"%bContent-Length: %d\r\n%b%b\r\n" % (STATUS_LINES[status], len(body), fields, connection)
        self.visitor.write(head if request.method == b"HEAD" else head + body)
        self._finish(outcome)

    def refuse(self, refused: ShapeError) -> None:
        """The rest of the request is malformed."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.drop()
        if self.is_headed:
            self._close("malformed")
            self.visitor.reset()
        else:
            self.reply(refusal_answer(refused.status, refused.reason), outcome="malformed", must_close=True)

    def too_slow(self) -> None:
        """The demo has not begun to answer in time, or the visitor has not sent or read for as long."""
        if self.is_headed:
            self.abandon("stalled")
            self.visitor.reset()
        else:
            self._fail(Why.TOO_SLOW, "timeout")

    def cut(self, denial: Denial) -> None:
        """Ends it now. Who has got nothing yet gets the page that says why; else the answer breaks off."""
        if self.is_headed:
            self.abandon(str(denial.why))
            self.visitor.reset()
        else:
            self._drop_upstream()
            self.deny(denial, must_close=True)

    def abandon(self, outcome: str) -> None:
        """Ends it without another word."""
        self._drop_upstream()
        self._close(outcome)

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.drop()

    def _fail(self, why: Why, error: str) -> None:
        self._site.stats.upstream_errors[error] += 1
        self._drop_upstream()
        name = self._site.guard.state.demo_name(self._live.launch.demo_id) if self._live else ""
        self.deny(Denial(why, demo_name=name))

    def _finish(self, outcome: str) -> None:
        self._close(outcome)
        self.visitor.done(self)

    def _close(self, outcome: str) -> None:
        """Not live any more; one event tells how it went, with neither query nor cookie nor code."""
        if self._is_closed:
            return
        self._is_closed = True
        site, live, request = self._site, self._live, self.request
        if live is not None:
            live.connections.discard(self)
        site.stats.requests[self._status] += 1
        site.stats.bytes_out += self._bytes_out
        site.journal.tell(
            Ended(
                event="request.ended",
                launch=live.launch.id if live else "",
                client=(live.launch.client_id or "") if live else "",
                method=request.method.decode(),
                path=request.path,
                status=self._status,
                outcome=outcome,
                ms=round((self.visitor.loop.time() - self.began) * 1000),
                bytes_out=self._bytes_out,
            )
        )
