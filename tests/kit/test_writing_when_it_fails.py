"""A group in which something breaks, at each place: every caller hears what became of his own change."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Unavailable
from ecatalog.kit.jobs import Job
from tests.kit.disk import FailingDisk, failing_disk
from tests.kit.rows import keys, put

SIZE = 5


class Key(msgspec.Struct):
    """A row of one column."""

    key: str


def connection_of(db: Database) -> apsw.Connection:
    """The writer's connection, which nobody but these tests is given."""
    return db._writer._connection


def let_sql_interrupt(connection: apsw.Connection) -> None:
    """Gives SQL the function `interrupt_me()`, which interrupts the statement it is called from."""

    def interrupt_me(*_: object) -> str:
        connection.interrupt()
        return ""

    connection.create_scalar_function("interrupt_me", interrupt_me)


def interrupt(tx: Tx, key: str) -> None:
    """The engine stops a statement that writes, and drops the whole transaction with it."""
    put(tx, key)
    tx.run("UPDATE settings SET value = interrupt_me()")


def swallow_interrupt(tx: Tx, key: str) -> str:
    """The same, by an action that does not tell."""
    put(tx, key)
    with suppress(apsw.InterruptError):
        tx.run("UPDATE settings SET value = interrupt_me()")
    return key


def go_on_after_interrupt(tx: Tx, key: str) -> str:
    """The same, by an action that does not even stop: its next statement would be a commit of its own."""
    swallow_interrupt(tx, key)
    return put(tx, key)


def break_constraint(tx: Tx, key: str) -> None:
    put(tx, key)
    put(tx, key)


def fill_disk(tx: Tx, key: str) -> None:
    put(tx, key, "x" * 1_000_000)


def refuse(tx: Tx, key: str) -> None:
    put(tx, key)
    raise Conflict("no")


def leave_open(tx: Tx, key: str) -> str:
    """A statement with rows to come: as a cursor it would sink the COMMIT. Tx has read it to its end."""
    put(tx, key)
    tx.run("UPDATE settings SET value = value RETURNING key")
    tx.value("SELECT key FROM settings ORDER BY key")
    tx.one(Key, "SELECT key FROM settings ORDER BY key")
    return key


BREAKS: dict[str, tuple[Any, type[BaseException]]] = {
    "interrupt": (interrupt, apsw.InterruptError),
    "swallowed interrupt": (swallow_interrupt, apsw.SQLError),
    "going on after an interrupt": (go_on_after_interrupt, RuntimeError),
    "constraint": (break_constraint, apsw.ConstraintError),
    "full disk": (fill_disk, Unavailable),
    "refusal": (refuse, Conflict),
}


@pytest.fixture
async def breakable(db: Database) -> Database:
    """A database in which SQL can interrupt itself, and with room for little."""
    connection = connection_of(db)
    let_sql_interrupt(connection)
    await db.write(put, "before")
    connection.pragma("max_page_count", connection.pragma("page_count") + 20)
    return db


async def write_all(db: Database, actions: list[Any]) -> list[Any]:
    """What each caller of one group heard. A group is one: all ask in the same turn of the loop."""
    return await asyncio.gather(
        *(db.write(action, f"k{i}") for i, action in enumerate(actions)), return_exceptions=True
    )


async def assert_everybody_heard_the_truth(db: Database, told: list[Any]) -> None:
    promised = {one for one in told if isinstance(one, str)}
    assert await db.read(keys) == promised | {"before"}


@pytest.mark.parametrize("place", range(SIZE))
@pytest.mark.parametrize("name", BREAKS)
async def test_one_that_breaks_harms_no_other(breakable: Database, name: str, place: int) -> None:
    action, error = BREAKS[name]
    actions: list[Any] = [put] * SIZE
    actions[place] = action
    told = await write_all(breakable, actions)
    assert isinstance(told[place], error)
    assert [one for one in told if isinstance(one, str)] == [f"k{i}" for i in range(SIZE) if i != place]
    await assert_everybody_heard_the_truth(breakable, told)


@pytest.mark.parametrize("name", BREAKS)
async def test_one_that_breaks_alone_hears_why(breakable: Database, name: str) -> None:
    action, error = BREAKS[name]
    told = await write_all(breakable, [action])
    assert isinstance(told[0], error)
    await assert_everybody_heard_the_truth(breakable, told)
    assert await breakable.write(put, "k0") == "k0"


async def test_a_dropped_group_runs_again_one_by_one(breakable: Database) -> None:
    commits = breakable.stats.commits
    await write_all(breakable, [put, put, interrupt, put])
    assert breakable.stats.replays == 1
    assert breakable.stats.commits - commits == 3


async def test_facts_of_a_group_that_runs_again_are_recorded_once(breakable: Database) -> None:
    def record(tx: Tx, key: str) -> int:
        tx.touch("clients")
        return tx.record("note.added", SYSTEM, key=key)

    before = breakable.counter("clients")
    told = await write_all(breakable, [record, record, interrupt, record])
    assert [one for one in told if isinstance(one, int)] == [1, 2, 3]
    assert breakable.position == 3
    assert breakable.counter("clients") == before + 1
    assert await breakable.read(lambda tx: tx.value("SELECT count(*) FROM audit_log")) == 3


async def test_a_statement_left_open_would_sink_the_group_and_tx_leaves_none(breakable: Database) -> None:
    connection = connection_of(breakable)

    def leave_cursor(tx: Tx, key: str) -> str:
        put(tx, key)
        put(tx, f"{key}-2")
        open_cursors.append(connection.execute("UPDATE settings SET value = value RETURNING key"))
        return key

    open_cursors: list[apsw.Cursor] = []
    told = await write_all(breakable, [put, leave_cursor])
    assert any(isinstance(one, Unavailable) for one in told), "this test no longer shows the danger"
    for cursor in open_cursors:
        cursor.close(True)
    replays = breakable.stats.replays
    assert await write_all(breakable, [leave_open, leave_open]) == ["k0", "k1"]
    assert breakable.stats.replays == replays


class Commits:
    """A commit hook that refuses the commits it is told to, counted from 1."""

    def __init__(self, *refused: int) -> None:
        self.seen = 0
        self.refused = refused

    def __call__(self) -> bool:
        self.seen += 1
        return self.seen in self.refused


async def test_when_the_commit_of_a_group_fails_each_is_tried_alone(breakable: Database) -> None:
    connection_of(breakable).set_commit_hook(Commits(1))
    told = await write_all(breakable, [put] * SIZE)
    assert told == [f"k{i}" for i in range(SIZE)]
    await assert_everybody_heard_the_truth(breakable, told)


@pytest.mark.parametrize("place", range(SIZE))
async def test_when_a_commit_fails_alone_too_only_its_caller_is_told(breakable: Database, place: int) -> None:
    connection_of(breakable).set_commit_hook(Commits(1, place + 2))
    told = await write_all(breakable, [put] * SIZE)
    assert isinstance(told[place], apsw.ConstraintError)
    assert sum(isinstance(one, str) for one in told) == SIZE - 1
    await assert_everybody_heard_the_truth(breakable, told)


async def test_when_every_commit_fails_everybody_is_told(breakable: Database) -> None:
    connection_of(breakable).set_commit_hook(Commits(*range(1, 100)))
    told = await write_all(breakable, [put] * SIZE)
    assert all(isinstance(one, apsw.ConstraintError) for one in told)
    await assert_everybody_heard_the_truth(breakable, told)
    connection_of(breakable).set_commit_hook(None)
    assert await breakable.write(put, "after") == "after"


async def test_a_refusal_that_saw_a_change_that_came_to_nothing_is_asked_again(breakable: Database) -> None:
    def claim(tx: Tx, key: str) -> str:
        if "claimed" in keys(tx):
            raise Conflict("somebody was quicker")
        put(tx, "claimed")
        return "claimed"

    connection_of(breakable).set_commit_hook(Commits(1, 2))
    told = await write_all(breakable, [claim, claim])
    assert isinstance(told[0], apsw.ConstraintError)
    assert told[1] == "claimed"


@given(st.lists(st.sampled_from(["put", *BREAKS]), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mixture_tells_everybody_the_truth(tmp_path: Path, names: list[str]) -> None:
    async def run() -> None:
        db = Database(tmp_path / "any" / "c.db")
        await db.start()
        connection = connection_of(db)
        let_sql_interrupt(connection)
        await db.write(lambda tx: tx.run("DELETE FROM settings"))
        await db.write(put, "before")
        connection.pragma("max_page_count", connection.pragma("page_count") + 20)
        try:
            told = await write_all(db, [put if name == "put" else BREAKS[name][0] for name in names])
            for one, name in zip(told, names, strict=True):
                assert isinstance(one, str if name == "put" else BREAKS[name][1])
            await assert_everybody_heard_the_truth(db, told)
        finally:
            await db.stop()

    asyncio.run(run())


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    with failing_disk() as failing:
        yield failing


@pytest.fixture
async def on_disk(disk: FailingDisk, tmp_path: Path) -> AsyncIterator[Database]:
    """A database on the disk that fails; whatever it was called on to do at its end is in `fatal`."""
    db = Database(tmp_path / "failing" / "c.db")
    await db.start()
    await db.write(put, "before")
    yield db
    disk.heal()
    await db.stop()


async def test_a_full_disk_at_commit_is_unavailable_and_then_over(on_disk: Database, disk: FailingDisk) -> None:
    disk.fail(apsw.FullError)
    told = await write_all(on_disk, [put] * SIZE)
    assert all(isinstance(one, Unavailable) and "full" in str(one) for one in told)
    disk.heal()
    assert await on_disk.write(put, "after") == "after"
    assert await on_disk.read(keys) == {"before", "after"}


@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("size", [1, SIZE])
async def test_an_input_output_error_at_commit_ends_all_writing(
    on_disk: Database, disk: FailingDisk, operation: str, size: int
) -> None:
    heard: list[BaseException] = []
    on_disk.on_fatal = heard.append
    # Only once: were the COMMIT tried again, it would "succeed" with pages that never reached the disk.
    disk.fail(apsw.IOError, is_lasting=False, only=operation)
    told = await write_all(on_disk, [put, refuse, *[put] * SIZE][:size])
    assert all(isinstance(one, Unavailable) for one in told)
    assert [type(error) for error in heard] == [apsw.IOError]
    with pytest.raises(Unavailable):
        await on_disk.write(put, "after")
    await on_disk.stop()


async def test_what_was_asked_for_during_the_last_commit_is_refused_too(on_disk: Database, disk: FailingDisk) -> None:
    def ask_for_more(tx: Tx, key: str) -> None:
        put(tx, key)
        asyncio.run_coroutine_threadsafe(ask(), loop).result()

    async def ask() -> None:
        more.append(asyncio.ensure_future(on_disk.write(put, "more")))
        disk.fail(apsw.IOError, only="sync")

    loop, more = asyncio.get_running_loop(), list[asyncio.Future[str]]()
    told = await write_all(on_disk, [ask_for_more])
    told += await asyncio.gather(*more, return_exceptions=True)
    assert len(told) == 2
    assert all(isinstance(one, Unavailable) for one in told)


async def test_a_checkpoint_that_fails_ends_all_writing_and_loses_nothing(on_disk: Database, disk: FailingDisk) -> None:
    heard: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    on_disk.on_fatal = heard.set_result
    disk.fail(apsw.IOError, only="sync main")
    promised = set[str]()
    while not heard.done():
        told = await write_all(on_disk, [put_much])
        promised |= {one for one in told if isinstance(one, str)}
    assert isinstance(heard.result(), apsw.IOError)
    with pytest.raises(Unavailable):
        await on_disk.write(put, "after")
    disk.heal()
    await on_disk.stop()
    await on_disk.start()
    assert len(promised) > 1
    assert promised <= await on_disk.read(keys)


def put_much(tx: Tx, _key: str) -> str:
    return put(tx, f"much {len(keys(tx))}", "x" * 1_000_000)


def test_nobody_is_promised_what_is_not_known_to_be_durable() -> None:
    loop = asyncio.new_event_loop()
    job = Job(put, (), {}, loop.create_future())
    job.value = "a"
    job.settle()
    assert isinstance(job.future.exception(), Unavailable)
    loop.close()


@pytest.mark.parametrize(
    ("error", "operation"), [(apsw.IOError, "write"), (apsw.IOError, "sync"), (apsw.FullError, "write")]
)
@pytest.mark.parametrize("is_lasting", [False, True], ids=["once", "for ever"])
async def test_no_failure_of_the_disk_makes_a_promise_untrue(
    disk: FailingDisk, tmp_path: Path, error: type[apsw.Error], operation: str, is_lasting: bool
) -> None:
    """Fails the N-th operation for N = 1, 2, 3, until a run in which nothing failed (sqlite.org/testing.html)."""
    for n in range(1, 200):
        db = Database(tmp_path / str(n) / "c.db")
        await db.start()
        disk.fail(error, at=n, is_lasting=is_lasting, only=operation)
        told = []
        for group in range(3):
            told += await asyncio.gather(
                *(db.write(put, f"{group}-{i}", "x" * 3000) for i in range(3)), return_exceptions=True
            )
        has_failed = disk.operations >= n
        await db.stop()
        disk.heal()
        promised = {one for one in told if isinstance(one, str)}
        assert all(isinstance(one, str | Unavailable) for one in told)
        with closing(apsw.Connection(str(db.path))) as beside:
            found = {key for (key,) in beside.execute("SELECT key FROM settings")}
            assert beside.pragma("integrity_check") == "ok"
        assert promised <= found
        # After an I/O error a change may show up that nobody was promised; after a full disk none may.
        assert error is apsw.IOError or promised == found
        if not has_failed:
            assert len(promised) == 9
            return
    pytest.fail("no run was clean")


async def test_a_program_that_holds_the_lock_is_named_and_nobody_waits_twice(tmp_path: Path) -> None:
    db = Database(tmp_path / "c.db", busy_timeout_ms=0)
    await db.start()
    with closing(apsw.Connection(str(db.path))) as beside:
        beside.execute("BEGIN IMMEDIATE")
        told = await write_all(db, [put] * SIZE)
        assert all(isinstance(one, Unavailable) and one.retry_after == 1 for one in told)
        assert db.stats.actions == 0
        beside.execute("COMMIT")
    assert await db.write(put, "after") == "after"
    await db.stop()


async def test_a_flaw_of_the_writer_itself_leaves_nobody_waiting(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(db._writer, "_note_commit", fail)
    told = await write_all(db, [put, refuse, put])
    assert all(isinstance(one, Unavailable) for one in told)
    with pytest.raises(Unavailable):
        await db.write(put, "after")
