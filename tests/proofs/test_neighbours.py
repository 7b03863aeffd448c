"""The two services of docs/guide/neighbours.md, as they stand there, towards a gateway: both tell who lost access."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecatalog.access.actions import revoke_client
from ecatalog.accounts.actions import create_api_token
from ecatalog.clients.actions import create_client
from ecatalog.kit.actor import SYSTEM
from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, environment, filled_in, typed_at_a_terminal
from tests.proofs.hosted import Hosted, hosted_gateway
from tests.proofs.installation import PASSWORD

pytestmark = pytest.mark.proof

GUIDE = "docs/guide/neighbours.md"
(MAKING_A_TOKEN,) = blocks(GUIDE)
(PYTHON,) = blocks(GUIDE, language="python")
(NODE,) = blocks(GUIDE, language="js")
TOKEN = "token-of-a-neighbour"


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    with hosted_gateway(tmp_path / "data") as gateway:
        gateway.write(create_api_token, SYSTEM, "neighbour", ["clients:read"], TOKEN)
        yield gateway


def test_the_service_in_python_tells_who_lost_access(hosted: Hosted, tmp_path: Path) -> None:
    service = tmp_path / "service.py"
    service.write_text(PYTHON)

    with running([sys.executable, str(service)], {"ECATALOG_URL": hosted.url}) as lines:
        assert next(lines).startswith("following from")
        revoke_somebody(hosted)
        assert next(lines) == "Nora New has lost access: over"


def test_the_service_in_node_tells_who_lost_access(hosted: Hosted, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    shutil.copytree(ROOT / "docs/guide/node", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
    service = folder / "service.mjs"
    service.write_text(NODE)
    place = {"ECATALOG_GRPC": f"127.0.0.1:{hosted.gateway.grpc_port}", "PROTO": str(ROOT / "proto/ecatalog/v1")}

    with running(["node", str(service)], place) as lines:
        assert next(lines).startswith("following from")
        revoke_somebody(hosted)
        assert next(line for line in lines if not line.startswith("following")) == "Nora New has lost access: over"


def test_an_administrator_makes_a_token_for_it(hosted: Hosted, tmp_path: Path) -> None:
    typing = filled_in(MAKING_A_TOKEN, {"http://localhost:8080": hosted.url})

    said = typed_at_a_terminal(typing, tmp_path, environment(HOME=str(tmp_path)), {"Password: ": PASSWORD})

    assert "my service" in said
    assert "clients:read" in said


def test_the_lock_names_no_registry() -> None:
    lock = (ROOT / "docs/guide/node/package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 10


@contextmanager
def running(command: list[str], more: dict[str, str]) -> Iterator[Iterator[str]]:
    """The lines that the service says, which is gone after the block."""
    env = os.environ | {"ECATALOG_TOKEN": TOKEN} | more
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield (line.rstrip("\n") for line in process.stdout)
        finally:
            process.kill()


def revoke_somebody(hosted: Hosted) -> None:
    client = hosted.write(
        create_client,
        SYSTEM,
        name="Nora New",
        email="nora@new.test",
        company="New",
        access_start_date="2026-01-01",
        access_end_date="2099-01-01",
    )
    hosted.write(revoke_client, SYSTEM, client.id, "over")
