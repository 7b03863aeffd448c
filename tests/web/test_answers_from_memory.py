"""A read that follows tables is answered from memory until one of them changes, and never a moment longer."""

import asyncio

import pytest

from ecatalog.kit.actor import ADMINS, SIGNED_IN
from ecatalog.web.answers import AnswerMemory, encode
from ecatalog.web.operation import write
from ecatalog.web.targets import target
from tests.web.conftest import OPERATIONS, Shell, count_users


async def test_an_answer_is_the_same_bytes_until_its_table_moves(shell: Shell) -> None:
    first = await shell.ada.get("/api/users/count")
    assert first.json()["name"] == "0"
    assert (await shell.ada.get("/api/users/count")).headers[:3] == first.headers[:3]
    await shell.ada.post("/api/users")
    second = await shell.ada.get("/api/users/count")
    assert second.json()["name"] == "1"
    assert second.header("etag") != first.header("etag")


async def test_a_browser_that_has_the_answer_gets_304(shell: Shell) -> None:
    first = await shell.ada.get("/api/users/count")
    etag = first.header("etag") or ""
    again = await shell.ada.with_(if_none_match=etag).get("/api/users/count")
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
    assert first.header("cache-control") == "private, no-cache"
    await shell.ada.post("/api/users")
    assert (await shell.ada.with_(if_none_match=etag).get("/api/users/count")).status == 200


async def test_people_do_not_see_each_others_answers(shell: Shell) -> None:
    assert (await shell.ada.get("/api/users/count")).json()["made_by"] == "ada"
    assert (await shell.cleo.get("/api/users/count")).json()["made_by"] == "cleo"


async def test_remembering_comes_after_asking_who_may(shell: Shell) -> None:
    await shell.ada.get("/api/users/count")
    del shell.sessions["ada"]
    assert (await shell.ada.get("/api/users/count")).status == 401


async def test_a_refused_query_is_refused_each_time(shell: Shell) -> None:
    for _ in range(2):
        assert (await shell.ada.get("/api/users/count?x=1")).status == 422


async def test_no_reader_who_asks_after_a_write_is_answered_from_before_it(shell: Shell) -> None:
    async def add_and_look() -> bool:
        await shell.ada.post("/api/users")
        added[0] += 1
        seen = int((await shell.ada.get("/api/users/count")).json()["name"])
        return seen >= added[0]

    added = [0]
    assert all(await asyncio.gather(*(add_and_look() for _ in range(200))))


def test_memory_is_bounded_by_bytes() -> None:
    memory = AnswerMemory(lambda names: (0,), limit=10_000)
    for n in range(100):
        memory.answer((n,), b"", ("users",), lambda: "x" * 100)
    assert len(memory) < 12
    newest = memory.answer((99,), b"", ("users",), lambda: "made again")
    assert b"made again" not in newest.body


def test_short_answers_to_many_questions_are_bounded_too() -> None:
    memory = AnswerMemory(lambda names: (0,), limit=1_000_000)
    for n in range(5_000):
        memory.answer((), b"q=%d" % n, ("users",), str)
    assert len(memory) < 1_100
    memory.answer((), b"q=" + b"x" * 60_000, ("users",), lambda: "long")
    assert b"again" in memory.answer((), b"q=" + b"x" * 60_000, ("users",), lambda: "again").body


def test_only_a_plain_get_can_be_remembered(shell: Shell) -> None:
    bad = write("POST", "/api/x", count_users, gives=str, may=ADMINS | SIGNED_IN, summary="")
    object.__setattr__(bad, "kind", "read")
    object.__setattr__(bad, "follows", ("users",))
    with pytest.raises(ValueError, match="plain GET"):
        target(bad, shell.door, AnswerMemory(lambda names: (0,)))
    assert any(operation.follows for operation in OPERATIONS)


def test_what_cannot_hold_an_instant_is_encoded_as_it_is() -> None:
    assert encode({"a": [1, None, "2026-03-10T12:00:00Z"]}) == b'{"a":[1,null,"2026-03-10T12:00:00Z"]}'
