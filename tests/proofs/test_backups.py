"""Promises B1 to B6: a damaged backup is never accepted, a crash leaves nothing that looks finished, and a large
database comes back by one command within the promised time. Other times and latencies are printed, not asserted.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.inspect import check
from ecatalog.ops.backup_keys import signing_key
from ecatalog.ops.backups import Place, list_backups, make_backup, verify_backup
from tests.cast import NOON
from tests.ops.backing_up import BY_PASSWORD, damaged, lay, place_beside
from tests.proofs.grown import environment, grow, make_catalog, run

pytestmark = pytest.mark.proof

MEGABYTES = {"ci": 30, "full": 1000}
WRITERS = 8
AT = "2026-03-10T12:00:00.000Z"
SECONDS_WITHOUT = 3.0
RTO_SECONDS = 300


def note(tx: Tx) -> int:
    return tx.record("samples.noted", SYSTEM, about="x" * 100)


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    return await make_catalog(tmp_path / "catalog")


# B4 ---------------------------------------------------------------------------------------------------------


def test_no_damaged_backup_is_accepted(database: Path, scale: str) -> None:
    place = place_beside(database)
    lay(place.data)
    good, other = (file_of(place, make_backup(place, NOON + timedelta(hours=hour)).name) for hour in range(2))
    content, another = good.read_bytes(), other.read_bytes()
    trusted, number = signing_key(place.data).public_key(), {"ci": 60, "full": 1000}[scale]

    rejected, said = 0, set()
    for what, changed in damaged(content, another, number):
        good.write_bytes(changed)
        try:
            verify_backup(place, good.name, trusted)
        except Exception as refusal:
            sentence = f"{type(refusal).__name__}: {refusal}"
            assert sentence.startswith("BadBackup: "), (what, sentence)
            said.add(sentence)
            rejected += 1
        else:
            pytest.fail(f"accepted: {what}")
    print(f"\n{rejected} damaged files, {rejected} rejections; in words:", *sorted(said), sep="\n  ")
    good.write_bytes(content)
    verify_backup(place, good.name, trusted)


def test_the_command_rejects_too_with_a_status_and_a_sentence(database: Path, scale: str) -> None:
    place = place_beside(database)
    path = file_of(place, make_backup(place, NOON).name)
    content = path.read_bytes()
    for what, changed in damaged(content, content[::-1], {"ci": 4, "full": 40}[scale], seed=11):
        path.write_bytes(changed)
        ended = run(["backup", "verify", path.name], environment(database))
        assert ended.returncode == 1, (what, ended)
        assert "is not to be relied on." in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_wrong_key_and_a_wrong_password_open_nothing(database: Path) -> None:
    by_key, by_password = place_beside(database), place_beside(database, **BY_PASSWORD)
    for place, wrong in (
        (by_key, {"ECATALOG_BACKUP_TEST_KEY": "AGE-SECRET-KEY-1QQPQ"}),
        (by_password, {"BACKUP_PASSWORD": "another one", "ECATALOG_BACKUP_TEST_KEY": ""}),
    ):
        name = make_backup(place, NOON + timedelta(hours=place is by_password)).name
        ended = run(["backup", "verify", name], environment(database) | wrong)
        assert ended.returncode == 1, ended
        assert "Traceback" not in ended.stderr


def in_the_midst(words: list[str], database: Path, sign: str, kills: int, chance: random.Random) -> Iterator[None]:
    """Runs the command and kills it at random moments of its work, until that many kills came before its end.

    After each run, killed or not, it is the caller's turn.
    """
    longest, made = 1.0, 0
    while made < kills:
        before = changed_at(database.parent / sign)
        child = subprocess.Popen(
            [sys.executable, "-m", "ecatalog", *words],
            env=environment(database),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started = wait_for_work(child, database.parent / sign, before)
        try:
            child.wait(chance.uniform(0, longest))
            longest = min(longest, time.monotonic() - started)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            made += 1
            longest *= 1.05
        yield


def wait_for_work(child: subprocess.Popen[bytes], sign: Path, before: int) -> float:
    """When the command had begun: its first file is new. Starting Python is not its work."""
    while changed_at(sign) in {0, before} and child.poll() is None:
        time.sleep(0.002)
    return time.monotonic()


def changed_at(path: Path) -> int:
    """0 when it is not there."""
    try:
        return path.stat().st_ctime_ns
    except FileNotFoundError:
        return 0


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(database))) as connection:
        return connection.execute(sql).fetchall()


# B6 ---------------------------------------------------------------------------------------------------------


def test_a_kill_at_any_moment_leaves_nothing_that_looks_finished(database: Path, scale: str) -> None:
    grow(database, 5)
    place, chance = place_beside(database), random.Random(20260310)
    trusted = signing_key(place.data).public_key()
    kills, finished = {"ci": 12, "full": 200}[scale], 0
    for _ in in_the_midst(["backup", "create"], database, ".backup/copy.db", kills, chance):
        found = list_backups(place, trusted)
        assert [each.problem for each in found if each.problem] == []
        for each in found[: len(found) - finished]:
            verify_backup(place, each.name, trusted)
        finished = len(found)
    assert run(["backup", "create"], environment(database)).returncode == 0
    left = sorted(each.name for each in Path(place.store.place).iterdir() if each.suffix not in {".ecb", ".pub"})
    assert left == []
    print(f"\n{kills} kills during a backup left nothing that looks finished, and the next one leaves nothing over")


# B2 and B3 --------------------------------------------------------------------------------------------------


def test_writers_beside_a_backup(database: Path, scale: str) -> None:
    grow(database, {"ci": 30, "full": 400}[scale])
    without, with_it = asyncio.run(write_beside_a_backup(database))
    for name, times in (("without", without), ("during a backup", with_it)):
        print(f"\n{WRITERS} writers {name}: {told(times)}", end="")
    print()


async def write_beside_a_backup(database: Path) -> tuple[list[float], list[float]]:
    db = Database(database)
    await db.start()
    try:
        ends = time.monotonic() + SECONDS_WITHOUT
        without = await latencies(db, lambda: time.monotonic() > ends)
        child = await asyncio.create_subprocess_exec(
            "nice", sys.executable, "-m", "ecatalog", "backup", "create", env=environment(database)
        )
        with_it = await latencies(db, lambda: child.returncode is not None)
        assert await child.wait() == 0
    finally:
        await db.stop()
    return without, with_it


async def latencies(db: Database, is_over) -> list[float]:  # type: ignore[no-untyped-def]
    found: list[float] = []

    async def write() -> None:
        while not is_over():
            started = time.perf_counter()
            await db.write(note)
            found.append(time.perf_counter() - started)
            await asyncio.sleep(0.004)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return sorted(found)


def told(times: list[float]) -> str:
    p50, p99, most = times[len(times) // 2], times[int(len(times) * 0.99)], times[-1]
    return f"{len(times)} writes, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, most {most * 1e3:.0f} ms"


def test_a_large_database_is_backed_up_by_one_command(database: Path, scale: str) -> None:
    grow(database, MEGABYTES[scale])
    lay(database.parent)
    size = database.stat().st_size

    started = time.monotonic()
    made = run(["backup", "create", "--json"], environment(database))
    took = time.monotonic() - started

    assert made.returncode == 0, made.stderr
    stored = json.loads(made.stdout)
    print(f"\n{size / 1e6:.0f} MB: `ecatalog backup create` {took:.1f} s, {stored['bytes'] / 1e6:.0f} MB stored")
    database.rename(database.with_name("lost.db"))

    started = time.monotonic()
    restored = run(["backup", "restore"], environment(database))
    took = time.monotonic() - started

    assert restored.returncode == 0, restored.stderr
    assert check(database) == []
    assert took < RTO_SECONDS
    print(f"{size / 1e6:.0f} MB: `ecatalog backup restore` {took:.1f} s")


def test_a_kill_at_any_moment_of_a_restore_leaves_the_old_or_the_new_database(database: Path, scale: str) -> None:
    grow(database, 5)
    assert run(["backup", "create"], environment(database)).returncode == 0
    chance, ends, kills = random.Random(20260310), {"old": 0, "new": 0}, {"ci": 6, "full": 100}[scale]
    by_hand = f"INSERT INTO audit_log (at, actor, kind) VALUES ('{AT}', 'system', 'samples.noted')"
    ask(database, by_hand)
    for _ in in_the_midst(["backup", "restore"], database, ".restore", kills, chance):
        assert check(database) == []
        is_old = bool(ask(database, "SELECT 1 FROM audit_log WHERE kind = 'samples.noted'"))
        ends["old" if is_old else "new"] += 1
        if not is_old:
            ask(database, by_hand)
    print(f"\n{kills} kills during a restore, and runs without: the database is {ends}, and whole each time")


def file_of(place: Place, name: str) -> Path:
    return Path(place.store.place) / name
