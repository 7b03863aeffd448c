"""The client as its own distribution: built, installed alone beside its dependencies, imported whole, and used.

Without a network: the dependencies are those of this environment, file by file, so they are the locked ones.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ecatalog.accounts.actions import create_api_token
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from tests.architecture.code import ROOT
from tests.cast import Cast
from tests.client.served import served

TOKEN = "token-of-the-wheel"

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import ecatalog_client
names = [found.name for found in pkgutil.walk_packages(ecatalog_client.__path__, "ecatalog_client.")]
# What an extra brings is not there.
names.remove("ecatalog_client.metrics")
for name in names:
    importlib.import_module(name)
gateways = [name for name in sys.modules if name.split(".")[0] in ("ecatalog", "ecatalog_edge", "ecatalog_launcher")]
print(json.dumps({"names": names, "gateways": gateways, "file": ecatalog_client.__file__}))
"""
EXAMPLE = """
import sys
from ecatalog_client import Catalog
for url in sys.argv[2:]:
    with Catalog(url, sys.argv[1]) as catalog:
        client = next(iter(catalog.clients.list(company="acme")))
        print(catalog.clients.renew(client.id, days=7, version=client.version).access_end_date)
"""


class Alone:
    """An environment with the client's wheel and what it asks for, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.wheel = _build(folder)
        venv.create(folder / "venv", with_pip=False)
        self._python = folder / "venv" / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(self._python)]
        subprocess.run([*pip, "install", "--no-index", "--no-deps", str(self.wheel)], check=True)
        [site] = (folder / "venv" / "lib").glob("python*/site-packages")
        [info] = site.glob("ecatalog_client-*.dist-info")
        self.asked_for = _names_of(Distribution.at(info))
        self.brought = _closure(self.asked_for)
        for name in self.brought:
            _copy(distribution(name), site)

    def run(self, program: str, *arguments: str) -> str:
        command = [str(self._python), "-I", "-W", "error", "-c", program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.wheel.parent, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    return Alone(tmp_path_factory.mktemp("wheel"))


def test_every_module_is_imported_without_the_gateway(alone: Alone) -> None:
    told = json.loads(alone.run(IMPORT_ALL))

    sources = (ROOT / "packages/ecatalog-client/src/ecatalog_client").rglob("*.py")
    # Without the package itself, and what needs an extra.
    assert len(told["names"]) == len(list(sources)) - 2
    assert str(alone.wheel.parent) in told["file"]
    assert told["gateways"] == []


def test_it_asks_for_no_dependency_of_the_gateway(alone: Alone) -> None:
    assert alone.asked_for == {"aiohttp", "grpcio", "grpcio-health-checking", "msgspec", "protobuf", "structlog"}
    gateways = {"apsw", "argon2-cffi", "cryptography", "jinja2", "starlette", "typer", "uvicorn", "uvloop"}
    assert not gateways & alone.brought


async def test_an_example_runs_over_both_transports(alone: Alone, gateway: Gateway, people: Cast) -> None:
    await gateway.db.write(create_api_token, SYSTEM, "wheel", ["clients:write"], TOKEN)
    async with served(gateway) as at:
        said = await asyncio.to_thread(alone.run, EXAMPLE, TOKEN, at.url, at.grpc_url)

    assert said.split() == ["2026-04-07", "2026-04-14"]


def _build(folder: Path) -> Path:
    # A copy, so that a build leaves nothing in the sources.
    source = shutil.copytree(ROOT / "packages/ecatalog-client", folder / "source")
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True, env=_without_paths())
    [wheel] = folder.glob("*.whl")
    return wheel


def _without_paths() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _closure(names: set[str]) -> set[str]:
    """These distributions, and what they ask for in turn."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        found.add(name)
        left |= _names_of(distribution(name)) - found
    return found


def _names_of(asking: Distribution) -> set[str]:
    """What it asks for on this machine, without extras."""
    asked = [Requirement(each) for each in asking.requires or []]
    return {each.name.lower() for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})}


def _copy(from_here: Distribution, site: Path) -> None:
    for file in from_here.files or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)
