"""The scripts of database/ as operators type them: what they say, refuse, and do to a cluster, by the real kubectl."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.code import ROOT
from tests.database.cluster import Cluster, running

FOLDER = ROOT / "database"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.sh") if path.name not in ("needs.sh", "gateway.sh"))
HEALTHY = ["/scripts/healthcheck.sh"]


def type_in(script: str, *words: str, path: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs it from its folder, with kubectl of our requirements; nothing else of this machine's cluster is seen."""
    env = {"PATH": path or f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nonexistent"} | env
    return subprocess.run(
        [f"./{script}", *words], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False, env=env
    )


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with a shell and what every system has, and neither Docker nor kubectl."""
    for name in ("bash", "env", "basename", "dirname", "cat", "head", "sed", "git"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    return str(tmp_path)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running(Cluster()) as listening:
        listening.add_node("node-1")
        yield listening


@pytest.fixture
def config(cluster: Cluster, tmp_path: Path) -> str:
    return str(cluster.kubeconfig(tmp_path))


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_says_what_it_does(script: str) -> None:
    told = type_in(script, "--help")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"Usage: {script}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_refuses_what_it_does_not_know(script: str) -> None:
    told = type_in(script, "--bogus")

    assert told.returncode == 2
    assert f"Usage: {script}" in told.stderr


@pytest.mark.parametrize("script", ["build-database.sh", "test-database.sh"])
def test_without_docker_it_is_said_what_to_install(script: str, bare_path: str) -> None:
    told = type_in(script, path=bare_path)

    assert told.returncode == 78
    assert (
        told.stderr == f"{script}: Docker is missing. Install it (Debian: apt-get install docker.io), then try again.\n"
    )


@pytest.mark.parametrize("script", ["build-database.sh", "test-database.sh"])
def test_an_engine_that_does_not_answer_is_told(script: str, bare_path: str) -> None:
    docker = Path(bare_path) / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon.' >&2\nexit 1\n")
    docker.chmod(0o755)
    told = type_in(script, path=bare_path)

    assert told.returncode == 78
    assert "No Docker engine answers. Start one, or name it in DOCKER_HOST." in told.stderr
    assert "Cannot connect to the Docker daemon." in told.stderr


@pytest.mark.parametrize("script", ["deploy-database.sh", "backup-database.sh"])
def test_without_kubectl_it_is_said_what_to_install(script: str, bare_path: str) -> None:
    told = type_in(script, path=bare_path)

    assert told.returncode == 78
    assert f"{script}: kubectl is missing." in told.stderr


@pytest.mark.parametrize("script", ["deploy-database.sh", "backup-database.sh"])
def test_a_cluster_that_does_not_answer_is_told(script: str, tmp_path: Path) -> None:
    told = type_in(script, KUBECONFIG=str(Cluster(port=9).kubeconfig(tmp_path)))

    assert told.returncode == 78
    assert "No cluster answers. Start one, or choose another with kubectl config use-context." in told.stderr


# Deploying ----------------------------------------------------------------------------------------------------------


def test_everything_is_created_and_its_health_verified(cluster: Cluster, config: str) -> None:
    told = type_in("deploy-database.sh", KUBECONFIG=config)

    assert (told.returncode, told.stderr) == (0, "")
    assert "The database is deployed and healthy." in told.stdout
    assert cluster.ran == [HEALTHY]
    made = {path.split("/")[-2] + "/" + path.split("/")[-1] for path in cluster.objects}
    assert made == {
        "nodes/node-1",
        "persistentvolumes/sqlite-pv",
        "persistentvolumeclaims/sqlite-pvc",
        "configmaps/ltplabs-database-config",
        "secrets/ltplabs-database-secret",
        "deployments/ltplabs-database",
        "pods/ltplabs-database-0",
        "services/ltplabs-database-service",
    }


def test_the_secrets_are_random_and_in_no_command_line_or_annotation(cluster: Cluster, config: str) -> None:
    type_in("deploy-database.sh", KUBECONFIG=config)

    secret = cluster.of("secrets", "ltplabs-database-secret")
    values = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert set(values) == {"ENCRYPTION_KEY", "JWT_SECRET", "BACKUP_PASSWORD"}
    assert len(set(values.values())) == 3
    assert all(len(value) == 43 for value in values.values()), "256 bits as text"
    assert "annotations" not in secret["metadata"]


def test_a_second_time_changes_nothing(cluster: Cluster, config: str) -> None:
    type_in("deploy-database.sh", KUBECONFIG=config)
    secret = dict(cluster.of("secrets", "ltplabs-database-secret")["data"])

    told = type_in("deploy-database.sh", KUBECONFIG=config)

    assert told.returncode == 0
    assert "created" not in told.stdout
    assert "configured" not in told.stdout
    assert cluster.of("secrets", "ltplabs-database-secret")["data"] == secret


def test_the_secret_of_the_project_is_never_kept(cluster: Cluster, config: str) -> None:
    subprocess.run(
        [Path(sys.executable).parent / "kubectl", "apply", "-f", "k8s-secret.yaml"],
        cwd=FOLDER,
        check=True,
        capture_output=True,
        env={"KUBECONFIG": config, "HOME": "/nonexistent"},
    )

    told = type_in("deploy-database.sh", KUBECONFIG=config)

    assert "which everybody knows: it gets new values." in told.stderr
    values = cluster.of("secrets", "ltplabs-database-secret")["data"].values()
    assert base64.b64encode(b"change-me").decode() not in values


def test_with_several_nodes_one_is_to_be_named(cluster: Cluster, config: str) -> None:
    cluster.add_node("node-2")

    told = type_in("deploy-database.sh", KUBECONFIG=config)
    assert told.returncode == 78
    assert "Say whose disk holds the database with --node: node-1, node-2" in told.stderr
    assert not any(call.startswith(("POST", "PATCH")) for call in cluster.calls)

    assert type_in("deploy-database.sh", "--node", "node-2", KUBECONFIG=config).returncode == 0
    affinity = cluster.of("persistentvolumes", "sqlite-pv")["spec"]["nodeAffinity"]
    assert affinity["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] == ["node-2"]

    told = type_in("deploy-database.sh", "--node", "node-1", KUBECONFIG=config)
    assert told.returncode == 78
    assert "The database is on the node node-2" in told.stderr
    assert type_in("deploy-database.sh", KUBECONFIG=config).returncode == 0


def test_where_no_pod_may_run_as_root_the_operator_is_told_what_to_type(cluster: Cluster, config: str) -> None:
    cluster.forbidden = '"runAsUser": 0'

    told = type_in("deploy-database.sh", KUBECONFIG=config)

    assert told.returncode == 0
    assert "sudo install -d -o 10001 -g 10001 -m 0750 /mnt/data/ltplabs/database" in told.stderr


def test_a_pod_that_does_not_get_ready_is_shown(cluster: Cluster, config: str) -> None:
    cluster.pods_start = False

    told = type_in("deploy-database.sh", "--timeout", "1", KUBECONFIG=config)

    assert told.returncode == 1
    assert "The database did not become ready within 1 s." in told.stderr


def test_a_database_that_is_not_healthy_is_a_failure(cluster: Cluster, config: str) -> None:
    cluster.run = lambda command: (1, "The disk is full.\n")

    told = type_in("deploy-database.sh", KUBECONFIG=config)

    assert told.returncode == 1
    assert "The disk is full." in told.stdout


def test_preparing_makes_what_the_rest_stands_on_and_runs_nothing(cluster: Cluster, config: str) -> None:
    told = type_in("deploy-database.sh", "--prepare", KUBECONFIG=config)

    assert (told.returncode, told.stderr) == (0, "")
    assert "Volume, claim and secret are there." in told.stdout
    made = {path.split("/")[-2] for path in cluster.objects}
    assert made == {"nodes", "persistentvolumes", "persistentvolumeclaims", "secrets"}


def test_where_the_namespace_is_restricted_nobody_waits_for_a_pod_that_never_comes(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.add_namespace("ecatalog", **{"pod-security.kubernetes.io/enforce": "restricted"})

    told = type_in("deploy-database.sh", "--prepare", KUBECONFIG=str(cluster.kubeconfig(tmp_path, "ecatalog")))

    assert told.returncode == 0
    assert "sudo install -d -o 10001 -g 10001 -m 0750 /mnt/data/ltplabs/database" in told.stderr
    assert not [call for call in cluster.calls if call.startswith("POST") and call.endswith("/jobs")]


# Backups ------------------------------------------------------------------------------------------------------------


def test_a_backup_is_made_in_the_pod_and_said_where(cluster: Cluster, config: str) -> None:
    cluster.add_pod("ltplabs-database-7d", {"app": "ltplabs-database"})
    cluster.run = lambda command: (0, "It is in /data/backups/one.\n")

    told = type_in("backup-database.sh", KUBECONFIG=config)

    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        "It is in /data/backups/one.",
        "The backup was made in pod/ltplabs-database-7d.",
    ]
    assert cluster.ran == [["/bin/bash", "/scripts/backup.sh"]]


def test_a_backup_that_failed_is_a_failure(cluster: Cluster, config: str) -> None:
    cluster.add_pod("ltplabs-database-7d", {"app": "ltplabs-database"})
    cluster.run = lambda command: (1, "There is no room.\n")

    told = type_in("backup-database.sh", KUBECONFIG=config)

    assert told.returncode == 1
    assert "The backup was made" not in told.stdout


def test_without_a_database_there_is_no_backup(config: str) -> None:
    told = type_in("backup-database.sh", KUBECONFIG=config)

    assert told.returncode == 78
    assert "No pod of the database runs. Deploy it: database/deploy-database.sh" in told.stderr
