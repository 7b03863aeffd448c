"""The bundled samples as a visitor meets them: each a program of its own, started as the launcher starts it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.proofs.installation import free_ports
from tests.proofs.raw import Answer, Line, WebSocket

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/app.py"))
HOST = "a-demo.demos.localhost"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a running sample, ended by SIGTERM, which it heeds."""
    (port,) = free_ports(1)
    environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port)}
    program = [sys.executable, "-I", str(SAMPLES / request.param / "app.py")]
    process = subprocess.Popen(program, env=environment, cwd=tmp_path)
    try:
        _until_it_listens(port)
        yield port
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            assert ask(port, "GET", "/healthz").status == 200
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


def ask(port: int, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
    line = Line(port, HOST)
    try:
        return line.ask(method, path, FORM if form else None, urlencode(form).encode() if form else b"")
    finally:
        line.close()


sample = pytest.mark.parametrize("port", NAMES, indirect=True)
customers = pytest.mark.parametrize("port", ["customers"], indirect=True)
operations = pytest.mark.parametrize("port", ["operations"], indirect=True)
support = pytest.mark.parametrize("port", ["support"], indirect=True)


@sample
def test_the_first_page_and_its_style_are_there(port: int) -> None:
    page = ask(port, "GET", "/")
    assert page.status == 200
    assert b"<!doctype html>" in page.body.lower()
    assert b"width=device-width" in page.body
    assert ask(port, "GET", "/app.css").headers["content-type"] == "text/css"


@sample
def test_what_is_not_there_is_404_and_nothing_leaves_the_folder(port: int) -> None:
    for path in ("/nothing", "/../app.py", "/%2e%2e/app.py", "/app.py"):
        assert ask(port, "GET", path).status == 404


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_dockerfile_that_does_not_run_as_root(name: str) -> None:
    text = (SAMPLES / name / "Dockerfile").read_text()
    assert "USER 65534" in text
    assert "app.py" in text


@operations
def test_the_dashboard_tells_readings_and_echoes(port: int) -> None:
    socket = WebSocket(port, HOST, "/live", {})
    kinds = [json.loads(socket.frame()[1])["type"] for _ in range(2)]
    assert kinds == ["history", "reading"]
    socket.send_text(json.dumps({"type": "echo", "text": "hello"}))
    while (found := json.loads(socket.frame()[1]))["type"] != "echo":
        pass
    assert found["text"] == "hello"
    socket.close()


@customers
def test_customers_are_searched_and_edited(port: int) -> None:
    assert b"240 found" in ask(port, "GET", "/").body
    assert b"Nobody matches" in ask(port, "GET", "/?q=%25nobody").body
    form = {"name": "Ada <Berg>", "email": "ada@customers.example", "city": "Oslo", "tier": "Gold", "note": ""}
    saved = ask(port, "POST", "/customers/7", form)
    assert saved.status == 303
    assert b"Ada &lt;Berg&gt;" in ask(port, "GET", saved.headers["location"]).body


@customers
def test_a_refused_edit_keeps_what_was_typed(port: int) -> None:
    form = {"name": "Ada", "email": "no address", "city": "Oslo", "tier": "Gold", "note": "typed with care"}
    refused = ask(port, "POST", "/customers/7", form)
    assert refused.status == 422
    assert b"not an e-mail address" in refused.body
    assert b"typed with care" in refused.body


@support
def test_a_ticket_is_created_answered_closed_and_opened_again(port: int) -> None:
    form = {"subject": "Printer", "who": "Ada", "urgency": "high", "words": "It hums <b>loudly</b>."}
    made = ask(port, "POST", "/new", form).headers["location"]
    assert b"It hums &lt;b&gt;loudly" in ask(port, "GET", made).body
    assert ask(port, "POST", f"{made}/reply", {"words": "We are on our way."}).status == 303
    assert ask(port, "POST", f"{made}/reply", {"words": " "}).status == 422
    assert ask(port, "POST", f"{made}/close").status == 303
    assert b"Printer" in ask(port, "GET", "/?closed").body
    ask(port, "POST", f"{made}/reopen")
    assert b"Printer" in ask(port, "GET", "/").body


@support
def test_an_incomplete_ticket_is_refused_with_what_was_typed(port: int) -> None:
    refused = ask(port, "POST", "/new", {"subject": "Printer", "who": "", "urgency": "high", "words": "It hums."})
    assert refused.status == 422
    assert b"It hums." in refused.body
