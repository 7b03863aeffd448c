"""A registry on this machine that answers nobody without a login: Debian's `docker-registry`."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.launcher.engine import BASE, docker
from tests.proofs.installation import free_ports
from tests.proofs.raw import Line
from tests.proofs.traces import wait_for

USERNAME, PASSWORD = "catalog", "wine-cellar-7"
# bcrypt of PASSWORD: the one form that the registry reads.
_HTPASSWD = f"{USERNAME}:$2b$05$BbgyfJA4E.FaXZpWMraSNuTVJJ9Rrk8ta03MDAa9H3OaRkK1HJ/Ga\n"
_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/kept}}}}
http: {{addr: "{url}"}}
auth: {{htpasswd: {{realm: proof, path: {folder}/htpasswd}}}}
"""
# So much that a pull tells how far it is, and nothing that could be compressed.
_MEGABYTES = 16


@dataclass(frozen=True)
class Registry:
    """`url` as in an image reference, without a scheme."""

    url: str
    folder: Path

    def push(self, name: str, program: str) -> str:
        """An image whose command is this Python program, which the engine then forgets; its digest here."""
        image = self.reference(name)
        command = json.dumps(["python3", "-u", "-c", program])
        file = f"FROM {BASE}\nRUN head -c {_MEGABYTES}M /dev/urandom > /ballast\nCMD {command}\n"
        docker("build", "--quiet", "--no-cache", "--tag", image, "-", given=file)
        config = ("--config", str(self.folder / "client"))
        docker(*config, "login", "--username", USERNAME, "--password-stdin", self.url, given=PASSWORD)
        told = docker(*config, "push", image)
        self.forget(name)
        return "sha256:" + told.rpartition("digest: sha256:")[2].split()[0]

    def reference(self, name: str) -> str:
        return f"{self.url}/{name}:latest"

    def forget(self, name: str) -> None:
        """Makes the engine fetch the image anew."""
        if docker("images", "--quiet", self.reference(name)):
            docker("rmi", "--force", self.reference(name))


@contextmanager
def private_registry() -> Iterator[Registry]:
    """Answers on a free port of loopback, which engines take without TLS."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        registry = Registry(f"127.0.0.1:{port}", Path(name))
        (registry.folder / "htpasswd").write_text(_HTPASSWD)
        config = registry.folder / "config.yml"
        config.write_text(_CONFIG.format(folder=name, url=registry.url))
        log = (registry.folder / "log").open("wb")
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
        )
        log.close()
        try:
            wait_for(lambda: _asks_for_a_login(port), "the registry answers")
            yield registry
        finally:
            process.kill()
            process.wait()


def _asks_for_a_login(port: int) -> bool:
    try:
        with closing(Line(port, "localhost")) as line:
            return line.ask("GET", "/v2/").status == 401
    except OSError:
        return False
