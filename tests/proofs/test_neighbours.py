"""The two services of docs/guide/neighbours.md, as they stand there, towards a gateway: both tell who lost access."""

import os
import re
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
from tests.proofs.hosted import Hosted, hosted_gateway

pytestmark = pytest.mark.proof

GUIDE = (ROOT / "docs/guide/neighbours.md").read_text()
TOKEN = "token-of-a-neighbour"


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    with hosted_gateway(tmp_path / "data") as gateway:
        gateway.write(create_api_token, SYSTEM, "neighbour", ["clients:read"], TOKEN)
        yield gateway


def block(language: str) -> str:
    """The one block of code in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_service_in_python_tells_who_lost_access(hosted: Hosted, tmp_path: Path) -> None:
    service = tmp_path / "service.py"
    service.write_text(block("python"))

    with running([sys.executable, str(service)], {"ECATALOG_URL": hosted.url}) as lines:
        assert next(lines).startswith("following from")
        revoke_somebody(hosted)
        assert next(lines) == "Nora New has lost access: over"


def test_the_service_in_node_tells_who_lost_access(hosted: Hosted, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    shutil.copytree(ROOT / "docs/guide/node", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
    service = folder / "service.mjs"
    service.write_text(block("js"))
    place = {"ECATALOG_GRPC": f"127.0.0.1:{hosted.gateway.grpc_port}", "PROTO": str(ROOT / "proto/ecatalog/v1")}

    with running(["node", str(service)], place) as lines:
        assert next(lines).startswith("following from")
        revoke_somebody(hosted)
        assert next(line for line in lines if not line.startswith("following")) == "Nora New has lost access: over"


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
