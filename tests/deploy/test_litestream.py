"""Litestream beside the catalog, where it is wanted: one file says how, and three worlds start it, locked in."""

import re
import subprocess
from contextlib import closing
from itertools import product
from pathlib import Path

import apsw
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from ecatalog.settings import Settings
from tests.architecture.code import ROOT
from tests.deploy import test_compose_file, test_manifests, test_network
from tests.deploy.policies import Object, lets_through
from tests.deploy.rendering import (
    KUBECTL,
    KUBERNETES,
    container_of,
    environment,
    of_kind,
    rendered,
    settings_of,
    workloads,
)
from tests.deploy.test_manifests import secrets as secrets

OVERLAYS = ("development+litestream", "staging+litestream", "production+litestream")
CONFIG = (ROOT / "deploy/litestream.yml").read_text()
LITESTREAM = test_compose_file.SERVICES["litestream"]
# Beside what is so without it: whom Litestream reaches and who reaches it.
MORE = """
prometheus  litestream    9100
litestream  private       443
litestream  internet      443
litestream  internet-6    443
litestream  names         53
litestream  names-of-node 53
database    private       443
database    internet      443
database    internet-6    443
"""


def needed() -> set[str]:
    """The variables that the configuration asks for."""
    lines = [line for line in CONFIG.splitlines() if not line.startswith("#")]
    return set(re.findall(r"\$\{(\w+)\}", "\n".join(lines)))


def test_the_images_have_it_with_its_configuration_where_it_looks() -> None:
    assert "COPY deploy/litestream.yml /etc/\n" in (ROOT / "deploy/Dockerfile").read_text()
    assert "-r requirements/litestream.lock" in (ROOT / "scripts/install_in_image.sh").read_text()
    lock = (ROOT / "requirements/litestream.lock").read_text()
    assert lock in (ROOT / "requirements/dev.lock").read_text(), "tests run the version that ships"


def test_litestream_itself_takes_the_configuration(tmp_path: Path) -> None:
    """On one machine, where nobody says on which address to answer."""
    with closing(apsw.Connection(str(tmp_path / "ltplabs.db"))) as connection:
        connection.pragma("journal_mode", "wal")
        connection.execute("CREATE TABLE notes (word)")
    told = {"DB_PATH": str(tmp_path / "ltplabs.db"), "ECATALOG_LITESTREAM": f"file://{tmp_path}/replica"}
    words: list[str | Path] = [
        KUBECTL.with_name("litestream"),
        "replicate",
        "-once",
        "-config",
        ROOT / "deploy/litestream.yml",
    ]
    ended = subprocess.run(words, env=told, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list((tmp_path / "replica").rglob("*.ltx"))


# Kubernetes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for each in rendered(overlay):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_only_adds_to_the_overlay(overlay: str) -> None:
    def names(of: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in rendered(of) if each["kind"] != "ConfigMap"}

    assert names(overlay) - names(overlay.partition("+")[0]) == {
        ("Deployment", "ecatalog-litestream"),
        ("PersistentVolumeClaim", "litestream-pvc"),
        ("NetworkPolicy", "ecatalog-litestream"),
        ("NetworkPolicy", "ecatalog-replica"),
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_its_pod_is_as_every_other(overlay: str) -> None:
    test_manifests.test_every_pod_is_locked_in(overlay)
    test_manifests.test_every_container_says_what_it_takes(overlay)
    pod = workloads(overlay)["ecatalog-litestream"]["spec"]
    assert pod["affinity"] == workloads(overlay)["ecatalog-gateway"]["spec"]["affinity"]
    deployment = of_kind(overlay, "Deployment")["ecatalog-litestream"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_has_the_data_and_the_replica_and_is_told_where_they_are(overlay: str, secrets: Path) -> None:
    container = container_of(overlay, "ecatalog-litestream")
    told = environment(overlay, "ecatalog-litestream", secrets)

    assert {each["mountPath"] for each in container["volumeMounts"]} == {"/data", "/replica", "/tmp"}
    assert needed() <= set(told)
    assert told["DB_PATH"] == str(Settings.load(environment(overlay, "ecatalog-gateway", secrets)).database)
    assert told["LITESTREAM_ADDR"] == f":{container['ports'][0]['containerPort']}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_gateway_and_whoever_restores_know_where_the_replica_is(overlay: str, secrets: Path) -> None:
    url = Settings.load(environment(overlay, "ecatalog-gateway", secrets)).litestream
    database = container_of(overlay, "ltplabs-database")
    (asked,) = [each["valueFrom"] for each in database["env"] if each["name"] == "ECATALOG_LITESTREAM"]

    assert url == settings_of(overlay)["ECATALOG_LITESTREAM"] == "file:///replica"
    assert asked["configMapKeyRef"]["name"] in of_kind(overlay, "ConfigMap")
    assert {"name": "replica", "mountPath": "/replica", "readOnly": True} in database["volumeMounts"]
    assert [each for each in database["envFrom"] if "configMapRef" in each], "what it was told before, it still is"


def test_who_reaches_whom_is_as_in_the_table() -> None:
    peers = test_network.PEERS | {"litestream": test_network.ours("ecatalog-litestream")}
    added = {tuple(line.split()[:2]) for line in MORE.strip().splitlines()}

    def reached(overlay: str) -> set[tuple[str, str, int]]:
        policies: tuple[Object, ...] = tuple(each for each in rendered(overlay) if each["kind"] == "NetworkPolicy")
        return {
            (caller, target, port)
            for caller, target, port in product(peers, peers, test_network.PORTS)
            if (caller != target and peers[caller].namespace == "ecatalog") or (caller, target) in added
            if lets_through(policies, peers[caller], peers[target], port)
        }

    by_hand = {(caller, target, int(port)) for caller, target, port in map(str.split, MORE.strip().splitlines())}
    without = {each for each in reached("production") if "litestream" not in each}
    assert reached("production+litestream") - without == by_hand


def test_without_the_component_there_is_none_of_it() -> None:
    assert "litestream" not in str(rendered("production")).lower()


# Compose --------------------------------------------------------------------------------------------------------------


def test_the_service_starts_only_when_it_is_asked_for_and_the_gateway_knows() -> None:
    gateway = test_compose_file.SERVICES["gateway"]["environment"]["ECATALOG_LITESTREAM"]
    profiles = [each for service in test_compose_file.SERVICES.values() for each in service.get("profiles", [])]

    assert profiles == ["litestream"], "the gateway takes any profile for this one"
    assert gateway == f"${{COMPOSE_PROFILES:+{LITESTREAM['environment']['ECATALOG_LITESTREAM']}}}"
    assert needed() <= set(LITESTREAM["environment"])


def test_the_service_has_the_data_and_the_replica_alone() -> None:
    assert LITESTREAM["volumes"] == ["data:/data", "replica:/replica"]
    assert "secrets" not in LITESTREAM
    assert "replica:/replica:ro" in test_compose_file.SERVICES["gateway"]["volumes"]
    for name in (".gitignore", ".dockerignore"):
        assert "deploy/litestream.env" in (ROOT / name).read_text().splitlines()


def test_its_guide_names_the_services_to_stop() -> None:
    assert "docker compose stop gateway\ndocker compose stop litestream\n" in test_compose_file.GUIDE
