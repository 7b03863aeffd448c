"""A demo's answer as it was parsed, field by field, and the head that the visitor gets for it."""

from http import HTTPStatus

from ecatalog_edge.cookies import tamed_set_cookie
from ecatalog_edge.fields import answer_verdict, tamed_clear_site_data, tokens, without
from ecatalog_edge.injecting import allows_script, is_page, policies_of

LONGEST_HEAD = 128 * 1024

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_KEPT, _SAYS_KEPT = [b"keep-alive"], frozenset({b"keep-alive", b"Keep-Alive"})
_NO_BODY = frozenset({204, 304})


class AnswerError(Exception):
    """What a demo answered is not HTTP, or claims what it may not."""


class Answer:
    """Filled by the parser's callbacks, then read by `head`.

    Interim answers (1xx) are answers of their own.
    """

    __slots__ = (
        "is_bodyless",
        "is_chunked",
        "is_close_delimited",
        "is_encoded",
        "is_page",
        "is_stream",
        "keep_alive",
        "length",
        "lines",
        "own",
        "policies",
        "size",
        "status",
        "trailers",
        "upgrade",
    )

    def __init__(self) -> None:
        self.status = 0
        self.lines: list[bytes] = []
        self.own: list[bytes] = []
        self.size = 0
        self.length: bytes | None = None
        self.upgrade = b""
        self.is_chunked = False
        self.is_stream = False
        self.is_page = False
        self.is_encoded = False
        self.policies: list[bytes] = []
        self.is_bodyless = False
        self.is_close_delimited = False
        self.keep_alive = True
        self.trailers = b""

    @property
    def is_interim(self) -> bool:
        return 100 <= self.status < 200 and self.status != 101

    def add(self, name: bytes, value: bytes) -> None:
        """Takes one field; AnswerError when the head grows too large or the coding is not ours to pass."""
        self.size += len(name) + len(value)
        if self.size > LONGEST_HEAD:
            raise AnswerError("the head is too large")
        needs_look, passes = answer_verdict(name)
        if needs_look:
            self._look(name, name.lower(), value)
        elif passes:
            self.lines.append(name + b": " + value)

    def add_trailer(self, name: bytes, value: bytes) -> None:
        """Takes a field that came behind the body; none that says how an answer is read or kept (RFC 9110, 6.5.1)."""
        self.size += len(name) + len(value)
        if self.size > LONGEST_HEAD:
            raise AnswerError("the trailers are too large")
        if answer_verdict(name) == (False, True):
            self.trailers += name + b": " + value + b"\r\n"

    def _look(self, name: bytes, lower: bytes, value: bytes) -> None:
        passed: bytes | None = None
        match lower:
            case b"content-length":
                self.length = value
            case b"connection":
                self.own += _KEPT if value in _SAYS_KEPT else tokens(value)
            case b"upgrade":
                self.upgrade = value
            case b"transfer-encoding":
                if self.is_chunked or value.lower() != b"chunked":
                    raise AnswerError("the transfer coding is not chunked")
                self.is_chunked = True
            case b"set-cookie":
                passed = tamed_set_cookie(value)
            case b"clear-site-data":
                passed = tamed_clear_site_data(value)
            case b"content-type":
                self.is_stream = value.lower().startswith(b"text/event-stream")
                self.is_page = is_page(value)
                passed = value
            case b"content-encoding":
                self.is_encoded = value.lower() != b"identity"
                passed = value
            case b"content-security-policy":
                self.policies += policies_of(value)
                passed = value
            case _:
                passed = value
        if passed is not None:
            self.lines.append(name + b": " + passed)

    @property
    def takes_script(self) -> bool:
        """Whether this is a page as it is read by browsers, and its policy lets it measure its use."""
        is_whole = self.status != 206 and not (self.is_bodyless or self.is_encoded)
        return self.is_page and is_whole and allows_script(self.policies)

    def grow(self, size: int) -> None:
        """The body is longer than the demo said."""
        if self.length is not None:
            self.length = b"%d" % (int(self.length) + size)

    def finish(self, status: int, version: str, *, is_head: bool) -> None:
        """The head is whole: where the body ends, and whether the connection may be used again (RFC 9112,
        6.3).
        """
        if status < 100:
            raise AnswerError("the status is none")
        self.status = status
        self.is_bodyless = is_head or status in _NO_BODY or status < 200
        self.is_close_delimited = not (self.is_bodyless or self.is_chunked or self.length is not None)
        self.keep_alive = version == "1.1" and b"close" not in self.own and not self.is_close_delimited
        if self.own and self.own not in ([b"keep-alive"], [b"close"]):
            self.lines = without(self.lines, self.own)

    def head(self, *, to_old: bool, keep_alive: bool) -> tuple[bytes, bool]:
        """The head for the visitor and whether its body is sent in chunks; `to_old` visitors speak HTTP/1.0."""
        lines = [*self.lines]
        chunks = False
        if self.length is not None and self.status != 204:
            lines.append(b"Content-Length: " + self.length)
        elif not self.is_bodyless and not to_old:
            lines.append(b"Transfer-Encoding: chunked")
            chunks = True
        if not keep_alive:
            lines.append(b"Connection: close")
        lines.append(b"\r\n")
        return _status_line(self.status) + b"\r\n".join(lines), chunks

    def switch_head(self) -> bytes:
        """The head of a 101 that opens a WebSocket."""
        lines = [b"Connection: Upgrade", b"Upgrade: websocket", *self.lines, b"\r\n"]
        return STATUS_LINES[101] + b"\r\n".join(lines)


def _status_line(status: int) -> bytes:
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status
