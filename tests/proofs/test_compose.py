"""`deploy/compose.yaml` on a real engine: behind TLS, opened and revoked as people do it, and nothing left."""

import asyncio
import json
import os
import shlex
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, inline, typed
from tests.launcher.engine import BASE, BUILDER, HOST, clear_networks, docker, new_installation
from tests.proofs.installation import free_ports

pytestmark = pytest.mark.proof

GUIDE = "docs/guide/install-with-docker.md"
CHECKLISTS = "docs/guide/checklists.md"
PASSWORD = "four calm words together"
CADDY = "ecatalog-test-caddy:bookworm"
SERVICES = {"database", "gateway", "edge", "launcher", "engine-guard", "caddy"}
# A way to the machine, as whoever has taken the launcher over would ask for it.
WAY_OUT = """
import json, urllib.request as web
body = json.dumps({"Image": "IMAGE", "HostConfig": {"Binds": ["/:/host"], "Privileged": True}}).encode()
asked = web.Request("http://engine-guard:2375/v1.41/containers/create?name=x", body)
asked.add_header("Content-Type", "application/json")
try:
    print(web.urlopen(asked).status)
except web.HTTPError as error:
    print(error.code)
"""


@dataclass
class Composed:
    """One project of the compose file, with names and ports of its own, in a clone of the last commit."""

    name: str
    clone: Path
    port: int
    env: dict[str, str]

    def type(self, lines: str, statuses: tuple[int, ...] = (0,)) -> str:
        """What this prints, typed in the folder `deploy`."""
        return typed(lines, self.clone / "deploy", {**os.environ, **self.env}, statuses)

    def states(self) -> dict[str, str]:
        shown = [json.loads(line) for line in self.type("docker compose ps --all --format json").splitlines()]
        return {each["Service"]: each["Health"] or each["State"] for each in shown}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Up, by the files and commands that an operator uses."""
    install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends caddy >/dev/null"
    docker("build", "--quiet", "--tag", CADDY, "-", given=f"FROM {BUILDER}\nRUN {install}\n")
    folder = tmp_path_factory.mktemp("compose")
    made = Composed(new_installation(), folder / "clone", 0, _tools(folder))
    subprocess.run(["git", "clone", "--quiet", ROOT, made.clone], check=True)
    http, made.port = free_ports(2)
    chosen = {
        "COMPOSE_PROJECT_NAME": made.name,
        "HTTP_PORT": http,
        "HTTPS_PORT": made.port,
        "CADDY_IMAGE": CADDY,
        "DOCKER_SOCKET": HOST.removeprefix("unix://"),
        "FRONT_NETWORK": "10.211.0",
        "DEMO_SUBNET": "10.215.0.0/16",
    }
    (made.clone / "deploy/.env").write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
    try:
        [first] = blocks(GUIDE, "The first time")
        told = made.type(first.removeprefix("cd deploy\n")).splitlines()[-1]
        made.env["SETUP"] = json.loads(told.partition(" | ")[2])["open_within_15_minutes"]
        yield made
    finally:
        made.type("docker compose down --volumes --timeout 10")
        clear_networks("10.215.")
        assert made.name not in docker("volume", "ls", "--format", "{{.Name}}")


def _tools(folder: Path) -> dict[str, str]:
    """An engine, and `docker compose`, which Debian has no package of."""
    plugin = folder / "docker/cli-plugins/docker-compose"
    plugin.parent.mkdir(parents=True)
    plugin.symlink_to(Path(sys.executable).with_name("docker-compose"))
    bases = {"BASE": BASE, "BUILDER": BUILDER, "DOCKER_BUILDKIT": "0"}
    return {"DOCKER_HOST": HOST, "DOCKER_CONFIG": str(folder / "docker"), **bases}


class _Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.fixture
async def browser(composed: Composed, tmp_path: Path) -> AsyncIterator[ClientSession]:
    """Trusts only Caddy's own authority."""
    container = composed.type("docker compose ps --quiet caddy").strip()
    docker("cp", f"{container}:/data/caddy/pki/authorities/local/root.crt", str(tmp_path / "root.crt"))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "root.crt"))
    connector = TCPConnector(resolver=_Here(), ssl=trusted)
    async with ClientSession(connector=connector, cookie_jar=CookieJar()) as session:
        yield session
    # The sockets below TLS are closed a little later (https://docs.aiohttp.org, graceful shutdown).
    await asyncio.sleep(0.25)


@dataclass
class Caller:
    """Somebody behind TLS: by the API, and by the forms of pages."""

    browser: ClientSession
    address: str
    token: str = ""

    async def log_in(self, email: str) -> "Caller":
        found = await self.ask("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
        return Caller(self.browser, self.address, found["token"])

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Origin": self.address} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        async with self.browser.request(method, self.address + path, json=body, headers=headers) as answer:
            assert answer.status < 300, (method, path, answer.status, await answer.text())
            return await answer.json() if answer.content_length != 0 else None

    async def choose_password(self, link: str, **fields: str) -> None:
        """Follows a link, and sends its form from there."""
        page, _, code = link.partition("?code=")
        sent = {"code": code, "password": PASSWORD, "password_again": PASSWORD, **fields}
        async with self.browser.post(page, data=sent, headers={"Origin": self.address}) as answer:
            assert answer.status == 200, await answer.text()


async def until_running(caller: Caller, launch_id: str) -> None:
    started = time.monotonic()
    while (launch := await caller.ask("GET", f"/api/launches/{launch_id}"))["state"] != "running":
        assert launch["state"] in ("queued", "starting"), launch
        assert time.monotonic() - started < 60, launch


def test_every_service_is_healthy_and_locked_in(composed: Composed) -> None:
    assert composed.states() == {name: "running" if name == "caddy" else "healthy" for name in SERVICES}
    for container in composed.type("docker compose ps --quiet").split():
        shown = json.loads(docker("inspect", container))[0]
        host = shown["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
        assert host["Memory"] > 0
        has_socket = any(mount["Source"].endswith("docker.sock") for mount in shown["Mounts"])
        assert has_socket == (shown["Config"]["Labels"]["com.docker.compose.service"] == "engine-guard")
        assert not [each for each in shown["Config"]["Env"] if "TOKEN=" in each or "PASSWORD=" in each]


async def test_a_client_opens_a_demo_behind_tls_and_a_revocation_ends_it(
    composed: Composed, browser: ClientSession
) -> None:
    """From the link in the log to the end of a client's access, as people do it."""
    nobody = Caller(browser, f"https://catalog.localhost:{composed.port}")
    await nobody.choose_password(composed.env["SETUP"], email="you@example.com", full_name="Your Name")
    admin = await nobody.log_in("you@example.com")
    image = await admin.ask("POST", "/api/docker-images", {"image_name": "ecatalog-samples/customers"})
    demo = await admin.ask(
        "POST",
        "/api/demos",
        {"name": "Shop", "docker_image_id": image["id"], "port": 8000, "status": "active", "force": True},
    )
    window = {"access_start_date": "2026-01-01", "access_end_date": "2099-12-31"}
    person = {"name": "Ana Silva", "email": "ana@client.example", "company": "Acme", **window}
    client = await admin.ask("POST", "/api/clients", person)
    await admin.ask("PUT", f"/api/clients/{client['id']}/demos/{demo['id']}")
    invitation = await admin.ask("POST", "/api/invitations", {"client_id": client["id"]})
    await nobody.choose_password(invitation["url"])
    ana = await nobody.log_in("ana@client.example")
    launch = await ana.ask("POST", f"/api/demos/{demo['id']}/open")
    await until_running(ana, launch["id"])
    entry = (await ana.ask("POST", f"/api/launches/{launch['id']}/enter"))["url"]
    async with browser.get(entry) as shown:
        page = str(shown.url)
        assert (shown.status, page.startswith("https://")) == (200, True)
    composed.type("docker compose kill gateway")
    async with browser.get(page) as shown:
        assert shown.status == 200, "The edge serves on while the gateway is away."
    composed.type("docker compose up --detach --wait")
    cut = (await admin.ask("PATCH", f"/api/clients/{client['id']}/revoke", {"reason": "The trial is over."}))["cut"]
    assert cut["launches"] == 1
    assert cut["waiting_for"] == []
    async with browser.get(page, allow_redirects=False) as shown:
        assert shown.status in (401, 403, 410)


async def test_whoever_asks_a_demo_without_the_way_in_is_refused(composed: Composed, browser: ClientSession) -> None:
    async with browser.get(f"https://nobody.demos.localhost:{composed.port}/", allow_redirects=False) as shown:
        assert shown.status in (401, 403, 404)


def test_the_launcher_cannot_get_out_by_the_engine(composed: Composed) -> None:
    program = WAY_OUT.replace("IMAGE", BASE)

    assert composed.type(f"docker compose exec -T launcher python -c {shlex.quote(program)}").strip() == "403"


def test_what_is_typed_day_by_day_works(composed: Composed) -> None:
    [day] = blocks(GUIDE, "Day by day")
    told = {}
    for line in day.splitlines():
        # The doctor's status says that there are warnings.
        told[line.split("  #")[0].strip()] = composed.type(line, (0, 1) if line.endswith("what to do") else (0,))

    assert told['docker compose exec database sqlite3 /data/ltplabs.db "SELECT COUNT(*) FROM users;"'] == "1\n"
    assert "│ ecatalog-" in told["docker compose exec database /bin/bash /scripts/backup.sh"]
    assert "ecatalog-" in told["docker compose exec gateway ecatalog backup list"]
    assert "warning" in told["docker compose exec gateway ecatalog doctor"]


def test_what_sentences_say_is_typed(composed: Composed) -> None:
    """In the folder of the guide, and from anywhere as cron does. What stops or removes is typed by the other tests."""
    others = ("docker compose stop", "docker compose run --rm gateway", "docker compose down")
    said = [*inline(CHECKLISTS, "docker compose"), *inline(GUIDE, "docker compose")]
    typing = [command.replace("…", "db check") for command in said if not command.startswith(others)]
    for command in typing:
        here = command.replace("/opt/ecatalog/deploy", str(composed.clone / "deploy"))
        composed.type(f"{here} db check" if here.endswith(" ecatalog") else here)
    composed.type("docker compose up --detach --wait")

    assert len(typing) == 7


async def test_an_upgrade_and_a_restore_work_as_typed(composed: Composed, browser: ClientSession) -> None:
    [upgrade], [restore] = blocks(GUIDE, "Upgrades"), blocks(GUIDE, "Restoring")
    composed.type(upgrade)
    composed.type(restore)

    nobody = Caller(browser, f"https://catalog.localhost:{composed.port}")
    admin = await nobody.log_in("you@example.com")
    clients = (await admin.ask("GET", "/api/clients"))["items"]
    assert [each["revoked_at"] is None for each in clients] == [False], "What was revoked stays revoked."


async def test_an_instant_comes_back_as_typed(composed: Composed, browser: ClientSession) -> None:
    with (composed.clone / "deploy/.env").open("a") as chosen:
        chosen.write("COMPOSE_PROFILES=litestream\n")
    composed.type("docker compose up --detach --wait")
    assert composed.states()["litestream"] == "healthy"
    nobody = Caller(browser, f"https://catalog.localhost:{composed.port}")
    admin = await nobody.log_in("you@example.com")
    (client,) = (await admin.ask("GET", "/api/clients"))["items"]
    await admin.ask("PATCH", f"/api/clients/{client['id']}", {"notes": "Copied within a second."})

    restore, confirm = blocks(GUIDE, "To an instant, with Litestream")
    said = composed.type(restore)
    assert "  administrator you@example.com, since " in said
    assert "Clients' access is on hold. Nobody signed the replica" in said
    assert "Clients may open their demos again." in composed.type(confirm)

    admin = await nobody.log_in("you@example.com")
    assert (await admin.ask("GET", f"/api/clients/{client['id']}"))["notes"] == "Copied within a second."
    assert composed.states()["litestream"] == "healthy"


def test_everything_ends_in_order(composed: Composed) -> None:
    composed.type("docker compose stop --timeout 10")
    stopped = composed.type("docker compose ps --all --format json")
    ends = {each["Service"]: each["ExitCode"] for each in map(json.loads, stopped.splitlines())}
    assert ends == dict.fromkeys(SERVICES | {"litestream"}, 0)


def test_no_block_of_the_guide_is_left_untyped() -> None:
    headings = ("The first time", "Day by day", "Upgrades", "Restoring", "To an instant, with Litestream")

    assert blocks(GUIDE) == [block for heading in headings for block in blocks(GUIDE, heading)]
