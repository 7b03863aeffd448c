"""`deploy/compose.yaml` on a real engine: behind TLS, opened and revoked as people do it, and nothing left."""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.architecture.code import ROOT
from tests.launcher.engine import BASE, BUILDER, HOST, docker, new_installation
from tests.proofs.installation import PASSWORD, free_ports

pytestmark = pytest.mark.proof

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
    """One project of the compose file, with names and ports of its own."""

    name: str
    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)

    def compose(self, *words: str) -> str:
        tool = Path(sys.executable).with_name("docker-compose")
        told = subprocess.run(
            [tool, "--project-name", self.name, *words],
            cwd=self.folder,
            env={**os.environ, **self.settings, "DOCKER_HOST": HOST},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
        return told.stdout

    def states(self) -> dict[str, str]:
        shown = [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]
        return {each["Service"]: each["Health"] or each["State"] for each in shown}

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Up, by the files and commands that an operator uses; with sample data."""
    env = {**os.environ, "DOCKER_HOST": HOST, "DOCKER_BUILDKIT": "0"}
    for script in ("deploy/build.sh", "database/build-database.sh"):
        subprocess.run([ROOT / script, "--base", BASE, "--builder", BUILDER], env=env, check=True, capture_output=True)
    install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends caddy >/dev/null"
    docker("build", "--quiet", "--tag", CADDY, "-", given=f"FROM {BUILDER}\nRUN {install}\n")
    folder = tmp_path_factory.mktemp("deploy")
    for name in ("compose.yaml", "Caddyfile", "new-secrets.sh"):
        shutil.copy(ROOT / "deploy" / name, folder)
    subprocess.run(["./new-secrets.sh"], cwd=folder, check=True, capture_output=True)
    http, https = free_ports(2)
    made = Composed(new_installation(), folder, https)
    made.settings = {
        "HTTP_PORT": str(http),
        "HTTPS_PORT": str(https),
        "CADDY_IMAGE": CADDY,
        "LOAD_SEED_DATA": "true",
        "ALLOW_SAMPLE_LOGINS": "true",
        "DOCKER_SOCKET": HOST.removeprefix("unix://"),
        "DEMO_SUBNET": "10.215.0.0/16",
    }
    try:
        made.compose("up", "--detach", "--wait")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "10")
        leave_nothing(made.name)


def leave_nothing(project: str) -> None:
    """The copies and networks are the launcher's, which is gone with the rest: cleared away as the guide says."""
    of_copies = [name for name in docker("network", "ls", "--format", "{{.Name}}").split() if "ecatalog-" in name]
    for network in of_copies:
        if json.loads(docker("network", "inspect", network))[0]["IPAM"]["Config"][0]["Subnet"].startswith("10.215."):
            for container in docker("ps", "--all", "--quiet", "--filter", f"network={network}").split():
                docker("rm", "--force", container)
            docker("network", "rm", network)
    assert project not in docker("volume", "ls", "--format", "{{.Name}}")


class _Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.fixture
async def browser(composed: Composed, tmp_path: Path) -> AsyncIterator[ClientSession]:
    """Trusts only Caddy's own authority."""
    container = composed.compose("ps", "--quiet", "caddy").strip()
    docker("cp", f"{container}:/data/caddy/pki/authorities/local/root.crt", str(tmp_path / "root.crt"))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "root.crt"))
    connector = TCPConnector(resolver=_Here(), ssl=trusted)
    async with ClientSession(connector=connector, cookie_jar=CookieJar()) as session:
        yield session
    # The sockets below TLS are closed a little later (https://docs.aiohttp.org, graceful shutdown).
    await asyncio.sleep(0.25)


@dataclass
class Caller:
    """Somebody of the sample data, by the API behind TLS."""

    browser: ClientSession
    address: str
    token: str = ""

    async def log_in(self, email: str) -> "Caller":
        found = await self.ask("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
        return Caller(self.browser, self.address, found["token"])

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.browser.request(method, self.address + path, json=body, headers=headers) as answer:
            assert answer.status < 300, (method, path, answer.status, await answer.text())
            return await answer.json() if answer.content_length != 0 else None


async def until_running(caller: Caller, launch_id: str) -> None:
    started = time.monotonic()
    while (launch := await caller.ask("GET", f"/api/launches/{launch_id}"))["state"] != "running":
        assert launch["state"] in ("queued", "starting"), launch
        assert time.monotonic() - started < 60, launch


def test_every_service_is_healthy_and_locked_in(composed: Composed) -> None:
    assert composed.states() == {name: "running" if name == "caddy" else "healthy" for name in SERVICES}
    for container in composed.compose("ps", "--quiet").split():
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
    nobody = Caller(browser, f"https://catalog.localhost:{composed.port}")
    admin = await nobody.log_in("admin@ecatalog.example")
    client = await nobody.log_in("client@acme.example")
    demo = (await client.ask("GET", "/api/demos"))["items"][0]
    launch = await client.ask("POST", f"/api/demos/{demo['id']}/open")
    await until_running(client, launch["id"])
    entry = (await client.ask("POST", f"/api/launches/{launch['id']}/enter"))["url"]
    async with browser.get(entry) as shown:
        page = str(shown.url)
        assert (shown.status, page.startswith("https://")) == (200, True)
    composed.compose("kill", "gateway")
    async with browser.get(page) as shown:
        assert shown.status == 200, "The edge serves on while the gateway is away."
    composed.compose("up", "--detach", "--wait")
    revoke = f"/api/clients/{launch['client_id']}/revoke"
    cut = (await admin.ask("PATCH", revoke, {"reason": "The trial is over."}))["cut"]
    assert cut["launches"] == 1
    assert cut["waiting_for"] == []
    async with browser.get(page, allow_redirects=False) as shown:
        assert shown.status in (401, 403, 410)


async def test_whoever_asks_a_demo_without_the_way_in_is_refused(composed: Composed, browser: ClientSession) -> None:
    async with browser.get(f"https://nobody.demos.localhost:{composed.port}/", allow_redirects=False) as shown:
        assert shown.status in (401, 403, 404)


def test_the_launcher_cannot_get_out_by_the_engine(composed: Composed) -> None:
    program = WAY_OUT.replace("IMAGE", BASE)

    assert composed.inside("launcher", "python", "-c", program).strip() == "403"


def test_the_database_container_asks_the_gateway_for_backups(composed: Composed) -> None:
    assert "The gateway made the backup ecatalog-" in composed.inside("database", "/bin/bash", "/scripts/backup.sh")
    assert composed.inside("database", "sqlite3", "/data/ltplabs.db", "SELECT count(*) FROM users;") == "3\n"


def test_everything_ends_in_order(composed: Composed) -> None:
    composed.compose("stop", "--timeout", "10")
    stopped = [json.loads(line) for line in composed.compose("ps", "--all", "--format", "json").splitlines()]
    assert {each["Service"]: each["ExitCode"] for each in stopped} == dict.fromkeys(SERVICES, 0)
    composed.compose("up", "--detach", "--wait")
    assert composed.states()["gateway"] == "healthy"
