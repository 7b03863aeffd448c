"""The guide for one machine, typed as it stands there, on a machine with a real systemd and a real Docker engine."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.guides.typing_blocks import blocks, inline
from tests.launcher.engine import clear_networks
from tests.proofs.machine import CLONE, Caller, Machine, booted, wait

pytestmark = pytest.mark.proof

DOCUMENT = "docs/guide/install-on-one-machine.md"
INSTALL, START, REPLICATE, TO_AN_INSTANT, CONFIRM, UPGRADE = blocks(DOCUMENT)
(TASKS,) = blocks("docs/guide/checklists.md", language="text")
TIMES = re.compile(r"^\S+ +\S+ +\S+ +\S+ +\S+ +root\b", re.MULTILINE)
SAID_BY_TASKS = ("is whole: ", " in the last 7 days.", "It is whole, and was removed again.", "top clients", " p99 ")
(SETTINGS,) = blocks(DOCUMENT, language="ini")
(CADDYFILE,) = blocks(DOCUMENT, language="")
INSTALLED = "/opt/ecatalog"
EMAIL, PASSWORD = "you@example.com", "four calm words together"
UNITS = ("ecatalog", "ecatalog-engine-guard")
READY = "http://127.0.0.1:9100/readyz"
SUBNET = "10.219."
JAR = "/var/tmp/cookies"


def said_of(words: str) -> str:
    """A command that the guide names in a sentence, by its end."""
    return next(each for each in inline(DOCUMENT, "sudo") if each.endswith(words))


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[Machine, str]]:
    """Installed and started, block by block; and what was shown at the start."""
    try:
        with booted(volumes=("/var/lib/ecatalog", "/srv/backups")) as machine:
            machine.type(INSTALL)
            machine.write("/etc/ecatalog.env", settings(machine))
            reach_copies_from_a_container(machine)
            asked = {"Password: ": PASSWORD, "Repeat for confirmation: ": PASSWORD}
            yield machine, machine.type_and_answer(START, asked, INSTALLED)
    finally:
        clear_networks(SUBNET)


@pytest.fixture(scope="module")
def machine(started: tuple[Machine, str]) -> Machine:
    return started[0]


@pytest.fixture
def admin(machine: Machine) -> Caller:
    return Caller(machine).log_in(EMAIL, PASSWORD)


def settings(machine: Machine) -> str:
    """The file as the guide has it, with secrets, and with what a machine that is itself a container needs besides."""
    text = SETTINGS
    while "…" in text:
        text = text.replace("…", secrets.token_urlsafe(32), 1)
    return text + "".join(f"{line}\n" for line in inside_a_container(machine))


def inside_a_container(machine: Machine) -> list[str]:
    """Networks of copies begin outside of it: it is attached to each. The addresses are those of no other proof."""
    return [f"ECATALOG_DOCKER_ATTACH={machine.name}", f"ECATALOG_DEMO_SUBNET={SUBNET}0.0/16"]


def reach_copies_from_a_container(machine: Machine) -> None:
    folder = "/etc/systemd/system/ecatalog-engine-guard.service.d"
    machine.as_root("install", "-d", folder)
    lines = [f"Environment={each}" for each in inside_a_container(machine)]
    machine.write(f"{folder}/inside.conf", "\n".join(["[Service]", *lines, ""]))


def log_of(machine: Machine) -> list[dict[str, Any]]:
    """By the command of the guide: JSON, a line each."""
    return [json.loads(line) for line in machine.type(said_of("--identifier ecatalog")).splitlines()]


def until_ready(machine: Machine) -> None:
    wait(lambda: machine.as_root("sh", "-c", f"curl --silent --fail {READY} || true"))


def test_it_is_installed_and_started_as_typed(started: tuple[Machine, str]) -> None:
    machine, shown = started

    assert f"Your Name ({EMAIL}) may now log in as admin." in shown
    assert '{"status":"ready","problems":[]}' in shown
    # A new machine has no backup yet, and this one no second disk; whether a clock is kept is not its affair.
    findings = re.findall(r"^(D\d+) (\w+):", shown, re.MULTILINE)
    assert set(findings) <= {(code, "warning") for code in ("D011", "D014", "D018")}
    assert machine.as_root("stat", "--format", "%a %U", "/etc/ecatalog.env") == "600 root\n"


def main_of(machine: Machine, unit: str = "ecatalog") -> int:
    return int(machine.shown(unit, "MainPID"))


def test_both_services_run_locked_in(machine: Machine) -> None:
    root, account = "0", machine.as_root("id", "--user", "ecatalog").strip()
    accounts = {}
    for unit in UNITS:
        told = machine.as_root("cat", f"/proc/{main_of(machine, unit)}/status")
        status = dict(re.findall(r"^(\w+):\s+(\S+)", told, re.MULTILINE))
        accounts[unit] = status["Uid"]
        assert machine.shown(unit, "ActiveState") == "active"
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert {status[name].strip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {""}
    assert accounts["ecatalog"] == account
    assert accounts["ecatalog-engine-guard"] not in (root, account)
    assert machine.as_root("stat", "--format", "%a %U", "/var/lib/ecatalog/ltplabs.db") == "600 ecatalog\n"


def test_the_administrator_makes_backups_from_inside_and_beside_the_service(machine: Machine, admin: Caller) -> None:
    made = admin.ask("POST", "/api/backups")
    told = machine.type("sudo ecatalog backup create")

    names = machine.as_root("ls", "/srv/backups/ecatalog").split()
    assert made["name"] in names
    assert told.split()[0] in names
    assert "is in /srv/backups/ecatalog, tested." in told


def test_what_is_scraped_tells_of_the_clock_and_ends_nothing(machine: Machine) -> None:
    told = [machine.fetch(f"http://127.0.0.1:{port}/metrics") for port in (9100, 9101, 9102)]

    assert re.search(r"^ecatalog_clock_synchronised [01]\.0$", told[0], re.MULTILINE)
    assert all("ecatalog_" in each for each in told)
    assert "child.died" not in {line["event"] for line in log_of(machine)}


def test_the_log_is_json_of_every_service(machine: Machine) -> None:
    assert {line["service"] for line in log_of(machine)} >= {"gateway", "edge", "launcher", "engine-guard"}


def test_a_demo_is_opened_through_the_guard_and_by_caddy(machine: Machine, admin: Caller) -> None:
    serve_by_caddy(machine)
    launch = opened(admin, "Shop", "customers")
    entry = admin.ask("POST", f"/api/launches/{launch['id']}/enter")["url"]

    host = entry.split("/")[2]
    here = ["--insecure", "--location", "--resolve", f"{host}:443:127.0.0.1", "--cookie-jar", JAR, "--cookie", JAR]
    assert host.endswith(".demos.example.net")
    assert "<html" in machine.fetch(entry, *here)
    admin.ask("DELETE", f"/api/launches/{launch['id']}")
    status = machine.as_root(
        "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *here, f"https://{host}/"
    )
    assert status in ("403", "410")
    wait(lambda: admin.ask("GET", f"/api/launches/{launch['id']}"), lambda seen: seen["state"] == "stopped")


def opened(admin: Caller, name: str, sample: str) -> Any:
    """A copy of a new demo, which runs."""
    image = admin.ask("POST", "/api/docker-images", {"image_name": f"ecatalog-samples/{sample}"})
    fields = {"name": name, "docker_image_id": image["id"], "port": 8000, "status": "active", "force": True}
    demo = admin.ask("POST", "/api/demos", fields)
    launch = admin.ask("POST", f"/api/demos/{demo['id']}/open")
    return wait(lambda: admin.ask("GET", f"/api/launches/{launch['id']}"), lambda seen: seen["state"] == "running")


def serve_by_caddy(machine: Machine) -> None:
    """The guide's file, with certificates of our own: an authority on the internet would want to reach it."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=demos"
    machine.type(f"sudo {make} -keyout /etc/caddy/demos.key -out /etc/caddy/demos.pem 2>/dev/null")
    machine.type("sudo chown caddy /etc/caddy/demos.key")
    machine.write("/etc/caddy/Caddyfile", CADDYFILE)
    assert "Valid configuration" in machine.type("sudo caddy validate --config /etc/caddy/Caddyfile 2>&1")
    machine.write("/etc/caddy/Caddyfile", f"{{\n\tlocal_certs\n\tskip_install_trust\n}}\n{CADDYFILE}")
    machine.type("sudo systemctl restart caddy")
    here = ("--insecure", "--resolve", "catalog.example.com:443:127.0.0.1", "--retry", "20", "--retry-all-errors")
    assert "E-Catalog" in machine.fetch("https://catalog.example.com/login", *here, "--retry-delay", "1")


def test_what_cron_does_by_itself_is_mailed(machine: Machine) -> None:
    """Cron takes the file as it is; then, with its times moved to cron's start, it does all of it at once."""
    folder = machine.as_root("mktemp", "--directory", "/var/tmp/mails.XXXXXX").strip()
    machine.write("/usr/sbin/sendmail", f"#!/bin/sh\ncat >{folder}/new.$$ && mv {folder}/new.$$ {folder}/$$.mail\n")
    machine.as_root("chmod", "755", "/usr/sbin/sendmail")
    for text in (TASKS, TIMES.sub("@reboot  root", TASKS)):
        machine.write("/etc/cron.d/ecatalog", text)
        # By this file cron knows that it was there since the machine's start.
        machine.type("sudo rm --force /run/crond.reboot && sudo systemctl restart cron")
    all_of_them = len(TASKS.splitlines()) - 1
    look = ("sh", "-c", f"cat {folder}/*.mail 2>/dev/null || true")
    mails = wait(lambda: machine.as_root(*look), lambda seen: seen.count("\nSubject: ") == all_of_them)

    assert mails.count("To: operators@example.com\n") == all_of_them == len(SAID_BY_TASKS)
    assert [words for words in SAID_BY_TASKS if words not in mails] == []
    complaints = machine.type("sudo journalctl --output cat --unit cron --grep 'Syntax error' || true")
    assert complaints == ""


def test_one_that_is_killed_is_started_again(machine: Machine) -> None:
    killed = main_of(machine)
    machine.type("sudo systemctl kill --signal KILL --kill-whom main ecatalog")
    wait(lambda: main_of(machine), lambda pid: pid not in (0, killed))
    until_ready(machine)

    machine.type("sudo systemctl restart ecatalog")
    until_ready(machine)


def test_litestream_brings_the_catalog_back(machine: Machine) -> None:
    machine.type(REPLICATE)
    until_ready(machine)
    wait(lambda: machine.as_root("find", "/var/lib/ecatalog-replica", "-type", "f"))

    assert EMAIL in machine.type(TO_AN_INSTANT)
    machine.type(CONFIRM)
    until_ready(machine)
    assert Caller(machine).log_in(EMAIL, PASSWORD).ask("GET", "/api/auth/me")
    assert machine.shown("ecatalog-litestream", "ActiveState") == "active"


def test_an_upgrade_brings_new_requirements_and_new_units(machine: Machine) -> None:
    commit = "git -c user.name=Ada -c user.email=ada@example.com commit --all --quiet --message 'A new version'"
    machine.type("sed -i 's/^Description=.*/Description=The new one/' deploy/*.service")
    machine.type(f"echo '# Nothing more.' >>requirements/run.lock && {commit}", folder=CLONE)
    before = machine.as_root("stat", "--format", "%Y", f"{INSTALLED}/.venv/.run")
    machine.type(UPGRADE, folder=INSTALLED)
    until_ready(machine)

    assert machine.as_root("stat", "--format", "%Y", f"{INSTALLED}/.venv/.run") != before
    for unit in UNITS:
        assert (machine.shown(unit, "Description"), machine.shown(unit, "ActiveState")) == ("The new one", "active")
    assert Caller(machine).log_in(EMAIL, PASSWORD).ask("GET", "/api/auth/me")


def test_demos_run_as_local_processes_too(machine: Machine) -> None:
    machine.type(
        "sudo sed --in-place /^ECATALOG_LAUNCHER_DRIVER=/d /etc/ecatalog.env && sudo systemctl restart ecatalog"
    )
    until_ready(machine)
    admin = Caller(machine).log_in(EMAIL, PASSWORD)
    launch = opened(admin, "Desk", "support")
    assert launch["phase"] == "ready"

    machine.type("sudo systemctl restart ecatalog")
    until_ready(machine)
    look = f"/api/launches/{launch['id']}"
    ended = wait(lambda: admin.ask("GET", look), lambda seen: seen["state"] in ("stopped", "failed"))
    assert (ended["state"], ended["reason"]) == ("stopped", "The catalog was shut down. Open the demo again.")


def test_without_an_administrator_the_log_has_the_link(machine: Machine) -> None:
    machine.type("sudo systemctl stop ecatalog && sudo sh -c 'rm /var/lib/ecatalog/ltplabs.db*'")
    machine.type("sudo systemctl start ecatalog")
    until_ready(machine)
    told = json.loads(machine.type(said_of("grep setup_needed")).splitlines()[-1])

    assert told["open_within_15_minutes"].startswith("https://catalog.example.com/")


def test_it_ends_in_order(machine: Machine) -> None:
    machine.type("sudo systemctl stop ecatalog ecatalog-engine-guard")

    for unit in UNITS:
        ended = [machine.shown(unit, name) for name in ("ActiveState", "Result", "ExecMainStatus")]
        assert ended == ["inactive", "success", "0"], unit
