"""Server-sent events: what changes arrives, and the stream ends with its session, its caller or the gateway."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ecatalog.web import streams
from tests.asgi import Exchange
from tests.web.conftest import Shell


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream looks whether its session lives each second; these tests do not want to wait for that."""
    monkeypatch.setattr(streams, "SECONDS_BETWEEN_LOOKS", 0.01)


async def over(task: asyncio.Task[None]) -> None:
    await asyncio.wait_for(task, 10)


async def test_each_change_is_an_event(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "GET", "/api/ticks/clock")
    task = exchange.start()
    await exchange.until(b'event: tick\ndata: {"name":"clock 0"')
    await shell.ada.post("/api/things", {"name": "lamp"})
    await exchange.until(b"clock 1")
    exchange.stop()
    await over(task)
    answer = exchange.answer()
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    assert answer.header("cache-control") == "no-store"
    assert not exchange.sent[-1]["more_body"]


async def test_a_quiet_stream_says_that_it_is_still_there(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "GET", "/api/ticks/clock")
    task = exchange.start()
    await exchange.until(b": still here\n\n")
    exchange.stop()
    await over(task)


async def test_what_is_refused_before_the_first_event_is_a_problem(shell: Shell) -> None:
    answer = await shell.ada.get("/api/ticks/forbidden")
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert (await shell.nobody.get("/api/ticks/clock")).status == 401
    assert (await shell.ada.get("/api/ticks/clock?x=1")).status == 422


async def test_one_caller_has_so_many_streams_and_no_more(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_PER_CALLER", 2)
    held = [Exchange(shell.ada, "GET", "/api/ticks/clock") for _ in range(2)]
    tasks = [exchange.start() for exchange in held]
    for exchange in held:
        await exchange.until(b"clock 0")
    refused = await shell.ada.get("/api/ticks/clock")
    assert (refused.status, refused.json()["code"], refused.header("retry-after")) == (429, "exhausted", "5")
    other = Exchange(shell.cleo, "GET", "/api/ticks/clock")
    tasks.append(other.start())
    await other.until(b"clock 0")
    held[0].stop()
    await over(tasks[0])
    again = Exchange(shell.ada, "GET", "/api/ticks/clock")
    tasks[0] = again.start()
    await again.until(b"clock 0")
    for exchange in (again, held[1], other):
        exchange.stop()
    for task in tasks:
        await over(task)


async def test_a_stream_ends_with_the_session(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "GET", "/api/ticks/clock")
    task = exchange.start()
    await exchange.until(b"clock 0")
    del shell.sessions["ada"]
    await over(task)
    assert not exchange.sent[-1]["more_body"]


async def test_what_happens_after_the_session_is_over_is_not_told(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "GET", "/api/ticks/clock")
    task = exchange.start()
    await exchange.until(b"clock 0")
    del shell.sessions["ada"]
    shell.sessions["eve"] = shell.sessions["cleo"]
    await shell.door.db.write(lambda tx: tx.record("thing.made", shell.sessions["cleo"]))
    await over(task)
    assert b"clock 1" not in exchange.body


async def test_following_is_no_use_of_a_session(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "GET", "/api/ticks/clock")
    task = exchange.start()
    await exchange.until(b"still here")
    assert shell.uses == ["ada"], "the request itself, once"
    exchange.stop()
    await over(task)


async def test_the_end_of_the_gateway_ends_every_stream(shell: Shell) -> None:
    exchanges = [Exchange(shell.ada, "GET", f"/api/ticks/{n}") for n in range(5)]
    tasks = [exchange.start() for exchange in exchanges]
    for exchange in exchanges:
        await exchange.until(b"tick")
    with capture_logs() as events:
        shell.asgi.end_streams()
        await asyncio.gather(*map(over, tasks))
    assert [event["route"] for event in events if event["event"] == "request"] == ["/api/ticks/{name}"] * 5


async def test_a_stream_has_no_head(shell: Shell) -> None:
    assert (await shell.ada.ask("HEAD", "/api/ticks/clock")).status == 405
