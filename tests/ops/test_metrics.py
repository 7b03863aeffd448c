"""What the gateway tells Prometheus: sizes, writes, states; never anybody's id."""

import re
from contextlib import closing
from math import inf

import apsw
import pytest

from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unavailable
from ecatalog.ops.holding import hold_access
from ecatalog.ops.last_backup import LastBackup, note_backup, note_test
from ecatalog.ops.metrics import LIVE_STATES, GatewayCollector
from ecatalog.ops.upkeep import do_what_is_due
from tests.asgi import Caller
from tests.cast import Caller as CastCaller
from tests.cast import Cast, SettableClock


async def scrape(gateway: Gateway) -> dict[str, float]:
    """Every sample by its name and labels, as the text format has it."""
    answer = await Caller(gateway.internal).get("/metrics")
    assert answer.status == 200
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_sizes_and_writes_are_told(gateway: Gateway, people: Cast) -> None:
    found = await scrape(gateway)

    assert found["ecatalog_database_bytes"] == gateway.db.path.stat().st_size > 0
    assert found["ecatalog_wal_bytes"] > 0
    assert found["ecatalog_position"] == gateway.db.position > 0
    assert found["ecatalog_writes_total"] >= found["ecatalog_write_commits_total"] > 0


async def test_a_write_moves_the_counts(gateway: Gateway, admin: Caller) -> None:
    before = await scrape(gateway)
    await Caller(gateway.internal).get("/readyz")
    after = await scrape(gateway)

    # At least by one: the jobs of the gateway write by themselves.
    for name in ("writes", "write_groups", "write_commits"):
        assert after[f"ecatalog_{name}_total"] > before[f"ecatalog_{name}_total"]


async def test_launches_are_counted_by_state(gateway: Gateway, people: Cast, acme: Caller) -> None:
    before = await scrape(gateway)
    opened = await acme.post(f"/api/demos/{people.portal}/open")
    after = await scrape(gateway)

    assert opened.status in {200, 201, 202}
    assert [before[f'ecatalog_launches{{state="{state}"}}'] for state in LIVE_STATES] == [0, 0, 0, 0]
    assert [after[f'ecatalog_launches{{state="{state}"}}'] for state in LIVE_STATES] == [1, 0, 0, 0]


async def test_people_and_services_are_counted(gateway: Gateway, people: Cast) -> None:
    found = await scrape(gateway)

    assert found["ecatalog_sessions"] > 0
    assert found["ecatalog_edges"] == found["ecatalog_launchers"] == found["ecatalog_pending_requests"] == 0


async def test_queries_and_actions_are_timed_by_their_names(gateway: Gateway, people: Cast, admin: CastCaller) -> None:
    await admin.get(f"/api/clients/{people.acme.id}")
    await admin.patch(f"/api/clients/{people.acme.id}/revoke", idempotency_key="once")
    found = await scrape(gateway)

    def count(query: str, kind: str) -> float:
        return found[f'ecatalog_query_seconds_count{{kind="{kind}",query="{query}"}}']

    assert count("client_for", "read") == 1
    assert count("revoke_client", "write") == 1
    assert not [name for name in found if "_run_as" in name or "run_once" in name or "<" in name]


async def test_a_lock_that_is_held_too_long_is_counted(db: Database) -> None:
    quick = Database(db.path.parent / "other" / "ltplabs.db", busy_timeout_ms=0)
    await quick.start()
    with closing(apsw.Connection(str(quick.path))) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await quick.write(lambda tx: None)
        shell.execute("ROLLBACK")

    assert quick.stats.busy == 1
    await quick.stop()


async def test_backups_the_hold_and_the_queue_are_told(gateway: Gateway, people: Cast, clock: SettableClock) -> None:
    found = await scrape(gateway)
    assert found["ecatalog_backup_age_seconds"] == inf
    assert found["ecatalog_backup_succeeded"] == found["ecatalog_access_on_hold"] == found["ecatalog_launch_queue"] == 0

    note_backup(gateway.settings.data, LastBackup(at=clock(), name="a", bytes=100))
    note_backup(gateway.settings.data, LastBackup(at=clock(), name="b", bytes=150))
    await gateway.db.write(hold_access, SYSTEM, "A reason.")
    clock.pass_(hours=27)
    found = await scrape(gateway)

    assert found["ecatalog_backup_age_seconds"] == 27 * 3600
    assert (found["ecatalog_backup_bytes"], found["ecatalog_backup_previous_bytes"]) == (150, 100)
    assert found["ecatalog_backup_succeeded"] == found["ecatalog_access_on_hold"] == 1


async def test_how_far_litestream_is_behind_is_told(gateway: Gateway) -> None:
    assert (await scrape(gateway))["ecatalog_litestream_behind_seconds"] == 0
    path = gateway.db.path
    (told,) = (
        family.samples[0].value
        for family in GatewayCollector(gateway.db, path.parent, litestream="s3://elsewhere").collect()
        if family.name == "ecatalog_litestream_behind_seconds"
    )
    assert told == inf, "it is said to replicate, and never did"


async def test_the_restore_test_is_told_apart_from_the_backup(gateway: Gateway, clock: SettableClock) -> None:
    data = gateway.settings.data
    assert (await scrape(gateway))["ecatalog_restore_test_age_seconds"] == inf

    note_backup(data, LastBackup(at=clock(), name="a", bytes=100, tested_at=clock()))
    note_backup(data, LastBackup(at=clock(), error="No room."))
    found = await scrape(gateway)
    assert (found["ecatalog_backup_succeeded"], found["ecatalog_restore_test_succeeded"]) == (0, 1)

    clock.pass_(days=3)
    note_test(data, clock(), "Damaged: a.")
    found = await scrape(gateway)
    assert (found["ecatalog_backup_age_seconds"], found["ecatalog_restore_test_age_seconds"]) == (3 * 86400, 0)
    assert found["ecatalog_restore_test_succeeded"] == 0


async def test_what_keeps_the_database_in_shape_is_told(gateway: Gateway, clock: SettableClock) -> None:
    await do_what_is_due(gateway.door)
    clock.pass_(days=1)
    await do_what_is_due(gateway.door)
    clock.pass_(hours=1)
    found = await scrape(gateway)

    assert found["ecatalog_optimize_age_seconds"] == 3600
    assert found["ecatalog_check_age_seconds"] == 25 * 3600
    assert found["ecatalog_check_problems"] == 0
    assert found["ecatalog_clock_seconds"] == clock().timestamp()
    assert found["ecatalog_clock_synchronised"] in (-1, 0, 1)


async def test_the_disk_is_told_beside_what_is_wanted_of_it(gateway: Gateway) -> None:
    found = await scrape(gateway)

    assert 0 < found["ecatalog_disk_free_bytes"] <= found["ecatalog_disk_bytes"]
    assert found["ecatalog_disk_wanted_bytes"] == 64 << 20


async def test_what_is_wrong_with_the_files_is_counted_by_kind(gateway: Gateway, people: Cast) -> None:
    def refuse(_tx: Tx) -> None:
        raise apsw.FullError("planted")

    assert (await scrape(gateway))['ecatalog_connection_errors_total{kind="full"}'] == 0
    with pytest.raises(Unavailable):
        await gateway.db.write(refuse)
    with pytest.raises(apsw.FullError):
        await gateway.db.read(refuse)
    with pytest.raises(apsw.FullError):
        await gateway.db.read_long(refuse)
    with pytest.raises(apsw.SQLError):
        await gateway.db.read(lambda tx: tx.value("SELECT nothing"))

    found = await scrape(gateway)
    assert found['ecatalog_connection_errors_total{kind="full"}'] == 3
    assert sum(value for name, value in found.items() if "connection_errors" in name) == 3


async def test_who_waits_is_counted_by_phase(
    gateway: Gateway, people: Cast, acme: Caller, clock: SettableClock
) -> None:
    await acme.post(f"/api/demos/{people.portal}/open")
    clock.pass_(seconds=9)
    found = await scrape(gateway)

    assert found['ecatalog_launch_phases{phase="queued"}'] == found["ecatalog_launch_queue"] == 1
    assert found["ecatalog_launch_queue_seconds"] == 9


async def test_no_id_is_ever_a_label(gateway: Gateway, people: Cast, acme: Caller, admin: Caller) -> None:
    await acme.post(f"/api/demos/{people.portal}/open")
    await admin.get(f"/api/clients/{people.acme.id}")
    await admin.get("/api/clients/no-such-client")

    text = "\n".join(await scrape(gateway))

    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
    assert "no-such-client" not in text
    assert "@" not in text


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_database_that_is_not_open_has_nothing_to_tell(db: Database, is_stopped: bool) -> None:
    if is_stopped:
        await db.stop()

    assert bool(list(GatewayCollector(db, db.path.parent).collect())) is not is_stopped
