"""What the keeper of a database file answers: `/` whether the file is healthy, `/livez` whether the keeper is."""

import asyncio
from collections.abc import Callable

from ecatalog.web.answers import encode
from ecatalog.web.call import Answer, Scope, Send, send_answer
from ecatalog.web.limits import Receive

_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class Keeper:
    """An ASGI application. `find_problems` looks at the file, in a thread, and answers in sentences."""

    def __init__(self, find_problems: Callable[[], list[str]]) -> None:
        self._find_problems = find_problems
        self._look: asyncio.Task[list[str]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, headers, body = await self._answer(scope["path"])
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send_answer(scope, send, status, headers, b"" if scope["method"] == "HEAD" else body)

    async def _answer(self, path: str) -> Answer:
        if path == "/livez":
            return 200, _JSON, b'{"status":"ok"}'
        if path != "/":
            return 404, _JSON, b'{"status":"unknown"}'
        problems = await self._problems()
        status = "not healthy" if problems else "healthy"
        return 503 if problems else 200, _JSON, encode({"status": status, "problems": problems})

    async def _problems(self) -> list[str]:
        """Who asks while somebody else's look is under way shares it."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(asyncio.to_thread(self._find_problems))
        return await asyncio.shield(self._look)
