"""Whatever is killed, at whatever moment: one reconciliation later nothing is left that nobody owns: promise S3.

The seed of a run is printed; `SEED=…` makes the same choices again.
"""

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecatalog_launcher.drivers.docker_spec import ATTEMPT, INDEX, INSTALLATION, LAUNCH, PORT, SIZE
from tests.launcher.engine import HOST, build, cleared, docker
from tests.proofs.belongings import (
    FINAL,
    Belongings,
    belongings_of,
    containers_of,
    faults_of,
    installation_of,
    rows_of,
)
from tests.proofs.engine_events import Engine, watched
from tests.proofs.installation import Installation, Person, free_ports, start_installation
from tests.proofs.raw import Line
from tests.proofs.traces import service_pid, wait_for
from tests.proofs.visitors import Visitor, at_rest

pytestmark = pytest.mark.proof

KILLS = {"ci": 8, "full": 100}
CAPACITY = 6
LONGEST_LIFE = 0.8
SECONDS_TO_REST = 40
WAITS = "another launcher has the engine"
SETTINGS = {
    "ECATALOG_LAUNCHER_DRIVER": "docker",
    "ECATALOG_LAUNCHER_CAPACITY": str(CAPACITY),
    "ECATALOG_LAUNCHER_MEMORY_MB": "4096",
    "ECATALOG_LAUNCHER_STARTS": "4",
    "ECATALOG_DEMO_SUBNET": "10.215.0.0/16",
    "DOCKER_HOST": HOST,
}
# A demo that ends when it is asked to; as the first process of a container it would not by itself.
PROGRAM = """
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"demo")
    def log_message(self, *args): pass
http.server.HTTPServer(("0.0.0.0", int(os.environ.get("PORT", "5000"))), Handler).serve_forever()
"""
BUNDLE = """
services:
  web: {image: ecatalog-samples/leaks, mem_limit: 64m, depends_on: [store]}
  store: {image: ecatalog-samples/leaks, mem_limit: 64m}
"""

# Who is killed, at what the engine did to a container; at one of `-store` at once, when its copy is half made.
PLAN = (
    (("launcher",), "create -store"),
    (("launcher",), "start -store"),
    (("launcher",), "kill"),
    (("launcher",), "destroy"),
    (("gateway",), "create"),
    (("edge",), "start"),
    (("launcher", "gateway"), "create -store"),
    (("gateway", "edge"), "die"),
)


@dataclass
class Stage:
    """An installation on the engine, and the people who use its demos while the gate is open."""

    place: Installation
    name: str
    engine: Engine
    admin: Person
    demos: list[str]
    gate: threading.Event
    visitors: list[Visitor]
    chance: random.Random

    def faults(self, launcher: int = 0) -> list[str]:
        """What nobody owns, once the launcher (by its internal port) has gone round and has found nothing to do."""
        found = self._at_rest(launcher or self.place.internal_port + 2)
        return faults_of(found, supervisor=self.place.process.pid, most_networks=CAPACITY)

    def _at_rest(self, launcher: int) -> Belongings:
        """What does not come to rest in time is told as it is then."""
        begun, deadline = rounds_and_steps(launcher)[0], time.monotonic() + SECONDS_TO_REST
        while True:
            rounds, steps = rounds_and_steps(launcher)
            # The next round may have looked before we did; the one after it has not.
            if (rounds >= begun + 2 and steps == 0) or time.monotonic() > deadline:
                found = belongings_of(self.place.data, self.name)
                if not any(row.is_under_way for row in found.rows.values()) or time.monotonic() > deadline:
                    return found
            time.sleep(0.02)


def rounds_and_steps(launcher: int) -> tuple[int, int]:
    """How often the launcher has gone round, and how many steps are under way."""
    with closing(Line(launcher, "localhost")) as line:
        told = line.ask("GET", "/metrics").body.decode()
    rounds, steps = (re.search(rf"^ecatalog_launcher_{word} (\S+)$", told, re.M) for word in ("rounds_total", "steps"))
    assert rounds is not None
    assert steps is not None
    return int(float(rounds[1])), int(float(steps[1]))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    build("leaks", PROGRAM)
    place = start_installation(tmp_path / "data", settings=SETTINGS)
    try:
        place.wait_until_ready()
        with cleared(installation_of(place.data)) as name, watched(name) as engine:
            stage = furnished(place, name, engine)
            yield stage
            stage.gate.clear()
            for visitor in stage.visitors:
                visitor.end()
            assert place.stop() == 0
    finally:
        if place.process.poll() is None:
            place.process.kill()
        place.process.wait()


def furnished(place: Installation, name: str, engine: Engine) -> Stage:
    """Two demos, of one container and of two, and three people who may open them."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    people = [place.login(f"{who}.example") for who in ("admin@ecatalog", "client@acme", "client@bolt")]
    admin = people[0]
    image = made(admin.post("/api/docker-images", {"image_name": "ecatalog-samples/leaks"}))
    alone = {"name": "Alone", "docker_image_id": image, "memory_mb": 64, "warm": 1}
    bundle = {"name": "Bundle", "compose": BUNDLE, "public_service": "web"}
    shared = {"status": "active", "force": True}
    demos = [made(admin.post("/api/demos", fields | shared)) for fields in (alone, bundle)]
    for person, demo in itertools.product(people[1:], demos):
        assert admin.put(f"/api/clients/{person.id}/demos/{demo}").status == 200
    gate = threading.Event()
    visitors = [Visitor(person, place.edge_port, demos, gate, seed + number) for number, person in enumerate(people, 1)]
    return Stage(place, name, engine, admin, demos, gate, visitors, random.Random(seed))


def made(answer: Any) -> str:
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


def test_whatever_is_killed_nothing_is_left_that_nobody_owns(stage: Stage, scale: str) -> None:
    begin(stage)
    for number, (victims, moment) in enumerate(kills(stage.chance, KILLS[scale]), 1):
        if number % 4 == 1:
            leave_a_stranger(stage.name, f"stranger-{number}")
        kill(stage, victims, moment)
        with at_rest(stage.visitors, stage.gate):
            took = wait_for(stage.place.is_ready, "all are ready again")
            begun = time.monotonic()
            assert (number, victims, moment, stage.faults()) == (number, victims, moment, [])
        print(
            f"{number}: {' and '.join(victims)} killed at a {moment}: "
            f"ready after {took:.1f} s, in agreement {time.monotonic() - begun:.1f} s later",
            flush=True,
        )
    with at_rest(stage.visitors, stage.gate):
        assert_no_launch_failed(stage)
        stop_all(stage)
        assert (stage.faults(), containers_of(stage.name)) == ([], ()), "a stop of all leaves nothing"
    print(sum((visitor.answers for visitor in stage.visitors), start=Counter[str]()))


def begin(stage: Stage) -> None:
    for visitor in stage.visitors:
        visitor.start()
    stage.gate.set()


def assert_no_launch_failed(stage: Stage) -> None:
    """A kill delays what people asked for, and never takes it from them."""
    rows = rows_of(stage.place.data).values()
    assert [(row.id, row.reason) for row in rows if row.state == "failed"] == []
    print(f"{len(rows)} launches, none failed")


def stop_all(stage: Stage) -> None:
    for demo in stage.demos:
        assert stage.admin.patch(f"/api/demos/{demo}", {"warm": 0}).status == 200
    for launch_id, row in rows_of(stage.place.data).items():
        if row.state not in FINAL:
            assert stage.admin.delete(f"/api/launches/{launch_id}").status == 200


def leave_a_stranger(installation: str, launch_id: str) -> None:
    """A container of a launch that is in no database, as after a restore of an earlier one."""
    labels = {INSTALLATION: installation, LAUNCH: launch_id, ATTEMPT: "1", SIZE: "1", INDEX: "0", PORT: "8000"}
    words = itertools.chain.from_iterable(("--label", f"{name}={value}") for name, value in labels.items())
    docker("create", "--network", "none", *words, "ecatalog-samples/leaks")


def kills(chance: random.Random, count: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """The plan again and again, each time in another order."""
    rounds = (chance.sample(PLAN, len(PLAN)) for _ in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(rounds), count)


def kill(stage: Stage, victims: tuple[str, ...], moment: str) -> None:
    """Kill -9 when the engine has done this: at once, or a moment later."""
    data = stage.place.data
    pids = {name: service_pid(data, name) for name in victims}
    action, _, part = moment.partition(" ")
    stage.engine.wait_for(action, part)
    if part:
        stage.gate.clear()  # Nobody stops it meanwhile.
    else:
        time.sleep(stage.chance.uniform(0, LONGEST_LIFE))
    for pid in pids.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(service_pid(data, name) not in (None, pid) for name, pid in pids.items()), "they are back")


def test_two_launchers_at_once_never_start_a_launch_twice(stage: Stage, tmp_path: Path) -> None:
    """The first is held up in the middle of a start, and comes back to find another in its place; which is killed."""
    first = service_pid(stage.place.data, "launcher")
    assert first is not None
    with second_launcher(stage.place, tmp_path / "second") as (second, port):
        wait_for(lambda: readiness(port) == WAITS, "the second one waits")
        begin(stage)
        stage.engine.wait_for("create", "-store")
        os.kill(first, signal.SIGSTOP)
        with at_rest(stage.visitors, stage.gate):
            halfway = launches_that_are(stage, "starting")
            wait_for(lambda: readiness(port) == "ok", "the second one has taken over")
            stage.engine.wait_for("create")
            os.kill(first, signal.SIGCONT)
            wait_for(lambda: readiness(stage.place.internal_port + 2) == WAITS, "the first one knows")
            assert stage.faults(port) == []
        stage.engine.wait_for("create", "-store")
        second.kill()
        with at_rest(stage.visitors, stage.gate):
            halfway |= launches_that_are(stage, "starting")
            wait_for(stage.place.is_ready, "the first one has taken over")
            assert stage.faults() == []
    assert_no_launch_failed(stage)
    assert stage.engine.made_beside() == [], "whatever was made had its place alone"
    twice = stage.engine.made_twice()
    assert twice.keys() <= halfway, "what has been made whole is not made again"
    print(f"{len(halfway)} launches were starting at a takeover; {len(twice)} of them were cleared and made anew")


@contextmanager
def second_launcher(place: Installation, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Another launcher of the same engine, with a name of its own, and the port of its internal listener."""
    (port,) = free_ports(1)
    env = os.environ | SETTINGS | {"ECATALOG_TOKEN": (place.data / "tokens" / "launcher").read_text()}
    env |= {"ECATALOG_GATEWAY": f"127.0.0.1:{place.grpc_port}", "ECATALOG_INTERNAL_PORT": str(port)}
    with data.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ecatalog.service", "launcher"],
            env=env | {"ECATALOG_DATA": str(data)},
            stdout=log,
            stderr=log,
        )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def readiness(port: int) -> str:
    """What the launcher there says of itself; empty while it does not answer."""
    try:
        with closing(Line(port, "localhost")) as line:
            return line.ask("GET", "/readyz").body.decode().strip()
    except OSError:
        return ""


def launches_that_are(stage: Stage, state: str) -> set[str]:
    return {launch_id for launch_id, row in rows_of(stage.place.data).items() if row.state == state}
