"""Lists that come in pages: iterate over the items, or over the pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from ecatalog_client.types.paging import Page

if TYPE_CHECKING:
    from ecatalog_client.loops import LoopThread

T = TypeVar("T")

Fetch = Callable[[str | None], Awaitable[Page[T]]]


class AsyncPages(Generic[T]):
    """A list. `async for item in …` fetches page after page as it goes; `pages()` gives the pages themselves."""

    def __init__(self, fetch: Fetch[T]) -> None:
        self._fetch = fetch

    async def first(self) -> Page[T]:
        """The first page alone."""
        return await self._fetch(None)

    async def pages(self) -> AsyncIterator[Page[T]]:
        page = await self._fetch(None)
        yield page
        while page.next is not None:
            page = await self._fetch(page.next)
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item


class Pages(Generic[T]):
    """The same for who does not use asyncio."""

    def __init__(self, pages: AsyncPages[T], loop: "LoopThread") -> None:
        self._pages = pages
        self._loop = loop

    def first(self) -> Page[T]:
        """The first page alone."""
        return self._loop.run(self._pages.first())

    def pages(self) -> Iterator[Page[T]]:
        return self._loop.iterate(self._pages.pages())

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items
