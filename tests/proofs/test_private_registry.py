"""Images of a registry with a login: fetched with progress, refused in words without it, and told by their digest."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from ecatalog_client.types.containers import Container, RegistryLogin
from ecatalog_launcher.drivers.contract import CannotStart, Home, Spec
from ecatalog_launcher.drivers.docker import DockerDriver
from tests.launcher.copies import ANSWERS, until_ready
from tests.launcher.engine import HOST, cleared, docker_driver, new_installation
from tests.proofs.belongings import installation_of
from tests.proofs.installation import Installation, Person, start_installation
from tests.proofs.raw import Line
from tests.proofs.registry import PASSWORD, USERNAME, Registry, private_registry

pytestmark = pytest.mark.proof

SETTINGS = {
    "ECATALOG_LAUNCHER_DRIVER": "docker",
    "ECATALOG_LAUNCHER_CAPACITY": "2",
    "ECATALOG_LAUNCHER_MEMORY_MB": "1024",
    "ECATALOG_DEMO_SUBNET": "10.216.0.0/16",
    "DOCKER_HOST": HOST,
    "ENCRYPTION_KEY": "protects-the-login-of-that-registry",
}


@pytest.fixture(scope="module")
def private() -> Iterator[tuple[Registry, str]]:
    """The registry, and the digest of the image `demo` in it."""
    with private_registry() as registry:
        yield registry, registry.push("demo", ANSWERS)
        registry.forget("demo")


@pytest.fixture
def registry(private: tuple[Registry, str]) -> Registry:
    """The engine does not have the image yet."""
    private[0].forget("demo")
    return private[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    installation = start_installation(tmp_path / "data", settings=SETTINGS)
    try:
        installation.wait_until_ready()
        with cleared(installation_of(installation.data)):
            yield installation
            assert installation.stop() == 0
    finally:
        installation.process.kill()
        installation.process.wait()


def followed(place: Installation, person: Person, demo: str) -> list[dict[str, Any]]:
    """Opens the demo; every face of its launch until it runs or has failed."""
    launch = person.post(f"/api/demos/{demo}/open").json()
    with closing(Line(place.port, "localhost")) as line:
        told = line.ask("GET", f"/api/launches/{launch['id']}/events", {"Authorization": f"Bearer {person.token}"})
    lines = told.body.decode().splitlines()
    return [json.loads(each.removeprefix("data: ")) for each in lines if each.startswith("data: ")]


def test_a_demo_of_a_private_registry_runs_once_the_catalog_has_its_login(
    place: Installation, registry: Registry, private: tuple[Registry, str]
) -> None:
    admin = place.login("admin@ecatalog.example")
    image = admin.post("/api/docker-images", {"image_name": "demo", "registry_url": registry.url}).json()["id"]
    new = {"name": "Private", "docker_image_id": image, "status": "active", "force": True}
    demo = admin.post("/api/demos", new).json()["id"]

    refused = followed(place, admin, demo)[-1]
    assert refused["state"] == "failed"
    assert refused["reason"].startswith(f"The image {registry.reference('demo')} could not be fetched: ")
    assert "basic auth" in refused["reason"]

    login = {"registry_url": registry.url, "username": USERNAME, "password": PASSWORD}
    kept = admin.post("/api/registries", login)
    assert kept.status == 201
    assert PASSWORD not in kept.body.decode() + admin.get("/api/registries").body.decode()

    faces = followed(place, admin, demo)
    percents = [face["progress"] for face in faces if face["phase"] == "pulling"]
    assert faces[-1]["state"] == "running", faces[-1]
    assert max(percents) > 0
    assert percents == sorted(percents)

    audit = admin.get("/api/audit?kind=launch.moved").json()["items"]
    assert [fact["details"]["digests"] for fact in audit if "digests" in fact["details"]] == [[private[1]]]
    log = place.data.with_name(f"{place.data.name}.log").read_bytes()
    assert PASSWORD.encode() not in b"".join([log, *(each.read_bytes() for each in place.data.glob("ltplabs.db*"))])
    print(f"told {percents} percent on the way")


# The driver alone -------------------------------------------------------------------------------------------------


class Asked:
    """Who keeps the logins: what it was asked for, and what it answers."""

    def __init__(self, password: str) -> None:
        self.questions: list[tuple[str, str]] = []
        self._password = password

    async def __call__(self, launch_id: str, registry_url: str) -> RegistryLogin | None:
        self.questions.append((launch_id, registry_url))
        return RegistryLogin(registry_url=registry_url, username=USERNAME, password=self._password)


@asynccontextmanager
async def driver_that_asks(asked: Asked) -> AsyncIterator[DockerDriver]:
    made = docker_driver()
    with cleared(new_installation()) as installation:
        await made.open(Home(installation=installation, login=asked))
        yield made
        for instance in await made.list():
            await made.stop(instance.launch_id, 0)
        await made.close()


def copy_of(registry: Registry, launch_id: str = "one") -> Spec:
    image = Container(name="demo", image=registry.reference("demo"))
    return Spec(launch_id=launch_id, attempt=1, containers=(image,), port=8000)


async def test_the_login_is_asked_for_at_each_pull_and_only_then(private: tuple[Registry, str]) -> None:
    registry, digest = private
    registry.forget("demo")
    told: list[tuple[str, int]] = []

    async def tell(phase: str, percent: int) -> None:
        told.append((phase, percent))

    asked = Asked(PASSWORD)
    async with driver_that_asks(asked) as driver:
        await driver.start(copy_of(registry), tell)
        assert (await until_ready(driver)).digests == (digest,)
        await driver.stop("one", 0)
        await driver.start(copy_of(registry, "two"))
        assert asked.questions == [("one", registry.url)], "the engine had it"
        await driver.stop("two", 0)
        registry.forget("demo")
        await driver.start(copy_of(registry, "three"))
    assert asked.questions == [("one", registry.url), ("three", registry.url)]
    assert (told[0], told[-1]) == (("pulling", 0), ("creating", 0))
    assert max(percent for phase, percent in told if phase == "pulling") > 0


async def test_an_image_that_several_launches_wait_for_is_fetched_once(registry: Registry) -> None:
    asked = Asked(PASSWORD)
    async with driver_that_asks(asked) as driver:
        await asyncio.gather(*(driver.start(copy_of(registry, name)) for name in ("one", "two", "three")))
        assert len(await driver.list()) == 3
    assert len(asked.questions) == 1


async def test_a_wrong_login_is_refused_in_words(registry: Registry) -> None:
    async with driver_that_asks(Asked("wrong")) as driver:
        with pytest.raises(CannotStart, match=r"could not be fetched: .*(unauthorized|authentication)"):
            await driver.start(copy_of(registry))
        assert await driver.list() == []
