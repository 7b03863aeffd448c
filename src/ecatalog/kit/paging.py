"""Cursors: opaque words for "what comes after this row", and the pages they lead to. No SQL is here."""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ecatalog.kit.errors import Invalid
from ecatalog_client.types.paging import Page

T = TypeVar("T")
Keys = TypeVar("Keys", bound=tuple[str | int, ...])

PAGE_SIZE = 50
_INTEGERS = range(-(2**63), 2**63)


def encode_cursor(*keys: str | int) -> str:
    """The cursor of the rows after the one with these sort keys."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def decode_cursor(cursor: str | None, first: Keys) -> Keys:
    """The sort keys in a cursor, or `first` (which sorts before every row) when there is none.

    The keys have the number and types of `first`, and a column can hold them. Raises Invalid otherwise.
    """
    if not cursor:
        return first
    keys = _keys_in(cursor)
    if [type(key) for key in keys] != [type(key) for key in first]:
        raise Invalid("This page does not exist: start again from the first one.", fields={"cursor": "unknown"})
    return tuple(keys)  # type: ignore[return-value]  # Keys of the same number and types as `first` are Keys.


def _keys_in(cursor: str) -> list[str | int]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True)
        keys = msgspec.json.decode(text, type=list[str | int])
    except (UnicodeError, binascii.Error, msgspec.MsgspecError):
        return []
    return keys if all(key in _INTEGERS for key in keys if isinstance(key, int)) else []


def page_of(rows: list[T], limit: int, keys: Callable[[T], tuple[str | int, ...]]) -> Page[T]:
    """The page of at most `limit` items; `rows` holds one row more when another page follows."""
    items = rows[:limit]
    return Page(items=items, next=encode_cursor(*keys(items[-1])) if len(rows) > limit else None)
