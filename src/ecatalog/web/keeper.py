"""What the keeper of a database file answers: `/` whether the file is healthy, `/livez` whether the keeper is."""

import asyncio
from collections.abc import Callable

from ecatalog.web.by_path import ALIVE, UNKNOWN, ByPath, health
from ecatalog.web.call import Answer


class Keeper(ByPath):
    """An ASGI application. `find_problems` looks at the file, in a thread, and answers in sentences."""

    def __init__(self, find_problems: Callable[[], list[str]]) -> None:
        self._find_problems = find_problems
        self._look: asyncio.Task[list[str]] | None = None

    async def _answer(self, path: str) -> Answer:
        if path == "/livez":
            return ALIVE
        if path != "/":
            return UNKNOWN
        return health(await self._problems(), "healthy")

    async def _problems(self) -> list[str]:
        """Who asks while somebody else's look is under way shares it."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(asyncio.to_thread(self._find_problems))
        return await asyncio.shield(self._look)
