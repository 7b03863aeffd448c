"""How the listener speaks: answers in one write, pipelined ones in order, connections that are idle are closed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from ecatalog.run import Listener, listener_config
from ecatalog.web.call import send_answer
from ecatalog.web.writing import JoiningProtocol

App = Callable[[Any, Any, Any], Awaitable[None]]
KEEP_ALIVE = 1


async def whole(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path, as our own shell does."""
    body = scope["path"].encode()
    await send_answer(scope, send, 200, [(b"content-length", b"%d" % len(body))], body)


async def in_pieces(scope: Any, receive: Any, send: Any) -> None:
    """Answers as any ASGI application does."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"pie", "more_body": True})
    await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": b"ce"})


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[int]:
    """The port of a server with that application."""
    config = uvicorn.Config(
        app, http=JoiningProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE
    )
    async with serving(config) as port:
        yield port


@asynccontextmanager
async def serving(config: uvicorn.Config) -> AsyncIterator[int]:
    """The port of a server with that configuration."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = Listener(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        bound.close()


@asynccontextmanager
async def behind(proxies: list[str]) -> AsyncIterator[int]:
    """The port of a server that tells from where it is called, behind these proxies."""

    async def tells(scope: Any, receive: Any, send: Any) -> None:
        await whole({**scope, "path": scope["client"][0]}, receive, send)

    async with serving(listener_config(tells, proxies)) as port:
        yield port


async def told(port: int, request: bytes, *, most: float = 5.0) -> bytes:
    """Everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(most):
            return await reader.read()
    finally:
        writer.close()


CLOSE = b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def test_a_whole_answer_has_its_head_and_body() -> None:
    async with listening(whole) as port:
        answer = await told(port, CLOSE)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-length: 5" in head
    assert b"\r\ndate: " in head
    assert body == b"/last"


async def test_pipelined_requests_are_answered_in_order() -> None:
    requests = b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(5)) + CLOSE
    async with listening(whole) as port:
        answer = await told(port, requests)
    assert [part.split(b"\r\n\r\n")[-1][:2] for part in answer.split(b"HTTP/1.1 200")[1:]] == [
        b"/0",
        b"/1",
        b"/2",
        b"/3",
        b"/4",
        b"/l",
    ]


async def test_an_answer_in_pieces_arrives_as_it_was_sent() -> None:
    async with listening(in_pieces) as port:
        answer = await told(port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" + CLOSE)
    assert answer.count(b"piece") == 2


async def test_a_body_is_asked_for_before_the_answer() -> None:
    async def reads(scope: Any, receive: Any, send: Any) -> None:
        got = (await receive())["body"]
        await send_answer(scope, send, 200, [(b"content-length", b"%d" % len(got))], got)

    request = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"
    async with listening(reads) as port:
        answer = await told(port, request)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\nabc")


async def test_a_header_cannot_begin_another() -> None:
    for value in (b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"):

        async def splits(scope: Any, receive: Any, send: Any, value: bytes = value) -> None:
            await send_answer(scope, send, 200, [(b"x-note", value), (b"content-length", b"0")], b"")

        async with listening(splits) as port:
            answer = await told(port, CLOSE)
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"x-note" not in answer


async def test_a_connection_that_asks_nothing_is_closed() -> None:
    async with listening(whole) as port:
        assert await told(port, b"", most=3 * KEEP_ALIVE + 2) == b""
        answer = await told(port, b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n", most=3 * KEEP_ALIVE + 2)
        assert answer.endswith(b"/1")


async def test_a_request_that_takes_longer_is_not_cut() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(2.5 * KEEP_ALIVE)
        await whole(scope, receive, send)

    async with listening(slow) as port:
        assert (await told(port, CLOSE)).endswith(b"/last")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ([], "203.0.113.9", "127.0.0.1"),
        (["127.0.0.1"], "203.0.113.9", "203.0.113.9"),
        (["127.0.0.0/8", "10.0.0.0/8"], "1.1.1.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        (["10.0.0.0/8"], "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_only_trusted_proxies_say_who_calls(proxies: list[str], forwarded: str, address: str) -> None:
    request = CLOSE.replace(b"host: a", f"host: a\r\nx-forwarded-for: {forwarded}".encode())
    async with behind(proxies) as port:
        assert (await told(port, request)).endswith(b"\r\n\r\n" + address.encode())
