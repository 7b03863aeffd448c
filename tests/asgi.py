"""Calls an ASGI application inside this process: the same messages a server would send, without a socket."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """Status, headers in order (lower-case names) and the whole body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def cookie(self) -> str:
        """The first cookie that was set, as a browser would send it back."""
        return (self.header("set-cookie") or "").split(";")[0]


@dataclass
class Caller:
    """Somebody who sends requests: with a bearer token, or with headers of their own, from an address."""

    app: Any
    token: str = ""
    address: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    def as_(self, token: str) -> "Caller":
        return Caller(self.app, token, self.address, self.headers)

    def at(self, address: str) -> "Caller":
        return Caller(self.app, self.token, address, self.headers)

    def with_(self, **headers: str) -> "Caller":
        """The same caller with more headers; underscores in names stand for hyphens."""
        added = {name.replace("_", "-"): value for name, value in headers.items()}
        return Caller(self.app, self.token, self.address, self.headers | added)

    async def get(self, url: str) -> Answer:
        return await self.ask("GET", url)

    async def post(self, url: str, body: Any = None) -> Answer:
        return await self.ask("POST", url, body)

    async def patch(self, url: str, body: Any = None) -> Answer:
        return await self.ask("PATCH", url, body)

    async def put(self, url: str, body: Any = None) -> Answer:
        return await self.ask("PUT", url, body)

    async def delete(self, url: str) -> Answer:
        return await self.ask("DELETE", url)

    async def send_form(self, url: str, /, **fields: str) -> Answer:
        """Sends a form as a page of ours would."""
        form = self.with_(sec_fetch_site="same-origin", content_type="application/x-www-form-urlencoded")
        return await form.ask("POST", url, urlencode(fields).encode())

    async def ask(self, method: str, url: str, body: Any = None) -> Answer:
        """One request and its whole answer; a body that is not bytes is sent as JSON."""
        exchange = Exchange(self, method, url, body)
        await exchange.run()
        return exchange.answer()


class Exchange:
    """One request on its way. `stop` leaves; `start` runs it beside the test, for streams."""

    def __init__(self, caller: Caller, method: str, url: str, body: Any = None) -> None:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.scope = _scope(caller, method, url, has_body=body is not None, size=len(raw))
        self.chunks = [raw]
        self.sent: list[Message] = []
        self.grew = asyncio.Event()
        self.left = asyncio.Event()
        self._app = caller.app

    async def run(self) -> None:
        await self._app(self.scope, self._receive, self._send)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.run())

    def stop(self) -> None:
        self.left.set()

    async def until(self, text: bytes) -> None:
        """Waits until the body so far holds this."""
        while text not in self.body:
            self.grew.clear()
            await self.grew.wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    def answer(self) -> Answer:
        start = self.sent[0]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], headers, self.body)

    async def _receive(self) -> Message:
        if self.chunks:
            chunk = self.chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self.grew.set()


def _scope(caller: Caller, method: str, url: str, *, has_body: bool, size: int) -> Message:
    parts = urlsplit(url)
    headers = {"host": "localhost:8080"}
    if caller.token:
        headers["authorization"] = f"Bearer {caller.token}"
    if has_body:
        headers |= {"content-type": "application/json", "content-length": str(size)}
    headers |= caller.headers
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": (caller.address, 50000),
        "server": ("127.0.0.1", 8080),
    }
