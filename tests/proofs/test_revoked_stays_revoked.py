"""A revocation that was answered holds, although the gateway is killed the moment after: promise of the answer itself.

Each round, the gateway gets SIGKILL 0 to 2 ms after the last byte of the answer was read. The edge lives on.
"""

import json
import random
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ecatalog.kit.connections import open_reader, read_int
from tests.proofs.installation import Person
from tests.proofs.pair import Pair, Pulse, running_pair
from tests.proofs.raw import Answer, Line
from tests.proofs.traces import wait_for

pytestmark = pytest.mark.proof

ROUNDS = {"ci": 10, "full": 200}
LONGEST_PAUSE = 0.002


class Page(BaseHTTPRequestHandler):
    """A demo with one page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base calls it
        """Says nothing."""


@pytest.fixture
def upstream() -> Iterator[str]:
    """Where the demo listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    serving = Thread(target=server.serve_forever)
    serving.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_pair(tmp_path) as started:
        yield started


def test_what_was_answered_as_revoked_stays_revoked(pair: Pair, upstream: str, scale: str) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    admin = pair.login("admin@ecatalog.example")
    asked = sum(go_round(pair, admin, upstream, chance.uniform(0, LONGEST_PAUSE)) for _ in range(ROUNDS[scale]))
    assert pair.processes["edge"].poll() is None
    print(f"{ROUNDS[scale]} kills right behind the answer; {asked} requests after it, none served")


def go_round(pair: Pair, admin: Person, upstream: str, pause: float) -> int:
    """A client that is served is revoked, and the gateway killed and started; how often it asked for the demo since."""
    client = pair.login("client@acme.example")
    launch = pair.open_running(client, "live-operations", upstream)
    host, cookie = pair.enter(client, launch)
    pulse = Pulse(pair.edge_port, host, cookie)
    pulse.start()
    wait_for(lambda: pulse.count(200) >= 5, "the demo is served")

    answer, answered = revoke_and_kill(pair, admin, client, pause)
    assert answer.status == 200, answer.body
    assert answer.json()["cut"]["waiting_for"] == []
    assert rows_of(pair, client.id) == 1, "the row does not say revoked"
    pair.start("gateway")
    assert_refused(admin, client)
    assert_denied(pair, host, cookie)

    pulse.end()
    assert pulse.count(200, after=answered) == 0, "served after the answer"
    give_back(pair, admin, client, launch)
    return sum(1 for at, _ in pulse.seen if at >= answered)


def revoke_and_kill(pair: Pair, admin: Person, client: Person, pause: float) -> tuple[Answer, float]:
    """The answer, and the instant (monotonic) at which its last byte had been read."""
    headers = {"Authorization": f"Bearer {admin.token}", "Content-Type": "application/json"}
    body = json.dumps({"reason": "over"}).encode()
    with closing(Line(pair.port, "localhost")) as line:
        answer = line.ask("PATCH", f"/api/clients/{client.id}/revoke", headers, body)
        answered = time.monotonic()
        while time.monotonic() < answered + pause:
            pass  # A sleep would be longer than this.
        pair.kill("gateway")
    return answer, answered


def rows_of(pair: Pair, client_id: str) -> int:
    """Revoked clients of that id in the file, as the killed gateway left it."""
    with closing(open_reader(pair.data / "ltplabs.db", 5000)) as connection:
        query = f"SELECT count(*) FROM clients WHERE id = '{client_id}' AND revoked_at IS NOT NULL"
        return read_int(connection, query)


def assert_refused(admin: Person, client: Person) -> None:
    """The gateway that came back knows: of the row, and of the session."""
    told = admin.get(f"/api/clients/{client.id}").json()
    assert told["revoked_at"] is not None
    assert told["access_status"] == "revoked"
    assert client.get("/api/auth/me").status == 401


def assert_denied(pair: Pair, host: str, cookie: str) -> None:
    """Also when the edge follows the new gateway."""
    wait_for(lambda: pair.metric("ecatalog_edge_watch_connected") == 1.0, "the edge is back")
    wait_for(lambda: pair.metric("ecatalog_edge_synced") == 1.0, "the edge knows everything")
    with closing(Line(pair.edge_port, host)) as line:
        answer = line.ask("GET", "/", {"Cookie": cookie, "Accept": "application/json"})
    assert (answer.status, answer.json()["code"]) == (403, "access_revoked")


def give_back(pair: Pair, admin: Person, client: Person, launch_id: str) -> None:
    """For the next round: the copy is over, and the client may log in again."""
    pair.report(launch_id, 1, "running", "stopped")
    assert admin.patch(f"/api/clients/{client.id}/restore").status == 200
