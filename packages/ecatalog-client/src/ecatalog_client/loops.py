"""A private event loop in a thread: where the blocking twin of the client runs the asynchronous one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Generator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads. The thread is a daemon, and ends with `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ecatalog-client", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns. An interrupt of the caller (Ctrl-C) cancels it."""
        if not self.is_running:
            work.close()
            raise RuntimeError("this catalog was closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Generator[T, None, None]:
        """The items, each fetched when it is asked for; the iterator is closed with the generator."""
        try:
            while (item := self.run(_next_of(items))) is not _END:
                yield item
        finally:
            if self.is_running:
                self.run(_close(items))

    def close(self) -> None:
        """Ends the thread. Twice does no harm."""
        if self.is_running:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


_END: Any = object()


async def _next_of(items: AsyncIterator[T]) -> T:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    aclose = getattr(items, "aclose", None)
    if aclose is not None:
        await aclose()
