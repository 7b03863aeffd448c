"""A demo that only listens: it keeps every byte it is sent, and reads requests more strictly than any server does."""

import asyncio
import re
from dataclasses import dataclass, field

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rb"(" + _TOKEN + rb"): ([^\x00-\x08\x0a-\x1f\x7f]*)")
_FIRST = re.compile(_TOKEN + rb" [\x21-\x7e]+ HTTP/1\.1")


@dataclass(frozen=True)
class Got:
    """One whole request as the demo got it; names of fields in lower case."""

    first: bytes
    fields: dict[bytes, list[bytes]]
    body: bytes


def read_one(data: bytes) -> tuple[Got, bytes] | None:
    """The first request and what lies behind it, None while it is not whole; AssertionError for a shady shape."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.split(b"\r\n")
    assert _FIRST.fullmatch(first), first
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        assert found, line
        fields.setdefault(found[1].lower(), []).append(found[2])
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    assert len(lengths) + len(codings) <= 1, "two framings"
    if codings:
        assert codings == [b"chunked"]
        whole = _chunks(rest)
        return None if whole is None else (Got(first, fields, whole[0]), whole[1])
    assert re.fullmatch(rb"0|[1-9][0-9]*", lengths[0] if lengths else b"0")
    size = int(lengths[0]) if lengths else 0
    return (Got(first, fields, rest[:size]), rest[size:]) if len(rest) >= size else None


def _chunks(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return None
        assert re.fullmatch(rb"0|[1-9a-f][0-9a-f]*", line), line
        size = int(line, 16)
        if len(data) < size + 2:
            return None
        assert data[size : size + 2] == b"\r\n"
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return body, data


@dataclass
class Ears:
    """A demo that keeps the bytes of each connection, and answers `ok` to each whole request."""

    heard: list[bytearray] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.heard.append(heard)
        rest = b""
        try:
            while piece := await reader.read(1 << 16):
                heard += piece
                rest += piece
                while (found := read_one(rest)) is not None:
                    rest = found[1]
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()

    def requests(self) -> list[Got]:
        """All whole requests, over all connections; what is left of each must be the beginning of one, or nothing."""
        found, rests = [], [bytes(heard) for heard in self.heard]
        while rests:
            one = read_one(rests.pop())
            if one is not None:
                found.append(one[0])
                rests.append(one[1])
        return found
