"""The database image on a real engine: built and tried by its own scripts, and safe beside a gateway on one volume."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.code import ROOT
from tests.database.cluster import Cluster, running
from tests.guides.typing_blocks import blocks, environment, filled_in, in_bash, inline, typed
from tests.launcher.engine import BASE, BUILDER, HOST, docker, new_installation

pytestmark = pytest.mark.proof

TROUBLESHOOTING = "docs/guide/troubleshooting.md"
BUSY, PENDING, NOT_FOUND, DENIED, DEBUGGING = blocks(TROUBLESHOOTING)
MAKING, LOOKING = blocks("database/README.md")
POD = "ltplabs-database-0"
IMAGE = "ltplabs/sqlite-database:latest"
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
# With a file in it: the engine gives an empty volume the owner that the image has.
ROOTS = ("sh", "-c", "touch /data/lost && chown 0:0 /data")
COUNT_USERS = "SELECT COUNT(*) FROM users;"


def script(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Of the folder database/, typed there."""
    return subprocess.run(
        [f"./{name}", *words],
        cwd=ROOT / "database",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "DOCKER_HOST": HOST, "DOCKER_BUILDKIT": "0"},
    )


@dataclass(frozen=True)
class Pod:
    """The container behind every pod, the cluster that knows of it, and what kubectl reads to find that."""

    container: str
    cluster: Cluster
    env: dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def image() -> str:
    built = script("build-database.sh", "--base", BASE, "--builder", BUILDER)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return IMAGE


@pytest.fixture
def volume() -> Iterator[str]:
    """A named one, with no file in it."""
    name = new_installation()
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", name)


@contextmanager
def container(volume: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """One of the image with that volume, locked in as in a pod."""
    set_up = ("--volume", f"{volume}:/data", "--env", "BACKUP_PASSWORD=opens-what-this-proof-backs-up")
    name = docker("run", "--detach", *LOCKED, *set_up, *options, IMAGE, *command)
    try:
        yield name
    finally:
        docker("rm", "--force", name)


def until_healthy(name: str, check: tuple[str, ...] = ("/scripts/healthcheck.sh",)) -> None:
    for _ in range(300):
        try:
            docker("exec", name, *check)
            return
        except subprocess.CalledProcessError:
            time.sleep(0.1)
    raise AssertionError(docker("logs", name))


def refused(*words: str) -> str:
    """What a command says that fails."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        docker(*words)
    return str(caught.value.stderr)


def run_once(volume: str, *command: str) -> str:
    return docker("run", "--rm", *LOCKED, "--volume", f"{volume}:/data", IMAGE, *command)


def test_its_own_tests_all_pass() -> None:
    tested = script("test-database.sh", "--all")

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "All tests passed." in tested.stdout
    assert tested.stdout.count("\nok  ") >= 20


def test_one_that_is_missing_is_told_how_to_build() -> None:
    told = script("test-database.sh", "--all", "--image", "ltplabs/nothing:none")

    assert told.returncode == 78
    assert "There is no image ltplabs/nothing:none. Build it: database/build-database.sh" in told.stderr


def test_the_image_says_what_it_is_and_what_is_in_it() -> None:
    shown = json.loads(docker("image", "inspect", IMAGE))[0]["Config"]
    listed = json.loads(docker("run", "--rm", IMAGE, "cat", "/opt/ecatalog/sbom.cdx.json"))

    assert shown["User"] == "10001:10001"
    assert shown["Healthcheck"]["Test"] == ["CMD", "/scripts/healthcheck.sh"]
    assert shown["Labels"]["org.opencontainers.image.version"] == "0.1.0"
    assert listed["bomFormat"] == "CycloneDX"
    assert {"apsw", "msgspec", "uvicorn"} <= {each["name"] for each in listed["components"]}


def test_a_question_is_answered_by_docker_run(volume: str) -> None:
    docker("run", "--rm", "--env", "LOAD_SEED_DATA=true", "--volume", f"{volume}:/data", IMAGE, "/scripts/init-db.sh")

    assert run_once(volume, "sqlite3", "/data/ltplabs.db", COUNT_USERS) == "3"
    version = run_once(volume, "sqlite3", "-version")
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)


def test_it_ends_in_order_and_its_health_follows_the_file(volume: str) -> None:
    ask = "import urllib.request as web; print(web.urlopen('http://127.0.0.1:8080/').status)"
    with container(volume) as name:
        until_healthy(name, ("python", "-c", ask))
        docker("exec", name, "mv", "/data/ltplabs.db", "/data/away.db")
        assert "503" in refused("exec", name, "python", "-c", ask)
        assert "There is no database at /data/ltplabs.db." in refused("exec", name, "/scripts/healthcheck.sh")
        docker("stop", "--time", "10", name)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name) == "0"


def test_a_volume_that_is_not_its_own_is_told(volume: str) -> None:
    docker("run", "--rm", "--user", "0:0", "--volume", f"{volume}:/data", IMAGE, *ROOTS)

    assert "The data directory /data is not writable." in refused(
        *("run", "--rm", *LOCKED, "--volume", f"{volume}:/data", IMAGE)
    )


def test_beside_a_gateway_the_database_pod_only_reads(volume: str) -> None:
    """Two containers on one volume: who opens the file, and what the other may still do."""
    live = ("python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:9100/readyz')")
    with container(volume) as database:
        until_healthy(database)
        with container(volume, "ecatalog", "gateway") as gateway:
            until_healthy(gateway, live)
            until_healthy(database)
            assert "Nothing was changed." in docker("exec", database, "/scripts/init-db.sh")
            assert docker("exec", database, "sqlite3", "/data/ltplabs.db", COUNT_USERS) == "0"
            told = refused("exec", database, "sqlite3", "/data/ltplabs.db", "DELETE FROM users")
            assert "it alone writes to this database: this shell only reads" in told
            assert "/data/backups, tested." in docker("exec", database, "/bin/bash", "/scripts/backup.sh")
            with container(volume, "ecatalog", "gateway") as second:
                assert docker("wait", second) == "78"
                log = subprocess.run(["docker", "-H", HOST, "logs", second], capture_output=True, text=True, check=True)
                assert "already writes to /data" in log.stderr
            docker("exec", gateway, *live)
            docker("restart", "--time", "10", database)
            until_healthy(database)
            docker("exec", gateway, *live)
        docker("exec", database, "sqlite3", "/data/ltplabs.db", "DELETE FROM users")


@pytest.fixture
def pod(volume: str, tmp_path: Path) -> Iterator[Pod]:
    """A container of the real image is every pod of a small API server, which the real kubectl asks."""
    with container(volume) as name, running(Cluster()) as cluster:
        until_healthy(name)
        cluster.run = lambda command: executed(name, command)
        cluster.log = logged(name)
        cluster.add_node("node-1")
        tools = {"DOCKER_HOST": HOST, "DOCKER_BUILDKIT": "0", "BASE": BASE, "BUILDER": BUILDER}
        env = environment(KUBECONFIG=str(cluster.kubeconfig(tmp_path)), HOME=str(tmp_path), **tools)
        typed("kubectl apply -f deploy/k8s/base/catalog/gateway.yaml", ROOT, env)
        yield Pod(name, cluster, env)


def test_what_the_readme_says_is_typed_in_its_folder(pod: Pod, tmp_path: Path) -> None:
    """In a clone of the last commit, since it changes the modes of files; somebody tries each of the menu meanwhile."""
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)

    told = typed(MAKING, tmp_path / "clone/database", pod.env, given=f"1\n3\n4\n5\nwhat\n2\n{COUNT_USERS}\n")
    for sentence in (
        "Built ltplabs/sqlite-database",
        "1 queries",
        "\n3\n",
        "is healthy",
        "/data/backups, tested.",
        "keeper.ready",
        "Choose a number, or q.",
        "is deployed and healthy.",
        "was made in pod/",
    ):
        assert sentence in told

    seen = typed(filled_in(LOOKING, {"<pod-name>": POD}), tmp_path, pod.env)
    for word in (POD, "sqlite-pvc", "ltplabs-database-service", "is healthy", "\n0\n", "was created."):
        assert word in seen


def test_what_troubleshooting_says_of_pods_is_typed(pod: Pod, volume: str, tmp_path: Path) -> None:
    """Each line where its comment says; `on one machine` is typed in the proof of a running catalog."""
    typed("database/deploy-database.sh", ROOT, pod.env)
    pod.cluster.of("persistentvolumes", "sqlite-pv")["spec"]["claimRef"] = {"name": "sqlite-pvc"}
    address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", pod.container)
    (tmp_path / ".curlrc").write_text(f'resolve = "ltplabs-database-service:8080:{address}"\nsilent\n')

    told = ""
    for line in f"{PENDING}{NOT_FOUND}{DEBUGGING}".splitlines():
        if line.endswith("# on the node"):
            told += on_the_node(volume, line)
        elif "# on one machine" not in line:
            told += typed(line.replace("<pod-name>", POD), tmp_path, pod.env)
    for command in inline(TROUBLESHOOTING, "kubectl"):
        told += typed(command.replace("<pod-name>", POD), tmp_path, pod.env)

    for word in (
        "sqlite-pv",
        "Ready",
        "ltplabs.db",
        "was created.",
        "\n4096\n",
        "40Mi",
        '"schema_version"',
        '"status"',
    ):
        assert word in told, told
    assert "claimRef" not in pod.cluster.of("persistentvolumes", "sqlite-pv")["spec"]


def test_what_troubleshooting_says_of_the_file_is_typed_in_the_pod(pod: Pod) -> None:
    assert docker("exec", pod.container, *in_bash(BUSY)).splitlines() == ["wal", "10000"]


def test_what_troubleshooting_says_of_rights_is_typed_on_the_node(volume: str) -> None:
    run_once(volume, "/scripts/init-db.sh")
    docker("run", "--rm", "--user", "0:0", "--volume", f"{volume}:/data", IMAGE, *ROOTS)

    (giving,) = inline("docs/guide/install-on-kubernetes.md", "sudo")
    on_the_node(volume, giving)
    assert "root" in on_the_node(volume, DENIED)

    again = on_the_node(volume, DENIED)
    assert "10001" in again
    assert "root" not in again.replace("..", "").splitlines()[1]
    assert "Nothing was changed." in run_once(volume, "/scripts/init-db.sh")


def on_the_node(volume: str, lines: str) -> str:
    """As root, where the directory of the database is; the image has no sudo."""
    where = ("--user", "0:0", "--volume", f"{volume}:/mnt/data/ltplabs/database")
    typing = f'sudo() {{ "$@"; }}\n{lines}'
    return docker("run", "--rm", *where, IMAGE, *in_bash(typing))


def logged(name: str) -> str:
    told = subprocess.run(["docker", "-H", HOST, "logs", name], capture_output=True, text=True, check=True)
    return told.stdout + told.stderr


def executed(name: str, command: list[str]) -> tuple[int, str]:
    told = subprocess.run(["docker", "-H", HOST, "exec", name, *command], capture_output=True, text=True, check=False)
    return told.returncode, told.stdout + told.stderr
