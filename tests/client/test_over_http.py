"""Calls over HTTP towards an upstream that misbehaves: what is tried again, what is told, when the breaker opens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ecatalog_client import AsyncCatalog, Hooks, over_http
from ecatalog_client.breaker import BreakerState
from ecatalog_client.calls import Attempt, Caller, FailedError
from ecatalog_client.errors import CatalogError, Exhausted, Invalid, Unanswered, Unavailable
from ecatalog_client.over_http import error_from

FINE = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'
GONE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@asynccontextmanager
async def answering(*script: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An upstream that answers each request with the next of the script, the last again and again, and hangs up."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(script[min(len(asked), len(script)) - 1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "first",
    [
        GONE,
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>",
        b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"stat',
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /livez\r\ncontent-length: 0\r\n\r\n",
    ],
)
async def test_a_read_is_tried_again_until_it_is_answered(first: bytes) -> None:
    async with answering(first, FINE) as (url, asked), AsyncCatalog(url) as catalog:
        assert await catalog.service.livez() == {"status": "ok"}
        assert len(asked) == 2


async def test_a_change_is_tried_again_under_one_key() -> None:
    async with answering(GONE) as (url, asked), AsyncCatalog(url, "token") as catalog:
        with pytest.raises(Unavailable):
            await catalog.auth.logout()
    keys = {line for each in asked for line in each.split(b"\r\n") if line.lower().startswith(b"idempotency-key")}
    assert (len(asked), len(keys)) == (3, 1)


async def test_a_login_is_sent_once() -> None:
    async with answering(GONE) as (url, asked), AsyncCatalog(url) as catalog:
        with pytest.raises(Unavailable):
            await catalog.auth.login(email="a@b.c", password="x")
        assert len(asked) == 1


async def test_retry_after_is_waited_for_or_the_call_ends() -> None:
    later = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"
    async with answering(later) as (url, asked), AsyncCatalog(url) as catalog:
        with pytest.raises(Unavailable) as refused:
            await catalog.service.livez()
    assert (len(asked), refused.value.retry_after) == (1, 60.0)


async def test_an_answer_may_take_longer_than_a_stream_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "SILENCE_SECONDS", 0.01)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(FINE)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncCatalog(url) as catalog:
            assert await catalog.service.livez() == {"status": "ok"}


async def test_a_cookie_of_an_answer_is_not_sent_back() -> None:
    cookie = b'HTTP/1.1 200 OK\r\nset-cookie: ecatalog=x\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'
    async with answering(cookie) as (url, asked), AsyncCatalog(url) as catalog:
        await catalog.service.livez()
        await catalog.service.livez()
        assert b"cookie" not in asked[1].lower()


async def test_a_dead_upstream_opens_the_breaker_and_one_probe_closes_it() -> None:
    states: list[BreakerState] = []
    hooks = Hooks(breaker=lambda upstream, state: states.append(state))
    async with answering(FINE) as (url, _):
        pass
    async with AsyncCatalog(url, hooks=hooks) as catalog:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await catalog.service.livez()
        assert catalog.breaker.state is BreakerState.OPEN
        with pytest.raises(Unavailable, match="does not answer now"):
            await catalog.service.livez()
    assert states == [BreakerState.OPEN]


# One caller on a clock of the test ----------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def silent_for(clock: Clock, seconds: float) -> Callable[[Attempt], Awaitable[str]]:
    async def send(attempt: Attempt) -> str:
        clock.now += seconds
        attempt.is_sent = True
        raise FailedError(Unavailable("late"), is_silence=True)

    return send


async def answer(attempt: Attempt) -> str:
    return "fine"


async def test_waiting_in_vain_adds_up_over_calls() -> None:
    clock = Clock()
    caller = Caller(probe=_probe_that_works, clock=clock)

    for state in (BreakerState.CLOSED, BreakerState.OPEN):
        with pytest.raises(Unavailable):
            await caller.call("x", silent_for(clock, 1.0), deadline=1, is_safe=False)
        assert caller.breaker.state is state


@pytest.mark.parametrize(("deadline", "state"), [(10.0, BreakerState.OPEN), (1.0, BreakerState.CLOSED)])
async def test_two_seconds_of_waiting_in_vain_open_the_breaker(deadline: float, state: BreakerState) -> None:
    clock = Clock()
    caller = Caller(probe=_probe_that_works, clock=clock)

    with pytest.raises(Unavailable):
        await caller.call("x", silent_for(clock, deadline), deadline=deadline, is_safe=False)

    assert caller.breaker.state is state


async def test_it_stays_closed_when_others_are_answered_meanwhile() -> None:
    clock = Clock()
    caller = Caller(probe=_probe_that_works, clock=clock)

    async def slow(attempt: Attempt) -> str:
        clock.now += 9
        assert await caller.call("y", answer, deadline=1, is_safe=True) == "fine"
        return await silent_for(clock, 1)(attempt)

    with pytest.raises(Unavailable):
        await caller.call("x", slow, deadline=10, is_safe=False)
    assert caller.breaker.state is BreakerState.CLOSED


async def test_an_open_breaker_asks_by_a_probe_before_it_sends_a_call() -> None:
    clock, sent, is_back = Clock(), [0], [False]

    async def probe() -> None:
        if not is_back[0]:
            raise FailedError(Unavailable("still gone"), is_silence=True)

    async def send(attempt: Attempt) -> str:
        sent[0] += 1
        return "fine"

    caller = Caller(probe=probe, clock=clock)
    with pytest.raises(Unavailable):
        await caller.call("x", silent_for(clock, 10), deadline=10, is_safe=False)
    clock.now += 1
    with pytest.raises(Unavailable, match="does not answer now"):
        await caller.call("x", send, deadline=1, is_safe=True)
    is_back[0] = True
    with pytest.raises(Unavailable, match="does not answer now"):
        await caller.call("x", send, deadline=1, is_safe=True)  # It rests again.
    clock.now += 1
    assert await caller.call("x", send, deadline=1, is_safe=True) == "fine"
    assert (sent, caller.breaker.state) == ([1], BreakerState.CLOSED)


async def _probe_that_works() -> None:
    """The upstream answers."""


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b'{"code":"exhausted","detail":"d"}', Exhausted),
        (413, b'{"code":"too_large","detail":"d"}', Invalid),
        (400, b"<html>", Invalid),
        (301, b"", Unavailable),
        (502, b"<html>", Unanswered),
        (503, b"", Unanswered),
        (503, b'{"code": "unavailable", "detail": "later"}', Unavailable),
        (504, b"", Unanswered),
        (500, b'{"code":"bug","detail":"d"}', CatalogError),
    ],
)
def test_every_status_is_an_error_of_the_family(status: int, body: bytes, kind: type[CatalogError]) -> None:
    assert type(error_from(status, body, None)) is kind
