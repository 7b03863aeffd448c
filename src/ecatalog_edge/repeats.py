"""Heads that came before, byte for byte, and are not parsed anew: what they say is known.

They can hide nothing: those bytes were found to be one whole, clear head, and the line in front of a request's fields
is held against a stricter pattern than the parser's.
"""

import re
from dataclasses import dataclass

from ecatalog_edge.answer import Answer
from ecatalog_edge.request import LONGEST_HEAD, Request

MOST = 8
LONGEST = 4096
# A head is kept when it comes for the second time: most come once. Until then its hash is noted, of so many.
MOST_MET = 64
_FIRST_LINE = re.compile(rb"GET (/[\x21\x22\x24-\x7e]*) HTTP/1\.1\r\n")
_NOT_PLAIN = frozenset({b"upgrade", b"expect", b"content-length", b"transfer-encoding"})


class Repeats:
    """The fields of the last few plain GETs of one visitor: browsers send the same for one file after another."""

    __slots__ = ("_known", "_met")

    def __init__(self) -> None:
        self._known: dict[bytes, Request] = {}
        self._met: set[int] = set()

    def find(self, data: bytes) -> Request | None:
        """The request that these bytes are, all of them; None when they must be parsed."""
        if not self._known or len(data) > LONGEST_HEAD:
            return None
        first = _FIRST_LINE.match(data)
        before = self._known.get(data[first.end() :]) if first else None
        return before.again(first[1]) if before and first else None

    def remember(self, data: bytes, request: Request) -> None:
        """Takes note of a request that was parsed from exactly these bytes, if it is a plain GET."""
        first = _FIRST_LINE.match(data)
        if first is None or len(data) - first.end() > LONGEST or not _is_met(self._met, fields := data[first.end() :]):
            return
        is_one = data.find(b"\r\n\r\n") == len(data) - 4 and request.target == first[1]
        if is_one and request.keep_alive and not _NOT_PLAIN & request.read.keys():
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[fields] = request


@dataclass(frozen=True, slots=True)
class Known:
    """An answer whose body is of a known length, with its head as the visitor gets it."""

    answer: Answer
    head: bytes
    length: int


class KnownAnswers:
    """The last few heads on one connection to a demo: what is polled or read by many is answered alike for a while.

    Of one connection, so that no demo can make up the answers of another.
    """

    __slots__ = ("_known", "_met")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._met: set[int] = set()

    def find(self, data: bytes) -> tuple[Known, bytes] | None:
        """The answer and its body, if these bytes are all of it; None when they must be parsed."""
        end = data.find(b"\r\n\r\n") + 4
        known = self._known.get(data[:end])
        return (known, data[end:]) if known is not None and len(data) - end == known.length else None

    def remember(self, data: bytes, answer: Answer) -> None:
        """Takes note of an answer to a GET that was parsed from exactly these bytes, if its connection goes on."""
        end = data.find(b"\r\n\r\n") + 4
        if end > LONGEST or not _is_met(self._met, data[:end]):
            return
        is_plain = answer.keep_alive and answer.length is not None and not (answer.is_bodyless or answer.is_stream)
        if not is_plain or len(data) - end != int(answer.length or b"0"):
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        head, _ = answer.head(to_old=False, keep_alive=True)
        self._known[data[:end]] = Known(answer, head, len(data) - end)


def _is_met(met: set[int], head: bytes) -> bool:
    """Whether a head has come before, as far as that is still known; from now on it has."""
    mark = hash(head)
    if mark in met:
        return True
    if len(met) >= MOST_MET:
        met.clear()
    met.add(mark)
    return False
