"""Every CronJob of the manifests, run as they say in the real image beside a gateway that runs as they say."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.code import ROOT
from tests.deploy.rendering import container_of, environment, of_kind
from tests.launcher.engine import docker, new_installation
from tests.proofs.test_database_image import IMAGE, LOCKED, image, refused, until_healthy

__all__ = ["image"]

pytestmark = pytest.mark.proof

SECRETS = Path("/run/secrets/ecatalog")
WRITE_SECRETS = """
for name in JWT_SECRET ENCRYPTION_KEY BACKUP_PASSWORD edge launcher backup; do
  head -c 32 /dev/urandom | base64 | tr -d '=\\n' >/secrets/$name
done
"""
# Use of a demo by a client, two years ago.
OLD_USE = """
INSERT INTO usage_analytics (client_id, demo_id, event_type, timestamp)
SELECT c.id, d.id, 'demo_opened', strftime('%Y-%m-03T12:00:00.000Z', 'now', '-24 months')
FROM clients c, demos d LIMIT 1;
"""
READY = "import urllib.request as web; web.urlopen('http://127.0.0.1:9100/readyz')"
# What each says when all is well.
SAID = {
    "database-backup": "name           │ ecatalog-",
    "database-check": "/data/ltplabs.db is whole.",
    "backup-test": " is whole: ",
    "error-summary": "0 errors in the last 7 days.",
    "usage-archive": ".jsonl.zst",
    "usage-report": "active seconds",
    "slow-queries": "p99",
    "restore-drill": "It is whole, and was removed again.",
}


class Cluster:
    """A volume with sample data, secrets, and a network in which names are those of services."""

    def __init__(self) -> None:
        self.volume, self.secrets, self.network = (new_installation() for _ in range(3))
        for each in (self.volume, self.secrets):
            docker("volume", "create", each)
        docker("network", "create", self.network)
        docker("run", "--rm", "--user", "0:0", "--volume", f"{self.secrets}:/secrets", IMAGE, "sh", "-c", WRITE_SECRETS)
        data = ("--volume", f"{self.volume}:/data")
        docker("run", "--rm", *LOCKED, *data, "--env", "LOAD_SEED_DATA=true", IMAGE, "/scripts/init-db.sh")
        docker("run", "--rm", *LOCKED, *data, IMAGE, "sqlite3", "/data/ltplabs.db", OLD_USE)

    def remove(self) -> None:
        docker("volume", "rm", self.volume, self.secrets)
        docker("network", "rm", self.network)

    def options(self, name: str) -> list[str]:
        """As the manifest has it: what it is told, and what it mounts."""
        told = environment("development", name, SECRETS)
        variables = [word for each in told.items() for word in ("--env", "=".join(each))]
        mounts = [
            "--volume",
            f"{self.volume}:/data",
            "--volume",
            f"{self.secrets}:{SECRETS}:ro",
            "--tmpfs",
            "/drill:mode=1777",
        ]
        return [*LOCKED, *variables, *mounts, "--network", self.network]

    def run(self, name: str) -> str:
        return docker("run", "--rm", *self.options(name), IMAGE, *container_of("development", name)["command"])

    @contextmanager
    def gateway(self) -> Iterator[None]:
        command = container_of("development", "ecatalog-gateway")["command"]
        alias = ("--network-alias", "ecatalog-gateway")
        name = docker("run", "--detach", *self.options("ecatalog-gateway"), *alias, IMAGE, *command)
        try:
            until_ready(name)
            yield
        finally:
            docker("stop", "--time", "15", name)
            docker("rm", name)


def until_ready(name: str) -> None:
    for _ in range(300):
        if docker("inspect", "--format", "{{.State.Running}}", name) != "true":
            break
        if answers(name):
            return
        time.sleep(0.1)
    raise AssertionError(docker("logs", name))


def answers(name: str) -> bool:
    return docker("exec", name, "sh", "-c", f'python -c "{READY}" 2>/dev/null && echo yes || echo no') == "yes"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.remove()


def test_every_task_does_what_it_is_for(cluster: Cluster) -> None:
    assert set(SAID) == set(of_kind("production", "CronJob"))
    with cluster.gateway():
        for name, words in SAID.items():
            assert words in cluster.run(name), name

    assert "/data/backups, tested." in cluster.run("database-backup"), "nobody answers: from the file"
    assert "There is nothing as old as that." in cluster.run("usage-archive")
    assert "No gateway tells its metrics" in failed(cluster, "slow-queries")
    assert " is whole: " in cluster.run("backup-test")


def test_a_backup_is_restored_in_the_pod_of_the_database_as_the_guide_says(cluster: Cluster) -> None:
    """The pod stays, and goes on looking at its file."""
    with cluster.gateway():
        cluster.run("database-backup")
    database = docker("run", "--detach", *cluster.options("ltplabs-database"), IMAGE)
    try:
        until_healthy(database)
        said = [docker("exec", database, *words) for words in typed_in_the_pod()]
        until_healthy(database)
    finally:
        docker("rm", "--force", database)

    assert "The database is as it was at" in said[0]
    assert said[1] == "/data/ltplabs.db is whole."
    with cluster.gateway():
        assert "/data/ltplabs.db is whole." in cluster.run("database-check")


def typed_in_the_pod() -> list[list[str]]:
    """The commands of the guide, under Restoring, that run in the database's pod."""
    guide = (ROOT / "docs/guide/install-on-kubernetes.md").read_text()
    guide = guide.split("## Restoring\n")[1].split("\n## ")[0]
    return [found.split() for found in re.findall(r"^kubectl exec deployment/ltplabs-database -- (.*)$", guide, re.M)]


def failed(cluster: Cluster, name: str) -> str:
    """What a task says that fails."""
    return refused("run", "--rm", *cluster.options(name), IMAGE, *container_of("development", name)["command"])
