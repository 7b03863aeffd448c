"""Small ASGI applications for operators' tools: what is answered follows from the path, and no body is read."""

from abc import ABC, abstractmethod

from ecatalog.web.answers import encode
from ecatalog.web.call import Answer, Scope, Send, send_answer
from ecatalog.web.limits import Receive

_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
ALIVE: Answer = (200, _JSON, b'{"status":"ok"}')
UNKNOWN: Answer = (404, _JSON, b'{"status":"unknown"}')


def health(problems: list[str], well: str) -> Answer:
    """200 and `well` without problems, else 503 and the sentences."""
    status = f"not {well}" if problems else well
    return 503 if problems else 200, _JSON, encode({"status": status, "problems": problems})


class ByPath(ABC):
    """An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, headers, body = await self._answer(scope["path"])
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send_answer(scope, send, status, headers, b"" if scope["method"] == "HEAD" else body)

    @abstractmethod
    async def _answer(self, path: str) -> Answer: ...
