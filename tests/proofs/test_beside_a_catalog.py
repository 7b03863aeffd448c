"""What the guides say of a running catalog, typed beside one that was started as they say: with an engine, and mail."""

import asyncio
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.guides.typing_blocks import blocks, environment, filled_in, in_bash, inline, typed
from tests.launcher.copies import ANSWERS
from tests.launcher.engine import HOST, build, cleared, docker
from tests.notices.mailbox import Mailbox, serving, tls_pair
from tests.proofs.belongings import installation_of
from tests.proofs.installation import PASSWORD, Installation, free_quad
from tests.proofs.traces import wait_for

pytestmark = pytest.mark.proof

STARTING, REMOVING, PUBLISHING = blocks("docs/guide/containers.md")
(CONNECTING_MAIL,) = blocks("docs/guide/messages.md")
MAKING_A_BACKUP, LOOKING_AT_BACKUPS, WHO_HAS_IT_OPEN, SENDING_AGAIN = blocks("docs/guide/alerts.md")
(GIVING_A_KEY,) = blocks("docs/guide/greeting-visitors.md")
*_, DEBUGGING = blocks("docs/guide/troubleshooting.md")
CHECKLISTS, FIRST_STEPS = "docs/guide/checklists.md", "docs/guide/first-steps.md"
IMAGE = "registry.example.com/shop/web:2.1"
# No command yet; typed at the start of this module; typed by the proof of one machine.
ELSEWHERE = {"ecatalog …", "ecatalog login", "ecatalog users add"}


@dataclass
class Place:
    """The catalog, where its folder `var` lies, what is set there, and the mailbox of everybody."""

    installation: Installation
    folder: Path
    env: dict[str, str]
    mailbox: Mailbox

    def type(self, lines: str, statuses: tuple[int, ...] = (0,)) -> str:
        return typed(lines, self.folder, self.env, statuses)

    def answer(self, lines: str, values: Mapping[str, str]) -> Any:
        return json.loads(self.type(filled_in(lines, values)))


@contextmanager
def mail_by_starttls(folder: Path) -> Iterator[Mailbox]:
    """Serves on a thread, with a certificate for localhost: `cert.pem` in that folder."""
    mailbox, (tls, _) = Mailbox(), tls_pair(folder)
    is_up, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with serving(mailbox, tls=tls, mode="starttls"):
            is_up.set()
            await end.wait()
            # The catalog is gone, so each connection ends; the sockets below TLS are closed a little later.
            if connections := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(connections)
            await asyncio.sleep(0.1)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(30)
        yield mailbox
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
        loop.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    build("answers", ANSWERS)
    docker("tag", "ecatalog-samples/answers", IMAGE)
    folder = tmp_path_factory.mktemp("typed")
    (folder / "smtp").write_text("a secret\n")
    (folder / "password").write_text(f"{PASSWORD}\n")
    with mail_by_starttls(folder) as mailbox:
        started = start(folder, mailbox)
        try:
            started.installation.wait_until_ready()
            with cleared(installation_of(folder / "var")):
                started.type("ecatalog login --url $CATALOG --email admin@ecatalog.example --password-file password")
                yield started
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.installation.process.pid, signal.SIGKILL)
            started.installation.process.wait()
    docker("rmi", IMAGE)


def start(folder: Path, mailbox: Mailbox) -> Place:
    """Types what connects a mail server and what starts a catalog with an engine, one after the other."""
    numbers = dict(zip(("PORT", "EDGE_PORT", "GRPC_PORT", "INTERNAL_PORT"), free_quad(), strict=True))
    env = environment(
        **{f"ECATALOG_{name}": str(port) for name, port in numbers.items()},
        CATALOG=f"http://localhost:{numbers['PORT']}",
        SSL_CERT_FILE=str(folder / "cert.pem"),
        HOME=str(folder),
        DOCKER_HOST=HOST,
        LOAD_SEED_DATA="true",
        BACKUP_PASSWORD="opens-what-this-proof-backs-up",
        ENCRYPTION_KEY="protects-what-this-proof-keeps-sealed",
        ECATALOG_DATA="var",
        ECATALOG_LAUNCHER_CAPACITY="2",
        ECATALOG_DEMO_SUBNET="10.217.0.0/16",
    )
    mail = {"mail.example.com:587": f"localhost:{mailbox.port}", "/run/secrets/smtp": "smtp"}
    lines = filled_in(CONNECTING_MAIL, mail) + filled_in(STARTING, {"DIR": "var"})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            in_bash(lines),
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    ports = (numbers["PORT"], numbers["EDGE_PORT"], numbers["GRPC_PORT"], numbers["INTERNAL_PORT"])
    return Place(Installation(folder / "var", process, *ports), folder, env, mailbox)


def test_the_mail_server_is_connected_by_a_verified_connection_and_a_login(place: Place) -> None:
    told = place.type("ecatalog messages test --json")

    assert json.loads(told)["is_sent"] is True, told
    assert place.mailbox.logins[:1] == ["demos:a secret"]
    (mail,) = [each for each in place.mailbox.mails if "A test of the mail" in each["Subject"]]
    assert (mail["From"], mail["To"]) == ("Demos <demos@example.com>", "Ada Winter <admin@ecatalog.example>")


def test_what_was_given_up_is_sent_again(place: Place) -> None:
    """A mail that was refused for good, to somebody who has a mailbox by now."""
    place.mailbox.rcpt_answer = "550 no such mailbox"
    admin = place.installation.login("admin@ecatalog.example")
    client = place.installation.login("client@acme.example").id
    assert admin.post("/api/invitations", {"client_id": client}).status == 201
    listing, sending = SENDING_AGAIN.splitlines()
    wait_for(lambda: json.loads(place.type(f"{listing} --json"))["items"] != [], "it is dead")
    place.mailbox.rcpt_answer = "250 OK"
    (dead,) = json.loads(place.type(f"{listing} --json"))["items"]

    place.type(filled_in(SENDING_AGAIN, {"replay ID": f"replay {dead['id']}"}))

    wait_for(lambda: place.mailbox.subjects("client@acme.example") != [], "it has come")
    assert sending == "ecatalog messages replay ID"


def test_a_demo_is_published_once_a_copy_of_it_has_answered(place: Place) -> None:
    place.env["TOKEN"] = place.installation.login("admin@ecatalog.example").token
    calling, adding_the_image, adding_the_demo, asking = PUBLISHING.splitlines()

    image = place.answer(f"{calling}\n{adding_the_image}", {})
    demo = place.answer(f"{calling}\n{adding_the_demo}", {"…": image["id"]})
    place.env["DEMO"] = demo["id"]
    asked = filled_in(f"{calling}\n{asking}", {"ID": demo["id"]})
    wait_for(lambda: json.loads(place.type(asked))["is_fine"] is not None, "the trial has ended")

    assert place.answer(asked, {})["is_fine"] is True


def test_a_demo_is_given_a_key_to_know_its_visitors_by(place: Place) -> None:
    admin = place.installation.login("admin@ecatalog.example")

    assert place.answer(GIVING_A_KEY, {})["trial_launch_id"] is not None

    def key() -> str:
        return str(admin.get(f"/api/demos/{place.env['DEMO']}").json()["environment"].get("ECATALOG_VISITOR_KEY", ""))

    wait_for(lambda: key() != "", "the trial has ended")
    assert re.fullmatch("[0-9a-f]{64}", key())


def test_backups_are_made_and_looked_at(place: Place) -> None:
    assert "tested." in place.type(MAKING_A_BACKUP)
    assert place.type(LOOKING_AT_BACKUPS).count(" is whole:") == 1


def test_who_has_the_database_open_is_told(place: Place) -> None:
    told = place.type(WHO_HAS_IT_OPEN).split()

    assert told != []
    assert all("ecatalog" in Path(f"/proc/{pid}/cmdline").read_text() for pid in told)


@pytest.mark.parametrize("command", [each for each in inline(CHECKLISTS, "ecatalog") if each not in ELSEWHERE])
def test_what_the_checklists_say_is_done(place: Place, command: str) -> None:
    """The doctor tells by its status that there are warnings, such as of an address without TLS."""
    assert place.type(command, (0, 1) if command == "ecatalog doctor" else (0,)) != ""


def test_health_is_asked_for_as_the_checklists_say(place: Place) -> None:
    """And as troubleshooting says of one machine; the ports are those of this catalog."""
    head, ready = inline(CHECKLISTS, "curl")
    (once_more,) = [line for line in DEBUGGING.splitlines() if "# on one machine" in line]
    ours = f"127.0.0.1:{place.installation.internal_port}"

    assert " 200 OK" in place.type(filled_in(head, {"https://catalog.example.com": place.env["CATALOG"]}))
    for command in (ready, once_more):
        assert place.answer(command, {"127.0.0.1:9100": ours})["status"] == "ready"


def test_the_database_is_looked_at_and_copied_as_first_steps_say(place: Place) -> None:
    status, copy = inline(FIRST_STEPS, "ecatalog db")

    assert "schema" in place.type(status)
    place.type(filled_in(copy, {"DIR": "copied"}))
    assert list((place.folder / "copied").iterdir()) != []


def test_what_was_left_is_removed_by_its_label(place: Place) -> None:
    """After a death of everything, with a copy that runs: the networks are there, and then nothing."""
    label = f"label=ecatalog.installation={installation_of(place.folder / 'var')}"
    admin = place.installation.login("admin@ecatalog.example")
    launch = admin.post(f"/api/demos/{place.env['DEMO']}/open").json()["id"]
    wait_for(lambda: admin.get(f"/api/launches/{launch}").json()["state"] == "running", "a copy runs")
    os.killpg(place.installation.process.pid, signal.SIGKILL)
    place.installation.process.wait()
    assert docker("ps", "--all", "--quiet", "--filter", label) != ""

    place.type(filled_in(REMOVING, {"=NAME": f"={label.rpartition('=')[2]}"}))

    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
    assert docker("network", "ls", "--quiet", "--filter", label) == ""
