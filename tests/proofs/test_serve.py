"""`ecatalog serve`, as people run it: it answers, heals, ends in an orderly way, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.installation import Installation, Person, running_installation, start_installation
from tests.proofs.raw import Line
from tests.proofs.traces import service_pid, traces_of, wait_for

pytestmark = pytest.mark.proof

SERVICES = ("gateway", "edge", "launcher")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    """An installation of its own, which its test may end as it likes."""
    installation = start_installation(tmp_path / "data")
    try:
        installation.wait_until_ready()
        yield installation
    finally:
        if installation.process.poll() is None:
            installation.process.kill()
        installation.process.wait()


def open_running(person: Person, slug: str) -> dict[str, Any]:
    """Opens a demo and waits until its copy runs."""
    demo = next(item for item in person.get("/api/demos").json()["items"] if item["slug"] == slug)
    launch = person.post(f"/api/demos/{demo['id']}/open").json()
    path = f"/api/launches/{launch['id']}"
    wait_for(lambda: person.get(path).json()["state"] == "running", "the demo runs")
    return dict(person.get(path).json())


def log_of(place: Installation) -> str:
    return place.data.with_name(f"{place.data.name}.log").read_text()


def test_it_tells_where_it_is_and_who_may_log_in(place: Installation) -> None:
    wait_for(lambda: "E-Catalog is ready" in log_of(place), "the terminal is told")

    said = log_of(place)
    assert f"E-Catalog is ready: http://localhost:{place.port}" in said
    for word in said.split():
        if word.endswith(".example"):
            assert place.login(word).id
    assert said.count(".example ") >= 5


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_killed_comes_back(place: Installation, name: str) -> None:
    admin = place.login("admin@ecatalog.example")
    killed = service_pid(place.data, name)
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: service_pid(place.data, name) not in (None, killed), f"{name} is started again")
    took = wait_for(place.is_ready, "all are ready again")

    assert admin.get("/api/auth/me").status == 200, "the session outlives the gateway's process"
    launch = open_running(place.login("client@acme.example"), "customer-portal")
    assert launch["state"] == "running"
    print(f"{name}: ready {took:.2f} s after it was started again")


def test_nothing_survives_the_death_of_the_supervisor(place: Installation) -> None:
    open_running(place.login("client@acme.example"), "live-operations")
    before = traces_of(place.data)
    assert len(before) >= 6, "serve, three services, a demo and the process that it runs under"

    place.process.kill()
    place.process.wait()
    took = wait_for(lambda: not traces_of(place.data), "nothing is left", seconds=10)

    print(f"nothing was left {took:.2f} s after kill -9, of {len(before)} processes")


def test_a_demo_does_not_survive_the_death_of_its_launcher_and_serve(place: Installation) -> None:
    """The launcher first, so that its demos are orphans when the supervisor goes."""
    open_running(place.login("client@acme.example"), "live-operations")
    launcher = service_pid(place.data, "launcher")
    assert launcher is not None

    os.kill(launcher, signal.SIGKILL)
    place.process.kill()
    place.process.wait()

    wait_for(lambda: not traces_of(place.data), "nothing is left", seconds=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(place: Installation, number: signal.Signals) -> None:
    client = place.login("client@acme.example")
    launch = open_running(client, "live-operations")
    stream = Line(place.port, "localhost")
    stream.send("GET", f"/api/launches/{launch['id']}/events", {"Authorization": f"Bearer {client.token}"})
    assert stream.sock.recv(64).startswith(b"HTTP/1.1 200")

    started = time.monotonic()
    place.process.send_signal(number)
    status = place.process.wait(timeout=30)
    took = time.monotonic() - started
    stream.close()

    assert status == 0
    assert took < 10
    assert traces_of(place.data) == {}
    assert "Traceback" not in log_of(place)
    wal = place.data / "ltplabs.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0, "the last checkpoint was made"
    print(f"{number.name}: ended after {took:.2f} s")


def test_a_signal_to_the_whole_terminal_ends_it_once(place: Installation) -> None:
    """Ctrl-C goes to the process group; the services have sessions of their own and are ended by `serve` alone."""
    os.killpg(place.process.pid, signal.SIGINT)

    assert place.process.wait(timeout=30) == 0
    assert traces_of(place.data) == {}


def test_the_second_start_answers_within_five_seconds(tmp_path: Path) -> None:
    with running_installation(tmp_path) as first:
        ports = (first.port, first.edge_port, first.grpc_port, first.internal_port)

    started = time.monotonic()
    second = start_installation(tmp_path / "data", ports=ports)
    try:
        wait_for(lambda: answers(second), "the API answers", seconds=5)
        answered = time.monotonic() - started
        second.wait_until_ready()
        ready = time.monotonic() - started
        assert second.stop() == 0
    finally:
        second.process.kill()
        second.process.wait()
    print(f"second start: first answer after {answered:.2f} s, all ready after {ready:.2f} s")


def answers(place: Installation) -> bool:
    try:
        line = Line(place.port, "localhost")
    except OSError:
        return False
    try:
        return line.ask("GET", "/api/auth/me").status == 401
    except OSError:
        return False
    finally:
        line.close()


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        installation = start_installation(tmp_path / "data", ports=(port, port + 1, port + 2, port + 3))
        status = installation.process.wait(timeout=30)

    assert status == 78
    said = log_of(installation)
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in said
    assert "Traceback" not in said


def test_a_second_installation_on_the_same_data_is_refused(place: Installation) -> None:
    second = start_installation(place.data)

    assert second.process.wait(timeout=30) == 78
    assert "already writes to" in log_of(place)
    assert "Traceback" not in log_of(place)
    assert place.is_ready()


def test_new_tokens_reach_the_services_after_the_database_was_replaced(place: Installation) -> None:
    """As after a restore: the gateway makes tokens that the database knows, and the others start again with them."""
    edge, gateway = service_pid(place.data, "edge"), service_pid(place.data, "gateway")
    assert gateway is not None
    for name in ("edge", "launcher"):
        (place.data / "tokens" / name).unlink()

    os.kill(gateway, signal.SIGKILL)
    wait_for(lambda: service_pid(place.data, "edge") not in (None, edge), "the edge is started again")
    wait_for(place.is_ready, "all are ready again")

    assert (place.data / "tokens" / "edge").stat().st_mode & 0o777 == 0o600
    assert open_running(place.login("client@acme.example"), "customer-portal")["state"] == "running"


def test_it_runs_when_started_by_the_installed_command(tmp_path: Path) -> None:
    found = subprocess.run(["ecatalog", "--version"], capture_output=True, text=True, check=True, env=path_of_this())

    assert found.stdout.startswith("ecatalog ")


def path_of_this() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
