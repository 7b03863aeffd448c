"""Lists that come in pages, the same for every room."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

PageSize = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[str, Meta(max_length=2000)]
Id = Annotated[str, Meta(max_length=64)]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list, in its order. `next` is the cursor of the page that follows, null on the last one."""

    items: list[T]
    next: str | None = None


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where in a list: at most `limit` items (50 unless told), from `cursor` on."""

    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
