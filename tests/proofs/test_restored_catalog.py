"""The machine is lost, and the whole catalog runs again on another one: people log in, open a demo, see its picture."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.ops.backing_up import CONTENT, KEYS, PICTURE, lay
from tests.proofs.grown import run
from tests.proofs.installation import Installation, start_installation
from tests.proofs.raw import Line
from tests.proofs.test_litestream import kill_at_once
from tests.proofs.test_serve import open_running

pytestmark = pytest.mark.proof

ENVIRONMENT = {f"ECATALOG_{name.upper()}": value for name, value in KEYS.items()}


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """Where the backups are of a catalog that was killed after its last one, and what was revoked since."""
    data = tmp_path / "first" / "data"
    data.mkdir(parents=True, mode=0o700)
    lay(data)
    installation = start_installation(data, settings=ENVIRONMENT)
    try:
        installation.wait_until_ready()
        admin = installation.login("admin@ecatalog.example")
        open_running(installation.login("client@acme.example"), "customer-portal")
        assert admin.post("/api/backups").status in {200, 201}
        bolt = installation.login("client@bolt.example").id
        assert admin.patch(f"/api/clients/{bolt}/revoke", {"reason": "gone"}).status == 200
        assert admin.post("/api/backups").status in {200, 201}
        kill_at_once(installation)
    finally:
        installation.process.kill()
        installation.process.wait()
    shutil.move(data / "backups", tmp_path / "backups")
    shutil.rmtree(data)
    return tmp_path / "backups"


def test_the_catalog_runs_again_on_another_machine(lost: Path, tmp_path: Path) -> None:
    new = tmp_path / "second" / "data"
    new.parent.mkdir()
    (signed_by,) = lost.glob("signed-by-*.pub")
    env = os.environ | ENVIRONMENT

    started = time.monotonic()
    where = ["--data", str(new), "--from", str(lost), "--signed-by", str(signed_by)]
    restored = run(["backup", "restore", "latest", *where], env)
    assert restored.returncode == 0, restored.stderr
    assert f"{len(CONTENT)} of {len(CONTENT)} files" in restored.stdout
    assert "Clients' access is on hold." in restored.stdout, "it was killed: a revocation may be missing"
    assert run(["backup", "confirm", "--data", str(new)], env).returncode == 0
    second = start_installation(new, settings=ENVIRONMENT)
    try:
        second.wait_until_ready()
        print(f"\nfrom the backups to a catalog that is ready: {time.monotonic() - started:.1f} s")
        walk(second)
    finally:
        second.process.kill()
        second.process.wait()


def walk(place: Installation) -> None:
    """What people do with a catalog: log in, open a demo and see its page, look at a picture, be refused."""
    client = place.login("client@acme.example")
    launch = open_running(client, "customer-portal")
    url = client.post(f"/api/launches/{launch['id']}/enter").json()["url"]
    host, _, path = url.removeprefix("http://").partition("/")
    line = Line(place.edge_port, host)
    entered = line.ask("GET", f"/{path}")
    assert entered.status == 303
    page = line.ask("GET", entered.headers["location"], {"Cookie": entered.headers["set-cookie"].split(";")[0]})
    line.close()
    assert (page.status, b"<html" in page.body.lower()) == (200, True)
    shown = Line(place.port, "localhost")
    picture = shown.ask("GET", f"/{PICTURE}", {"Cookie": f"ecatalog={client.token}"})
    assert (picture.status, picture.body) == (200, CONTENT[PICTURE])
    refused = b'{"email": "client@bolt.example", "password": "ecatalog-demo"}'
    assert shown.ask("POST", "/api/auth/login", {"Content-Type": "application/json"}, refused).status in {401, 403}
    shown.close()
    print(f"a client logged in, opened a demo ({len(page.body)} bytes of its page) and saw its picture")
