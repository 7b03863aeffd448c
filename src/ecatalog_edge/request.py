"""One request of a visitor as it was parsed: what shapes are refused (RFC 9112), and the head that the demo
gets.
"""

import re

from httptools import HttpRequestParser

from ecatalog_edge.fields import Verdict, tamed_extensions, tokens, verdict_on, without

MOST_HEADERS = 100
LONGEST_HEAD = 32 * 1024

_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)((?:[/?].*)?)", re.IGNORECASE | re.DOTALL)
_SEPARATORS = {b"cookie": b"; "}


class ShapeError(Exception):
    """A request whose shape is refused: `status` is answered, and the connection closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request:
    """Filled by the parser's callbacks, field by field, then by `finish`.

    The body passes by, or waits in `body`.
    """

    __slots__ = (
        "body",
        "count",
        "expects_continue",
        "host",
        "is_chunked",
        "is_complete",
        "is_websocket",
        "keep_alive",
        "kept",
        "length",
        "method",
        "read",
        "rest",
        "size",
        "target",
        "version",
    )

    def __init__(self) -> None:
        self.target = b""
        self.method = b""
        self.host = b""
        self.version = "1.1"
        self.count = 0
        self.size = 0
        self.kept: list[bytes] = []
        self.read: dict[bytes, bytes] = {}
        self.length = 0
        self.is_chunked = False
        self.is_websocket = False
        self.expects_continue = False
        self.keep_alive = True
        self.is_complete = False
        self.body: list[bytes] = []
        self.rest = b""

    @property
    def path(self) -> str:
        """The path alone, for logs: a query may hold anything."""
        return self.target.partition(b"?")[0][:200].decode("ascii", "replace")

    @property
    def is_for_document(self) -> bool:
        """Whether a browser shows the answer as a page of its own."""
        return self.method == b"GET" and self.read.get(b"sec-fetch-dest") == b"document"

    @property
    def has_body(self) -> bool:
        return self.is_chunked or self.length > 0

    def add(self, name: bytes, value: bytes) -> None:
        """Takes one field, as the parser found it."""
        self.count += 1
        self.size += len(name) + len(value)
        verdict = verdict_on(name)
        if verdict is Verdict.KEEP:
            self.kept.append(name + b": " + value)
        elif verdict is not Verdict.DROP:
            self._read(verdict, name, name.lower(), value)

    def _read(self, verdict: Verdict, name: bytes, lower: bytes, value: bytes) -> None:
        value = value.rstrip(b" \t")  # The parser leaves blanks behind a value (RFC 9112, 5.1).
        before = self.read.get(lower)
        if before is not None:
            if verdict in (Verdict.TAKE_ONCE, Verdict.NOTE_ONCE):
                raise ShapeError(400, f"There is more than one {lower.decode()} field.")
            value = before + _SEPARATORS.get(lower, b", ") + value
        elif verdict in (Verdict.NOTE_ONCE, Verdict.NOTE_JOINED):
            self.kept.append(name + b": " + value)
        self.read[lower] = value

    def finish(self, parser: HttpRequestParser) -> None:
        """The head is whole: ShapeError for every shape that two servers could read in two ways."""
        self.method = parser.get_method()
        self.version = parser.get_http_version()
        self.keep_alive = self.version == "1.1" and parser.should_keep_alive()
        self._check_size()
        if self.version not in ("1.1", "1.0"):
            raise ShapeError(400, "This speaks HTTP/1.1 and HTTP/1.0.")
        if self.method in (b"CONNECT", b"TRACE"):
            raise ShapeError(405, "This method is not served.")
        self._check_target()
        self._check_framing()
        if b"upgrade" in self.read or b"expect" in self.read:
            self._check_wishes(parser)

    def _check_size(self) -> None:
        if self.count > MOST_HEADERS or self.size + len(self.target) > LONGEST_HEAD:
            raise ShapeError(400, "The head of this request is too large.")

    def _check_target(self) -> None:
        """Origin form, or absolute form that agrees with Host (RFC 9112, 3.2)."""
        host = self.read.get(b"host")
        if not host:
            raise ShapeError(400, "There is no Host field.")
        self.host = host
        if _TARGET.fullmatch(self.target) or (self.target == b"*" and self.method == b"OPTIONS"):
            return
        absolute = _ABSOLUTE.fullmatch(self.target)
        if absolute is None or absolute[1].lower() != host.lower():
            raise ShapeError(400, "The target and the Host field disagree.")
        self.target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
        if not _TARGET.fullmatch(self.target):
            raise ShapeError(400, "The target is not well formed.")

    def _check_framing(self) -> None:
        """One way to say where the body ends: a length, or the one coding `chunked` in HTTP/1.1 (RFC 9112,
        6.1).
        """
        coding = self.read.get(b"transfer-encoding")
        length = self.read.get(b"content-length")
        if coding is not None:
            if length is not None or self.version != "1.1" or coding.lower() != b"chunked":
                raise ShapeError(400, "The length of the body is not clear.")
            self.is_chunked = True
        elif length is not None:
            if not length.isdigit() or len(length) > 18:
                raise ShapeError(400, "The length of the body is not clear.")
            self.length = int(length)

    def _check_wishes(self, parser: HttpRequestParser) -> None:
        expected = self.read.get(b"expect", b"").lower()
        if expected not in (b"", b"100-continue"):
            raise ShapeError(417, "This expectation cannot be met.")
        self.expects_continue = expected != b"" and self.has_body and self.version == "1.1"
        if not parser.should_upgrade():
            return
        # The parser stops at an upgrade and skips a body. An offer of another protocol is ignored (RFC 9110,
        # 7.8), at the price of the connection; with a body it is refused, since its bytes could be taken for
        # a next request.
        self.keep_alive = False
        if self.has_body:
            raise ShapeError(400, "A request to change the protocol has no body.")
        is_get = self.method == b"GET" and self.version == "1.1"
        self.is_websocket = is_get and tokens(self.read[b"upgrade"]) == [b"websocket"]

    def again(self, target: bytes) -> "Request":
        """The same plain GET for another target: no body, nothing else to check."""
        other = Request.__new__(Request)
        other.target, other.method, other.host, other.version = target, self.method, self.read[b"host"], self.version
        other.count, other.size, other.kept, other.read, other.rest = (
            self.count,
            self.size,
            self.kept,
            self.read,
            self.rest,
        )
        other.length, other.body = 0, []
        other.is_chunked = other.is_websocket = other.expects_continue = False
        other.keep_alive = other.is_complete = True
        return other

    def head(self, cookie: bytes, forwarded: bytes, greeting: bytes = b"") -> bytes:
        """The head for the demo; `greeting` is a line that says who visits.

        `forwarded` is the block of fields that only the edge sets, each line with its end. It and the cookie are
        those of the connection: asked again, all but the first two lines is as before.
        """
        if not self.rest:
            self.rest = self._fields(cookie) + forwarded + b"\r\n"
        return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b" % (self.method, self.target, self.host, greeting, self.rest)

    def _fields(self, cookie: bytes) -> bytes:
        lines = self.kept
        connection = self.read.get(b"connection")
        own = tokens(connection) if connection else None
        if own and own not in ([b"keep-alive"], [b"close"]):
            lines = without(lines, own)
        lines = list(lines)
        # A page that may get a script is asked for as plain text.
        if b"accept-encoding" in self.read and not self.is_for_document:
            lines.append(b"Accept-Encoding: " + self.read[b"accept-encoding"])
        if cookie:
            lines.append(b"Cookie: " + cookie)
        if self.is_websocket:
            lines.append(b"Connection: Upgrade\r\nUpgrade: websocket")
            if extensions := tamed_extensions(self.read.get(b"sec-websocket-extensions", b"")):
                lines.append(b"Sec-WebSocket-Extensions: " + extensions)
        elif self.is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
        elif b"content-length" in self.read:
            lines.append(b"Content-Length: %d" % self.length)
        if self.expects_continue:
            lines.append(b"Expect: 100-continue")
        return b"".join(line + b"\r\n" for line in lines)


def forwarded_fields(scheme: str, host: bytes, address: str) -> bytes:
    """The fields that tell the demo who asks (RFC 7239, and the older ones); made by us alone."""
    node = f'"[{address}]"' if ":" in address else address
    lines = (
        f"X-Forwarded-For: {address}".encode(),
        f"X-Forwarded-Proto: {scheme}".encode(),
        b"X-Forwarded-Host: " + host,
        f'Forwarded: for={node};proto={scheme};host="'.encode() + host + b'"',
    )
    return b"\r\n".join(lines) + b"\r\n"
