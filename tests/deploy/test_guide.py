"""The guide for Kubernetes, typed as it stands there: the real kubectl against a small API server, our scripts, and
stand-ins that only note what they were asked for in place of docker, minikube and kind.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.architecture.code import ROOT
from tests.database.cluster import Cluster, running
from tests.deploy.rendering import container_of, of_kind, workloads
from tests.guides.typing_blocks import add_program, blocks, environment, inline, typed

GUIDE = "docs/guide/install-on-kubernetes.md"
CHECKLISTS, CONTAINERS = "docs/guide/checklists.md", "docs/guide/containers.md"
BLOCKS = blocks(GUIDE)
# What it needs a real cluster for.
LEFT_OUT = ("kubectl port-forward",)
NOTES = 'echo "$(basename "$0") $*" >>"$NOTED"\n'
SAMPLES = 'if [ "$1" = images ]; then echo ecatalog-samples/customers; fi\n'


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running(Cluster()) as listening:
        listening.add_node("node-1")
        for name in ("ingress-nginx", "monitoring"):
            listening.add_namespace(name)
        yield listening


class Typist:
    """Types blocks of the guide in a copy of the project's root, where files of its own may lie."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.noted = folder / "noted"
        self._root = folder / "root"
        self._root.mkdir()
        for each in ("database", "samples", "docs", "pyproject.toml"):
            (self._root / each).symlink_to(ROOT / each)
        shutil.copytree(ROOT / "deploy", self._root / "deploy")  # Overlays are written to.
        programs = folder / "programs"
        for name in ("docker", "minikube", "kind"):
            add_program(programs, name, NOTES + (SAMPLES if name == "docker" else ""))
        config = cluster.kubeconfig(folder)
        self._env = environment(programs, HOME=str(folder), KUBECONFIG=str(config), NOTED=str(self.noted))

    def __call__(self, block: str) -> str:
        lines = [line for line in block.splitlines() if not line.startswith(LEFT_OUT)]
        return typed("\n".join(lines), self._root, self._env)

    def have(self, name: str, text: str) -> None:
        (self._root / name).write_text(text)


@pytest.fixture
def types(cluster: Cluster, tmp_path: Path) -> Typist:
    return Typist(cluster, tmp_path)


def block_with(words: str) -> str:
    (found,) = [each for each in BLOCKS if words in each]
    return found


def prepare(types: Typist) -> str:
    return types(block_with("database/deploy-database.sh --prepare\n"))


def have_certificates(types: Typist) -> None:
    command = (
        "for name in catalog demos; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        "-subj /CN=example -keyout $name.key -out $name.pem 2>/dev/null; done"
    )
    types(command)


def names_of(cluster: Cluster, plural: str) -> set[str]:
    return {path.rsplit("/", 1)[1] for path in cluster.objects if path.split("/")[-2] == plural}


def test_images_are_built_and_loaded(types: Typist) -> None:
    for words in ("build-database.sh", "for sample in", "minikube start", "kind create"):
        types(block_with(words))

    noted = types.noted.read_text()
    for asked in (
        "docker build --tag ltplabs/sqlite-database:latest",
        "docker build --tag ltplabs/ecatalog:latest --file",
        "docker build --tag ecatalog-samples/customers:latest samples/customers/",
        "minikube image load ltplabs/sqlite-database:latest",
        "minikube image load ecatalog-samples/customers:latest",
        "kind load docker-image ecatalog-samples/customers:latest",
    ):
        assert asked in noted


def test_what_has_no_overlay_is_made_once(types: Typist, cluster: Cluster) -> None:
    prepare(types)
    before = {name: cluster.of("secrets", name)["data"] for name in ("ltplabs-database-secret", "ecatalog-tokens")}

    assert set(before["ecatalog-tokens"]) == {"edge", "launcher", "backup"}
    assert all("annotations" not in cluster.of("secrets", name)["metadata"] for name in before)
    assert names_of(cluster, "deployments") == set(), "nothing runs yet"

    told = prepare(types)
    assert "secret/ecatalog-tokens stays as it is" in told
    assert {name: cluster.of("secrets", name)["data"] for name in before} == before


def test_tokens_are_made_anew_when_asked_for(types: Typist, cluster: Cluster) -> None:
    prepare(types)
    before = set(cluster.of("secrets", "ecatalog-tokens")["data"].values())

    types("deploy/k8s/make-tokens.sh --anew")

    after = set(cluster.of("secrets", "ecatalog-tokens")["data"].values())
    assert len(after) == 3
    assert before.isdisjoint(after)


def test_development_comes_up(types: Typist, cluster: Cluster) -> None:
    prepare(types)
    types(block_with("overlays/development"))

    assert names_of(cluster, "deployments") == {
        "ltplabs-database",
        "ecatalog-gateway",
        "ecatalog-edge",
        "ecatalog-launcher",
    }
    assert cluster.of("configmaps", "ltplabs-database-config")["data"]["LOAD_SEED_DATA"] == "true"
    assert names_of(cluster, "ingresses") == set()


def test_production_comes_up_and_a_second_time_changes_nothing(types: Typist, cluster: Cluster) -> None:
    prepare(types)
    have_certificates(types)
    types(block_with("overlays/production\nfor"))
    assert names_of(cluster, "ingresses") == {"ecatalog-gateway", "ecatalog-edge"}
    assert "database-backup" in names_of(cluster, "cronjobs")
    assert cluster.of("namespaces", "ingress-nginx")["metadata"]["labels"]["ecatalog.io/ingress"] == "true"
    before = cluster.of("secrets", "ltplabs-database-secret")["data"]

    again = types("kubectl apply -k deploy/k8s/overlays/production")

    # Of a budget kubectl always says so: it replaces the selector as a whole.
    budget = "poddisruptionbudget.policy/ecatalog-edge configured"
    assert [line for line in again.splitlines() if not line.endswith(" unchanged")] == [budget]
    assert cluster.of("secrets", "ltplabs-database-secret")["data"] == before


def test_everything_else_of_the_guide_is_understood(types: Typist, cluster: Cluster) -> None:
    """In the order of the guide, after production; what it looks at or changes is there by then."""
    prepare(types)
    have_certificates(types)
    types.have("more.env", "ECATALOG_SMTP_PASSWORD=wine-cellar-7\n")
    types(block_with("overlays/production\nfor"))
    done = (block_with("overlays/production\nfor"), block_with("--prepare\n"), block_with("overlays/development"))
    for block in BLOCKS[BLOCKS.index(done[0]) :]:
        if block not in done:
            types(block)

    said = {command for document in (CHECKLISTS, CONTAINERS, GUIDE) for command in inline(document, "kubectl")}
    said -= set("".join(BLOCKS).splitlines())
    # What leaves nothing to look at comes last.
    for command in sorted(said, key=lambda each: ("delete" in each, "scale" in each, each)):
        types(command.replace("…", "doctor"))

    assert names_of(cluster, "namespaces") == {"ingress-nginx", "monitoring"}, "the guide ends with removing it"
    assert ["ecatalog", "backup", "restore", "latest", "--from", "/data/backups"] in cluster.ran
    assert ["ecatalog", "backup", "restore", "--at", "2026-03-10T11:59:00Z", "--from", "/data/backups"] in cluster.ran
    assert ["ecatalog", "doctor"] in cluster.ran


def test_prometheus_finds_each_service_under_the_name_of_its_rules() -> None:
    (said,) = blocks(GUIDE, language="yaml")
    (job,) = yaml.safe_load(said)["scrape_configs"]
    keep, _ = job["relabel_configs"]
    scraped = {
        name
        for name in of_kind("production", "Deployment")
        if keep["regex"] in {port["name"] for port in container_of("production", name)["ports"]}
    }

    assert scraped == {"ecatalog-gateway", "ecatalog-edge", "ecatalog-launcher"}
    labels = {workloads("production")[name]["metadata"]["labels"]["app"] for name in scraped}
    assert labels == scraped


def test_no_block_is_left_untested() -> None:
    told = [each for each in BLOCKS if "port-forward" in each]

    assert len(told) == 1
    assert all(line.startswith(LEFT_OUT) for line in told[0].splitlines())
