"""WebSocket frames (RFC 6455, 5.2) as a tunnel has to know them: where one ends, so that a close frame can
follow.

Nothing here reads payloads; both classes are told bytes and say which bytes to pass on.
"""

import os
import struct

ACCESS_ENDED = 4403
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002

# A frame up to this size is passed on whole, as it came. Of a larger one each arriving piece becomes a
# fragment of its own, so that whatever was passed on is always a sequence of whole frames.
WHOLE = 64 * 1024

_CONTINUATION = 0x0
_CLOSE = 0x8


class FrameError(Exception):
    """Bytes that are no WebSocket frame, or not one that this side may send."""


def _header(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Length of the header at `at` and of the payload after it; None while the header is incomplete."""
    if len(data) - at < 2:
        return None
    second = data[at + 1]
    size, length = 2 + (4 if second & 0x80 else 0), second & 0x7F
    if length >= 126:
        wide = 2 if length == 126 else 8
        if len(data) - at < 2 + wide:
            return None
        length = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
        size += wide
    if len(data) - at < size:
        return None
    if length >> 63 or (data[at] & 0x08 and length > 125):
        raise FrameError("the length of a frame is not possible")
    return size, length


class ToVisitor:
    """From the demo to the visitor: passes on whole frames only, so that a close frame may follow at any
    moment.
    """

    __slots__ = ("_final", "_held", "_left", "is_closed")

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self._final = 0
        self.is_closed = False

    def feed(self, data: bytes) -> bytes:
        """What to pass on now; after the demo's close frame, nothing.

        FrameError for what no server may send.
        """
        if self._held:
            data = self._held + data
            self._held = b""
        parts: list[bytes] = []
        at = 0
        while at < len(data) and not self.is_closed:
            end = self._large(data, at, parts) if self._left else self._whole(data, at, parts)
            if end == at:
                self._held = data[at:]
                break
            at = end
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _whole(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Passes the frames that lie whole in `data` from `at`; where the first that does not begins."""
        start = at
        while not self.is_closed and (found := _header(data, at)) is not None:
            size, length = found
            self._check(data[at], data[at + 1])
            end = at + size + length
            if end > len(data):
                if length > WHOLE and at == start:
                    return self._open_large(data, at, size, length, parts)
                break
            self.is_closed = data[at] & 0x0F == _CLOSE
            at = end
        if at > start:
            parts.append(data if start == 0 and at == len(data) else data[start:at])
        return at

    def _check(self, first: int, second: int) -> None:
        if second & 0x80:
            raise FrameError("a server's frame is masked")
        if first & 0x0F in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF):
            raise FrameError("the kind of a frame is not known")

    def _open_large(self, data: bytes, at: int, size: int, length: int, parts: list[bytes]) -> int:
        """The first fragment of a large frame: its kind and reserved bits, with what is there of the payload."""
        there = data[at + size :]
        if not there:
            return at
        self._final = data[at] & 0x80
        self._left = length - len(there)
        parts.append(frame_header(data[at] & 0x7F, len(there)) + there)
        return len(data)

    def _large(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """A further fragment; the last one carries the FIN bit if the frame had it."""
        there = data[at : at + self._left]
        self._left -= len(there)
        final = self._final if self._left == 0 else 0
        parts.append(frame_header(final | _CONTINUATION, len(there)) + there)
        return at + len(there)


class ToDemo:
    """From the visitor to the demo: passes everything on but an incomplete header, and knows where frames
    end.
    """

    __slots__ = ("_held", "_left", "data_frames", "is_closed")

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self.data_frames = 0
        self.is_closed = False

    @property
    def is_between_frames(self) -> bool:
        return self._left == 0 and not self.is_closed

    def feed(self, data: bytes) -> bytes:
        """What to pass on now. FrameError for what no browser may send."""
        if self._held:
            data = self._held + data
            self._held = b""
        at = min(self._left, len(data))
        self._left -= at
        while at < len(data) and not self.is_closed:
            found = _header(data, at)
            if found is None:
                self._held = data[at:]
                return data[:at]
            self._left = self._begin(data[at], data[at + 1], found[1])
            step = min(self._left, len(data) - at - found[0])
            at += found[0] + step
            self._left -= step
        return data[:at]

    def _begin(self, first: int, second: int, length: int) -> int:
        if not second & 0x80:
            raise FrameError("a browser's frame is not masked")
        self.is_closed = first & 0x0F == _CLOSE
        self.data_frames += not first & 0x08  # Pings and pongs are the browser's own doing.
        return length


def frame_header(first: int, length: int) -> bytes:
    """The header of an unmasked frame whose first byte is `first`."""
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def close_frame(code: int, reason: str, *, is_masked: bool = False) -> bytes:
    """A close frame; masked when it goes to a server."""
    payload = code.to_bytes(2, "big") + reason.encode()[:123]
    first = bytes((0x80 | _CLOSE,))
    if not is_masked:
        return first + bytes((len(payload),)) + payload
    key = os.urandom(4)
    masked = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return first + bytes((0x80 | len(payload),)) + key + masked
