"""The README, typed as it stands in a fresh clone, at terminals: what it starts, what it cuts, who may log in then.

The text names the usual ports; here the catalog has others, as its settings and those of curl say.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, in_bash
from tests.proofs.installation import Person, free_quad
from tests.proofs.raw import Line
from tests.proofs.test_serve import open_running
from tests.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.proof

DOCUMENT = "README.md"
TEXT = (ROOT / DOCUMENT).read_text()
TWO_COMMANDS, REVOKE, WITHOUT_SAMPLES, MORE_USERS = blocks(DOCUMENT)
RUN, TEST = TWO_COMMANDS.splitlines()
# Of the tests, one small file: which ones are run is pytest's own setting.
SOME_TESTS = "tests/kit/test_drawing.py"
EMAIL, PASSWORD = "you@example.com", "four calm words together"


@dataclass(frozen=True)
class Clone:
    """A clone of the last commit, and somebody's shell in it, where the catalog's ports are free ones."""

    root: Path
    port: int
    env: dict[str, str]

    def at_terminal(self, lines: str) -> Terminal:
        return Terminal(in_bash(lines), cwd=self.root, env=self.env, seconds=180)

    def type(self, lines: str) -> str:
        with self.at_terminal(lines) as terminal:
            assert terminal.end() == 0, lines + terminal.shown
        return terminal.shown

    def person(self, email: str, password: str) -> Person:
        line = Line(self.port, "localhost")
        body = json.dumps({"email": email, "password": password}).encode()
        found = line.ask("POST", "/api/auth/login", {"Content-Type": "application/json"}, body).json()
        line.close()
        return Person(self.port, found["token"], (found["client"] or found["user"])["id"])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    home, root = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work") / "ecatalog"
    subprocess.run(["git", "clone", "--quiet", ROOT, root], check=True)
    install_what_is_here(root)
    port, edge, grpc, internal = free_quad()
    (home / ".curlrc").write_text(f"connect-to = localhost:8080:127.0.0.1:{port}\n")
    ports = {"PORT": port, "EDGE_PORT": edge, "GRPC_PORT": grpc, "INTERNAL_PORT": internal}
    # Of the shell that runs the proofs, nothing that names its own clone.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "PYTEST"))
    }
    chosen = {f"ECATALOG_{name}": str(number) for name, number in ports.items()}
    return Clone(root, port, inherited | chosen | {"HOME": str(home), "PYTEST_ADDOPTS": SOME_TESTS})


def install_what_is_here(root: Path) -> None:
    """A virtual environment of the clone's own, with the packages of this one, as `make` would have fetched them."""
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    here = Path(sysconfig.get_path("purelib"))
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "clone.pth").write_text(f"{root}/src\n{root}/packages/ecatalog-client/src\n{here}\n")
    program = Path(sys.executable).with_name("ecatalog").read_text().partition("\n")[2]
    (venv / "bin/ecatalog").write_text(f"#!{venv}/bin/python\n{program}")
    (venv / "bin/ecatalog").chmod(0o755)
    for stamp in (".run", ".dev"):
        (venv / stamp).touch()


@pytest.fixture
def running(clone: Clone) -> Iterator[Terminal]:
    """The first command, at a terminal of its own, until Ctrl-C."""
    with clone.at_terminal(RUN) as terminal:
        terminal.until("Ctrl-C ends it.")
        yield terminal
        terminal.press(CTRL_C)
        assert terminal.end() == 0, terminal.shown[-2000:]


def test_every_login_of_the_table_works(clone: Clone, running: Terminal) -> None:
    logins = re.findall(r"^\| `(\S+@\S+)` \|", TEXT, re.MULTILINE)
    (password,) = re.findall(r"sample login is `(.*?)`", TEXT)

    assert len(logins) == 5
    assert all(clone.person(login, password).id for login in logins)


def test_the_commands_revoke_a_client_whose_demo_is_open(clone: Clone, running: Terminal) -> None:
    client = clone.person("client@acme.example", "ecatalog-demo")
    launch = open_running(client, "customer-portal")

    answer = json.loads(clone.type(REVOKE).splitlines()[-1])

    assert answer["cut"]["launches"] == 1
    assert (answer["cut"]["edges"], answer["cut"]["waiting_for"]) == (1, [])
    assert answer["cut"]["certain_at"]
    assert client.get(f"/api/launches/{launch['id']}").status == 401


def test_the_tests_are_run(clone: Clone) -> None:
    told = clone.type(TEST)

    assert re.search(r"\d+ passed", told), told


def test_without_sample_data_a_link_makes_the_first_user_and_commands_make_more(clone: Clone) -> None:
    with clone.at_terminal(WITHOUT_SAMPLES) as terminal:
        shown = terminal.until("Ctrl-C ends it.")
        (link,) = re.findall(r"^  (http://localhost:\S+)", shown, re.MULTILINE)
        choose_password(link)
        log_in, create = MORE_USERS.splitlines()
        with clone.at_terminal(log_in.replace("8080", str(clone.port))) as other:
            other.answer({"E-mail address: ": EMAIL, "Password: ": PASSWORD})
            assert other.end() == 0, other.shown
        told = clone.type(create)
        terminal.press(CTRL_C)
        assert terminal.end() == 0

    assert "ben@example.com" in told


def choose_password(link: str) -> None:
    """Follows a link, and sends its form from there."""
    page, _, code = link.partition("?code=")
    fields = {"code": code, "email": EMAIL, "full_name": "Your Name", "password": PASSWORD, "password_again": PASSWORD}
    parts = urllib.parse.urlsplit(page)
    asked = urllib.request.Request(page, urllib.parse.urlencode(fields).encode())
    asked.add_header("Origin", f"{parts.scheme}://{parts.netloc}")
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200
