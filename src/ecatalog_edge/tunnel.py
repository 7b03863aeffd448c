"""An upgraded connection: two sockets, bytes passed both ways with back-pressure, and an end that lands
between frames.
"""

import asyncio
import socket
import struct
from typing import Protocol, cast

from ecatalog_edge.journal import Ended
from ecatalog_edge.pages import close_reason
from ecatalog_edge.registry import Live
from ecatalog_edge.site import Site
from ecatalog_edge.state import Denial, Why
from ecatalog_edge.websocket import (
    ACCESS_ENDED,
    GOING_AWAY,
    PROTOCOL_ERROR,
    FrameError,
    ToDemo,
    ToVisitor,
    close_frame,
)

# How long a visitor may take to read the close frame before the socket is torn down.
GRACE = 0.25
# How long one side may go on after the other has said that nothing more comes from it.
HALF_CLOSED_SECONDS = 2.0


class Frames(Protocol):
    """Either direction's reader of frames; `is_closed` after a close frame."""

    is_closed: bool

    def feed(self, data: bytes) -> bytes: ...


class Side(asyncio.Protocol):
    """One of the two sockets; what arrives here goes out at the `other` side."""

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport, frames: Frames) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.frames = frames
        self.is_choked = False
        self.is_gone = False
        self.other: Side

    def data_received(self, data: bytes) -> None:
        self.tunnel.passed(self, data)

    def pause_writing(self) -> None:
        self.is_choked = True
        self.other.pause()

    def resume_writing(self) -> None:
        self.is_choked = False
        self.other.resume()

    def eof_received(self) -> bool:
        return self.tunnel.half_closed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        self.tunnel.ended(self)

    def pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


class Tunnel:
    """A live WebSocket.

    It holds the visitor's `Live` from the exchange that opened it, and releases it at the end.
    """

    kind = "websocket"

    def __init__(
        self, site: Site, live: Live, visitor: asyncio.Transport, demo: asyncio.Transport, *, path: str
    ) -> None:
        self._site = site
        self._live = live
        self._path = path
        self._began = asyncio.get_running_loop().time()
        self._to_visitor = ToVisitor()
        self._to_demo = ToDemo()
        self._visitor = Side(self, visitor, self._to_demo)
        self._demo = Side(self, demo, self._to_visitor)
        self._visitor.other, self._demo.other = self._demo, self._visitor
        self._bytes = {self._visitor: 0, self._demo: 0}
        self._frames = 0
        self._first: Side | None = None  # the side that sends nothing more
        self._is_over = False

    @property
    def is_choked(self) -> bool:
        """The visitor does not keep up."""
        return self._visitor.is_choked

    def open(self, early_from_demo: bytes, early_from_visitor: bytes) -> None:
        """Takes over both sockets, with what had been read beyond the handshake."""
        self._live.connections.add(self)
        self._visitor.transport.set_protocol(self._visitor)
        self._demo.transport.set_protocol(self._demo)
        if early_from_demo:
            self.passed(self._demo, early_from_demo)
        if early_from_visitor and not self._is_over:
            self.passed(self._visitor, early_from_visitor)

    def passed(self, side: Side, data: bytes) -> None:
        """Bytes arrived: pass them on, unless the end has passed (a look at the clock per read, design 7.5)."""
        if self._is_over:
            return
        if self._site.guard.clock.passed(self._live.ends_at):
            self._site.guard.on_passed()
            if self._is_over:
                return
        try:
            out = side.frames.feed(data)
        except FrameError as error:
            self._broken(str(error))
            return
        if side is self._visitor and self._to_demo.data_frames != self._frames:
            self._frames = self._to_demo.data_frames
            self._live.use.asked(int(self._site.guard.clock.last))
        if out:
            self._bytes[side] += len(out)
            side.other.transport.write(out)

    def cut(self, denial: Denial) -> None:
        """Ends it now: nothing more is read from either side; the visitor is told why, and the demo that he
        went.
        """
        if self._is_over:
            return
        code = GOING_AWAY if denial.why is Why.CLOSING else ACCESS_ENDED
        self._end_demo()
        self._end_visitor(close_frame(code, close_reason(denial.why)))
        self._over(str(denial.why))

    def half_closed(self, side: Side) -> bool:
        """One side sends nothing more. True while the other may still: its last words, and its own close frame.

        A side that goes without a close frame has gone altogether (RFC 6455, 7.1.5).
        """
        other = side.other
        is_last = self._is_over or not side.frames.is_closed or other.frames.is_closed
        if is_last or not (side.transport.can_write_eof() and other.transport.can_write_eof()):
            self.ended(side)
            return False
        self._first = side
        other.transport.write_eof()
        asyncio.get_running_loop().call_later(HALF_CLOSED_SECONDS, self.ended, side)
        return True

    def ended(self, side: Side) -> None:
        """One side went away by itself: what is on its way to the other is still delivered."""
        if self._is_over:
            side.transport.close()
            return
        for one in (side, side.other):
            one.transport.close()
        self._over("visitor" if (self._first or side) is self._visitor else "demo")

    def _broken(self, reason: str) -> None:
        self._end_demo()
        self._end_visitor(close_frame(PROTOCOL_ERROR, reason))
        self._over("bad_frame")

    def _end_demo(self) -> None:
        transport = self._demo.transport
        if self._to_demo.is_between_frames and not self._demo.is_choked:
            transport.write(close_frame(GOING_AWAY, "the visitor has gone", is_masked=True))
            self._demo.pause()
            transport.close()
            abort_soon(transport)
        else:
            transport.abort()

    def _end_visitor(self, frame: bytes) -> None:
        """A visitor who does not read is not waited for: what waits for him was not his to get any more."""
        transport = self._visitor.transport
        if self._to_visitor.is_closed or self._visitor.is_choked:
            reset(transport)
            return
        transport.write(frame)
        if self._first is self._visitor:
            transport.close()  # He has said his last, and nobody would answer the end of ours.
        elif transport.can_write_eof():
            transport.write_eof()
        abort_soon(transport)

    def _over(self, outcome: str) -> None:
        self._is_over = True
        self._live.connections.discard(self)
        self._site.guard.registry.release(self._live)
        site = self._site
        site.stats.bytes_in += self._bytes[self._visitor]
        site.stats.bytes_out += self._bytes[self._demo]
        site.journal.tell(
            Ended(
                event="websocket.ended",
                launch=self._live.launch.id,
                client=self._live.launch.client_id or "",
                method="GET",
                path=self._path,
                status=101,
                outcome=outcome,
                ms=round((asyncio.get_running_loop().time() - self._began) * 1000),
                bytes_in=self._bytes[self._visitor],
                bytes_out=self._bytes[self._demo],
            )
        )


def abort_soon(transport: asyncio.Transport) -> None:
    """Gives the peer a moment to read what was written last."""
    asyncio.get_running_loop().call_later(GRACE, transport.abort)


def reset(transport: asyncio.Transport) -> None:
    """Closes at once and throws away what the kernel still holds for the peer, who sees a reset."""
    sock = cast("socket.socket | None", transport.get_extra_info("socket"))
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
