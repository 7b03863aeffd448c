"""`ecatalog report …` and the drill: what to read each week and month, beside a running catalog."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from ecatalog.app import Gateway
from ecatalog.cli.main import main
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.launches.opening import open_demo
from ecatalog.ops import report_metrics
from ecatalog.ops.metrics import GatewayCollector
from ecatalog.ops.report_metrics import slowest
from ecatalog.ops.reports import reported, troubles, usage
from ecatalog.usage.actions import record_use
from tests.asgi import Caller
from tests.cast import NOON, Cast, SettableClock, report
from tests.ops.backing_up import KEYS, backed_up, place_beside

YEARS = ("--days", "3660")


@pytest.fixture
def data(db: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a catalog that runs, named to the commands as operators do."""
    monkeypatch.setenv("ECATALOG_DATA", str(db.path.parent))
    return db.path.parent


def go_wrong(tx: Tx) -> None:
    tx.record("backup.failed", SYSTEM, error="The disk is full.")
    tx.record("backup.failed", SYSTEM, error="The password is missing.")
    tx.record("database.checked", SYSTEM, problems=[])
    tx.record("database.checked", SYSTEM, problems=["Row 7 of sessions refers to nobody."])


def use_portal(tx: Tx, cast: Cast, days_ago: int) -> None:
    at = tx.now - timedelta(days=days_ago)
    record_use(tx, "demo_opened", client_id=cast.acme.id, demo_id=cast.portal, at=at)


# errors -----------------------------------------------------------------------------------------------------


async def test_what_went_wrong_is_counted_with_its_last_words(db: Database) -> None:
    await db.write(go_wrong)

    found = {each.kind: each for each in reported(db.path, NOON, 7, troubles)}

    assert {kind: (each.times, each.said) for kind, each in found.items()} == {
        "backup.failed": (2, "The password is missing."),
        "database.checked": (1, "Row 7 of sessions refers to nobody."),
    }
    assert found["backup.failed"].last == NOON


async def test_launches_that_failed_are_counted_by_reason(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "starting")
    await report(db, launch.id, "failed", reason="The image is missing.")

    (found,) = [each for each in reported(db.path, NOON, 7, troubles) if each.kind == "launch failed"]

    assert (found.times, found.said) == (1, "The image is missing.")


async def test_what_is_older_is_left_out(db: Database, clock: SettableClock) -> None:
    await db.write(go_wrong)

    assert reported(db.path, clock.pass_(days=8), 7, troubles) == []


async def test_errors_are_a_table_and_a_number_for_people(
    db: Database, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "errors", *YEARS]) == 0
    assert capsys.readouterr().out == "0 errors in the last 3660 days.\n"

    await db.write(go_wrong)
    assert main(["report", "errors", *YEARS]) == 0
    told = capsys.readouterr().out
    assert "The password is missing." in told
    assert told.endswith("3 errors in the last 3660 days.\n")

    assert main(["report", "errors", *YEARS, "--json"]) == 0
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)} == {"backup.failed", "database.checked"}


def test_without_a_database_it_is_said_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "errors", "--data", str(tmp_path)]) == 78
    assert "Name its directory with --data, or set DB_PATH." in capsys.readouterr().err


def test_what_is_no_database_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ltplabs.db").write_text("no database at all" * 100)

    assert main(["report", "usage", "--data", str(tmp_path)]) == 1
    assert "ecatalog db check" in capsys.readouterr().err


# usage ------------------------------------------------------------------------------------------------------


async def test_usage_is_that_of_the_days_that_are_asked_for(db: Database, cast: Cast) -> None:
    await db.write(use_portal, cast, 1)
    await db.write(use_portal, cast, 40)

    assert reported(db.path, NOON, 31, usage).opens == 1
    assert reported(db.path, NOON, 60, usage).opens == 2


async def test_usage_is_told_to_people_and_machines(
    db: Database, cast: Cast, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await db.write(use_portal, cast, 0)

    assert main(["report", "usage", *YEARS]) == 0
    assert "active clients" in capsys.readouterr().out
    assert main(["report", "usage", *YEARS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["opens"] == 1


# queries ----------------------------------------------------------------------------------------------------


async def test_the_slowest_queries_are_told_by_name(gateway: Gateway, people: Cast, admin: Caller) -> None:
    await admin.get("/api/clients")
    answer = await Caller(gateway.internal).get("/metrics")

    found = slowest(answer.text, 5)

    assert len(found) == 5
    assert [each.p99 for each in found] == sorted((each.p99 for each in found), reverse=True)
    assert {each.kind for each in slowest(answer.text, 1000)} == {"read", "write"}
    assert all(each.times > 0 and 0 <= each.mean <= each.seconds for each in found)


def test_a_query_is_as_slow_as_the_slowest_hundredth() -> None:
    lines = ["# TYPE ecatalog_query_seconds histogram"]
    for name, counts in (("quick", (100, 100, 100)), ("seldom_slow", (98, 99, 100)), ("never", (0, 0, 0))):
        for bound, count in zip(("0.001", "0.1", "+Inf"), counts, strict=True):
            lines.append(f'ecatalog_query_seconds_bucket{{query="{name}",kind="read",le="{bound}"}} {count}')
        lines.append(f'ecatalog_query_seconds_count{{query="{name}",kind="read"}} {counts[-1]}')
        lines.append(f'ecatalog_query_seconds_sum{{query="{name}",kind="read"}} 0.5')

    found = slowest("\n".join(lines) + "\n", 10)

    assert [(each.query, each.p99) for each in found] == [("seldom_slow", 0.1), ("quick", 0.001)]


def test_where_no_gateway_answers_it_is_said_what_to_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECATALOG_METRICS_URL", "http://127.0.0.1:9/metrics")

    assert main(["report", "queries"]) == 1
    assert "No gateway tells its metrics at http://127.0.0.1:9/metrics" in capsys.readouterr().err


def test_the_report_reads_the_family_that_the_gateway_tells(db: Database) -> None:
    told = {each.name for each in GatewayCollector(db, db.path.parent).collect()}

    assert report_metrics.FAMILY in told


# the drill --------------------------------------------------------------------------------------------------


async def test_a_drill_restores_beside_and_leaves_nothing(
    data_with_backup: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a pod: DB_PATH names the catalog's own file, which stays as it is."""
    there = data_with_backup
    before = (there / "ltplabs.db").read_bytes()
    drill = tmp_path / "drill"
    drill.mkdir()
    for name, value in {
        "DB_PATH": str(there / "ltplabs.db"),
        "ECATALOG_DATA": str(there),
        **{f"ECATALOG_{name.upper()}": value for name, value in KEYS.items()},
    }.items():
        monkeypatch.setenv(name, value)

    assert await run(["backup", "drill", "--into", str(drill)]) == 0

    told = capsys.readouterr().out
    assert "was restored in" in told
    assert "It is whole, and was removed again." in told
    assert list(drill.iterdir()) == []
    assert (there / "ltplabs.db").read_bytes() == before


async def test_a_drill_with_a_damaged_backup_fails(
    data_with_backup: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (backup,) = (data_with_backup / "backups").glob("*.ecb")
    whole = bytearray(backup.read_bytes())
    whole[len(whole) // 2] ^= 1
    backup.write_bytes(whole)
    for name, value in KEYS.items():
        monkeypatch.setenv(f"ECATALOG_{name.upper()}", value)

    assert await run(["backup", "drill", "--data", str(data_with_backup), "--into", str(tmp_path)]) == 1
    assert not list(tmp_path.glob("drill-*"))


async def test_a_drill_without_room_to_write_says_where_to(
    data_with_backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(["backup", "drill", "--data", str(data_with_backup), "--into", "/no/such"]) == 1
    assert "Name another with --into." in capsys.readouterr().err


@pytest.fixture
async def data_with_backup(tmp_path: Path, clock: SettableClock) -> Path:
    there = tmp_path / "there"
    place = place_beside(there / "ltplabs.db")
    await backed_up(there, place, clock)
    return there


async def run(words: list[str]) -> int:
    """Restoring runs an event loop of its own."""
    return await asyncio.to_thread(main, words)
