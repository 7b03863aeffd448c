"""No write that the API acknowledged is lost when the whole gateway is killed, at whatever moment: promise S1."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecatalog.kit.connections import open_reader, read_int
from ecatalog.kit.inspect import check
from tests.proofs.installation import PASSWORD, free_ports
from tests.proofs.lone_gateway import LoneGateway
from tests.proofs.raw import Line
from tests.proofs.traces import wait_for

pytestmark = pytest.mark.proof

KILLS = {"ci": 5, "full": 50}
LONGEST_LIFE = 0.6
BASE = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Caller:
    """Somebody with one connection and a token, for as long as the gateway lives."""

    port: int
    email: str
    token: str = ""
    id: str = ""

    def login(self) -> None:
        with closing(Line(self.port, "localhost")) as line:
            body = {"email": self.email, "password": PASSWORD}
            found = self.ask(line, "POST", "/api/auth/login", body)
        self.token, self.id = found["token"], (found["client"] or found["user"])["id"]

    def ask(self, line: Line, method: str, path: str, body: Any = None) -> Any:
        """The answer's body. ConnectionError or OSError when the gateway dies meanwhile."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        raw = b""
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        answer = line.ask(method, path, headers, raw)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer.json() if answer.body else None


class Load(threading.Thread):
    """Calls again and again until the gateway is gone."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(daemon=True)
        self.caller = caller
        self.error: BaseException | None = None
        self.count = 0

    def run(self) -> None:
        try:
            with closing(Line(self.caller.port, "localhost")) as line:
                while True:
                    self.once(line)
        except OSError:
            return  # the gateway was killed
        except BaseException as error:
            self.error = error

    def once(self, line: Line) -> None:
        raise NotImplementedError


class Renewals(Load):
    """Moves the end of one client's window on, a second at a time."""

    def __init__(self, caller: Caller, client_id: str, begun: int) -> None:
        super().__init__(caller)
        self.client_id = client_id
        self.sent = self.acknowledged = begun

    def once(self, line: Line) -> None:
        self.sent += 1
        end = (BASE + timedelta(seconds=self.sent)).isoformat()
        self.caller.ask(line, "PATCH", f"/api/clients/{self.client_id}/renew", {"access_end_date": end})
        self.acknowledged = self.sent
        self.count += 1


class Openings(Load):
    """Opens a demo and stops it, as one person."""

    def __init__(self, caller: Caller, demo_id: str) -> None:
        super().__init__(caller)
        self.demo_id = demo_id
        self.opened: list[str] = []
        self.stopped: list[str] = []

    def once(self, line: Line) -> None:
        launch = self.caller.ask(line, "POST", f"/api/demos/{self.demo_id}/open")
        self.opened.append(launch["id"])
        self.caller.ask(line, "DELETE", f"/api/launches/{launch['id']}")
        self.stopped.append(launch["id"])
        self.count += 1


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LoneGateway]:
    port, internal, grpc = free_ports(3)
    found = LoneGateway(tmp_path / "data", port, internal, grpc)
    found.start()
    yield found
    found.kill()


def test_a_killed_gateway_has_kept_what_it_acknowledged(gateway: LoneGateway, scale: str) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    admin = Caller(gateway.port, "admin@ecatalog.example")
    people = [Caller(gateway.port, f"{name}.example") for name in ("client@acme", "client@bolt", "sales@ecatalog")]
    for person in (admin, *people):
        person.login()
    with closing(Line(gateway.port, "localhost")) as line:
        clients = [item["id"] for item in admin.ask(line, "GET", "/api/clients")["items"] if not item["revoked_at"]]
        demo = next(d["id"] for d in admin.ask(line, "GET", "/api/demos")["items"] if d["slug"] == "live-operations")
    begun, kept = dict.fromkeys(clients[:3], 0), 0
    without_event = renewals_without_event(gateway.data)

    for _ in range(KILLS[scale]):
        renewals = [Renewals(admin, client, begun[client]) for client in begun]
        openings = [Openings(person, demo) for person in people]
        run_until_killed(gateway, [*renewals, *openings], chance.uniform(0, LONGEST_LIFE))

        assert check(gateway.data / "ltplabs.db") == []
        assert renewals_without_event(gateway.data) == without_event, "a fact without its event: half a write"
        gateway.start()
        with closing(Line(gateway.port, "localhost")) as line:
            begun = {each.client_id: kept_end(admin, line, each) for each in renewals}
            for each in openings:
                assert_kept(admin, line, each)
        kept += sum(each.count for each in (*renewals, *openings))
    print(f"{KILLS[scale]} kills, {kept} rounds acknowledged, none lost")


def run_until_killed(gateway: LoneGateway, loads: list[Load], life: float) -> None:
    """Kills the gateway so many seconds after every load has had its first answer."""
    for load in loads:
        load.start()
    wait_for(lambda: all(load.count or load.error for load in loads), "every load has begun")
    time.sleep(life)
    gateway.kill()
    for load in loads:
        load.join(timeout=10)
        assert load.error is None, load.error


def kept_end(admin: Caller, line: Line, renewals: Renewals) -> int:
    """The second that the client's window ends at: the last one acknowledged, or the one that was under way."""
    client = admin.ask(line, "GET", f"/api/clients/{renewals.client_id}")
    seconds = int((datetime.fromisoformat(client["access_ends_at"]) - BASE).total_seconds())
    assert renewals.acknowledged <= seconds <= renewals.sent
    return seconds


def assert_kept(admin: Caller, line: Line, openings: Openings) -> None:
    for launch_id in openings.opened:
        assert admin.ask(line, "GET", f"/api/launches/{launch_id}")["demo_id"] == openings.demo_id
    for launch_id in openings.stopped:
        assert admin.ask(line, "GET", f"/api/launches/{launch_id}")["wanted"] == "stopped"


def renewals_without_event(data: Path) -> int:
    """Facts and usage of one action are written together: their difference never changes."""
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        facts = read_int(connection, "SELECT count(*) FROM audit_log WHERE kind = 'client.renewed'")
        events = read_int(connection, "SELECT count(*) FROM usage_analytics WHERE event_type = 'access_renewed'")
    return facts - events
