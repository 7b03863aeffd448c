"""The whole story, through real processes and a real browser: a client opens a demo, and access ends exactly.

What is proved: when `revoke` answers, the sockets of that client have already been closed and nothing more is served;
and at the end of an access window the same happens with nobody calling anything.
"""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.proofs.installation import Installation, Person, running_installation
from tests.proofs.raw import Answer, Line, WebSocket

pytestmark = pytest.mark.proof

SOCKET = """() => new Promise((done, failed) => {
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/live');
  window.socketClosed = new Promise(over => { socket.onclose = e => over({code: e.code, at: Date.now()}); });
  socket.onopen = () => socket.send(JSON.stringify({type: 'echo', text: 'hello'}));
  socket.onmessage = e => { const m = JSON.parse(e.data); if (m.type === 'echo') done(m.text); };
  socket.onerror = () => failed(new Error('the socket failed'));
})"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("story")) as installation:
        yield installation


def show(page: Page, name: str) -> None:
    """Keeps a screenshot among the artefacts of the run."""
    folder = Path("artifacts")
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


class Pulse(threading.Thread):
    """Asks the demo again and again over one connection, and keeps (sent, status) of every answer."""

    def __init__(self, port: int, host: str, cookie: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.line = Line(port, host)
        self.cookie = cookie
        self.seen: list[tuple[float, int]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            sent = time.time()
            try:
                status = self.line.ask("GET", "/healthz", {"Cookie": self.cookie}).status
            except OSError:
                status = 0
                self.line.close()
                self.line = Line(self.port, self.line.host)
            self.seen.append((sent, status))

    def end(self, *, after: float) -> list[tuple[float, int]]:
        """Goes on for `after` seconds more, then stops; what was seen."""
        time.sleep(after)
        self.over.set()
        self.join(timeout=10)
        self.line.close()
        return self.seen


def enter_by_hand(place: Installation, way_in: str) -> tuple[str, str]:
    """Follows a way in without a browser; the demo's host and the cookie that it gave."""
    host, path = way_in.removeprefix("http://").split("/", 1)
    line = Line(place.edge_port, host)
    answer = line.ask("GET", "/" + path)
    line.close()
    assert answer.status == 303, answer
    assert "code" not in answer.headers["location"]
    return host, answer.headers["set-cookie"].split(";")[0]


def open_running(place: Installation, person: Person, demo: str) -> dict[str, Any]:
    """Opens a demo by its slug and waits, by asking, until it runs."""
    demos = person.get("/api/demos").json()["items"]
    demo_id = next(item["id"] for item in demos if item["slug"] == demo)
    launch = person.post(f"/api/demos/{demo_id}/open").json()
    deadline = time.monotonic() + 20
    while launch["state"] != "running":
        assert launch["state"] in {"queued", "starting"}, launch
        assert time.monotonic() < deadline, launch
        time.sleep(0.05)
        launch = person.get(f"/api/launches/{launch['id']}").json()
    return dict(launch)


def way_in(person: Person, launch: dict[str, Any]) -> str:
    return str(person.post(f"/api/launches/{launch['id']}/enter").json()["url"])


def test_a_revocation_closes_the_demo_before_it_answers(place: Installation, browser: Browser) -> None:
    client, admin = place.login("client@acme.example"), place.login("admin@ecatalog.example")
    launch = open_running(place, client, "live-operations")
    page = browser.new_context().new_page()
    page.goto(way_in(client, launch))
    assert "code=" not in page.url
    assert "perations" in page.title()
    show(page, "demo")
    assert page.evaluate(SOCKET) == "hello"

    host, cookie = enter_by_hand(place, way_in(client, launch))
    origin = {"Cookie": cookie, "Origin": f"http://{host}"}
    socket = WebSocket(place.edge_port, host, "/live", origin)
    socket.send_text(json.dumps({"type": "echo", "text": "by hand"}))
    pulse = Pulse(place.edge_port, host, cookie)
    pulse.start()
    while len(pulse.seen) < 20:
        time.sleep(0.01)

    asked = time.time()
    answer = admin.patch(f"/api/clients/{client.id}/revoke", {"reason": "the trial is over"})
    was_closed = socket.is_closed_now()
    seen = pulse.end(after=0.3)

    assert answer.status == 200, answer.body
    cut = answer.json()["cut"]
    assert cut["launches"] == 1
    assert cut["connections"] >= 2, "the browser's socket and ours"
    assert cut["edges"] == 1
    assert cut["waiting_for"] == []
    assert datetime.fromisoformat(cut["certain_at"]).timestamp() <= answer.at + 0.001
    assert was_closed, "the socket was still open when revoke had answered"
    assert socket.close_code() == 4403
    socket.close()
    assert_nothing_served_after(seen, answer.at)
    closed = page.evaluate("() => window.socketClosed")
    assert closed["code"] == 4403
    assert closed["at"] / 1000 - asked < 1
    assert refused(place, host, cookie).status == 403
    page.goto(f"http://{host}/")
    show(page, "revoked")
    assert "revoked" in page.content().lower()
    assert client.get("/api/auth/me").status == 401
    print(f"revoke answered after {answer.at - asked:.3f} s: {cut}")


def test_the_end_of_a_window_closes_the_demo_with_nobody_calling(place: Installation, browser: Browser) -> None:
    client, admin = place.login("client@bolt.example"), place.login("admin@ecatalog.example")
    launch = open_running(place, client, "live-operations")
    page = browser.new_context().new_page()
    page.goto(way_in(client, launch))
    assert page.evaluate(SOCKET) == "hello"
    host, cookie = enter_by_hand(place, way_in(client, launch))
    socket = WebSocket(place.edge_port, host, "/live", {"Cookie": cookie, "Origin": f"http://{host}"})
    pulse = Pulse(place.edge_port, host, cookie)
    pulse.start()

    end = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0)
    renewed = admin.patch(f"/api/clients/{client.id}/renew", {"access_end_date": end.isoformat()})
    assert renewed.status == 200, renewed.body
    assert not socket.is_closed_now(), "moving the end dropped a connection"
    assert socket.close_code() == 4403
    closed_at = time.time()
    socket.close()
    seen = pulse.end(after=0.5)

    assert -0.5 < closed_at - end.timestamp() < 1, "exact to the second"
    assert_nothing_served_after(seen, end.timestamp())
    closed = page.evaluate("() => window.socketClosed")
    assert closed["code"] == 4403
    assert closed["at"] / 1000 - end.timestamp() < 1
    assert refused(place, host, cookie).status == 403
    page.goto(f"http://{host}/")
    show(page, "ended")
    assert client.get("/api/auth/me").status == 200, "after the end a client may still log in and read"
    print(f"closed {closed_at - end.timestamp():+.3f} s from the end of the window")


def assert_nothing_served_after(seen: list[tuple[float, int]], instant: float) -> None:
    """No request that was sent after the instant was answered by the demo, and some before it were."""
    assert [status for sent, status in seen if sent < instant].count(200) >= 10
    after = [status for sent, status in seen if sent > instant]
    assert after, "the pulse did not outlive the cut"
    assert 200 not in after


def refused(place: Installation, host: str, cookie: str) -> Answer:
    line = Line(place.edge_port, host)
    answer = line.ask("GET", "/", {"Cookie": cookie, "Accept": "application/json"})
    line.close()
    return answer


def test_the_page_of_the_api_runs_an_example_without_any_other_host(place: Installation, browser: Browser) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.add(request.url.split("/")[2] if "//" in request.url else ""))
    page.goto(f"http://localhost:{place.port}/api/docs")
    page.wait_for_selector(".opblock")
    described = json.loads(Person(place.port, "", "").get("/api/openapi.json").body)
    assert page.locator(".opblock").count() == sum(len(methods) for methods in described["paths"].values())
    page.locator("[id$=show_life]").first.click()
    page.locator(".execute").first.click()
    page.wait_for_selector(".live-responses-table .response-col_status >> text=200")
    assert asked - {""} == {f"localhost:{place.port}"}
    assert said == []
    show(page, "docs")
    page.close()
