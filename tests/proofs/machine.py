"""A machine of its own for proofs: Debian under a real systemd, in a container, where somebody types with `sudo`."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import in_bash, said
from tests.launcher.engine import BUILDER, HOST, docker, new_installation
from tests.terminal import Terminal

IMAGE = "ecatalog-test-machine:bookworm"
CLONE = "/usr/local/src/ecatalog"
# What pip has fetched, kept from one run to the next.
FETCHED = "ecatalog-test-pip:/root/.cache/pip"
# Docker mounts control groups of version 2 for reading only, which systemd does not start on; with version 1 it mounts
# its own. Neither is the host's: the container has a namespace for them.
FILE = f"""
FROM {BUILDER}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \\
    caddy cron curl dbus git make openssl sudo systemd systemd-sysv >/dev/null
RUN useradd --create-home --shell /bin/bash ada && echo 'ada ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ada && \\
    printf '[global]\\ncert = /etc/ssl/certs/ca-certificates.crt\\n' >/etc/pip.conf && \\
    systemctl disable --quiet caddy
CMD ["sh", "-c", "mount -o remount,bind,rw /sys/fs/cgroup; exec /sbin/init"]
"""


@dataclass(frozen=True)
class Machine:
    """A container, in which systemd is process 1."""

    name: str

    def type(self, lines: str, *, folder: str = CLONE, statuses: tuple[int, ...] = (0,)) -> str:
        """What this prints, typed by Ada, who may become root."""
        return self._said(["--user", "ada", "--workdir", folder], in_bash(lines), statuses)

    def type_and_answer(self, lines: str, answers: Mapping[str, str], folder: str = CLONE) -> str:
        """What is shown, where it asks at a terminal."""
        where = ["--interactive", "--tty", "--user", "ada", "--workdir", folder, self.name]
        with Terminal(["docker", "-H", HOST, "exec", *where, "bash", "-uo", "pipefail", "-c", lines]) as terminal:
            terminal.answer(answers)
            terminal.end()
        return terminal.shown

    def as_root(self, *words: str, given: str = "") -> str:
        return self._said(["--interactive"], list(words), (0,), given)

    def write(self, path: str, text: str) -> None:
        self.as_root("tee", path, given=text)

    def shown(self, unit: str, name: str) -> str:
        """What systemd says of a unit."""
        return self.as_root("systemctl", "show", "--property", name, "--value", unit).strip()

    def fetch(self, address: str, *words: str) -> str:
        """The body of an answer to curl."""
        return self.as_root("curl", "--silent", "--fail-with-body", *words, address)

    def _said(self, where: list[str], words: list[str], statuses: tuple[int, ...], given: str = "") -> str:
        return said(["docker", "-H", HOST, "exec", *where, self.name, *words], statuses=statuses, given=given)


@dataclass
class Caller:
    """Somebody who calls the catalog's API on that machine."""

    machine: Machine
    token: str = ""

    def log_in(self, email: str, password: str) -> "Caller":
        found = self.ask("POST", "/api/auth/login", {"email": email, "password": password})
        return Caller(self.machine, found["token"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        words = ["--request", method]
        words += ["--header", f"Authorization: Bearer {self.token}"] if self.token else []
        if body is not None:
            words += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        return json.loads(self.machine.fetch(f"http://127.0.0.1:8080{path}", *words) or "null")


@contextmanager
def booted(*, volumes: tuple[str, ...]) -> Iterator[Machine]:
    """Has started all of its units, reaches the engine as a machine with Docker does, and has a clone of the last
    commit, which is Ada's. The volumes are disks of its own.
    """
    docker("build", "--quiet", "--tag", IMAGE, "-", given=FILE)
    machine = Machine(f"ecatalog-{new_installation()}")
    words = ["--detach", "--name", machine.name, "--hostname", "machine", "--cgroupns", "private"]
    # Not --privileged: that asks for every capability, of which a runner may lack some.
    words += ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    for folder in ("/run", "/run/lock", "/tmp"):
        words += ["--tmpfs", folder]
    for volume in (f"{HOST.removeprefix('unix://')}:/var/run/docker.sock", FETCHED, *volumes):
        words += ["--volume", volume]
    docker("run", *words, IMAGE)
    try:
        _until_booted(machine)
        # Debian's package makes the group that the socket belongs to.
        machine.as_root("sh", "-c", "groupadd --non-unique --gid $(stat --format %g /run/docker.sock) docker")
        _hand_over(machine)
        yield machine
    finally:
        docker("rm", "--force", "--volumes", machine.name)


def _until_booted(machine: Machine) -> None:
    """The bus answers a little after the start; `degraded` would be a unit that failed."""

    def state() -> str:
        return machine.as_root("sh", "-c", "systemctl is-system-running --wait 2>&1 || true").strip()

    said = wait(state, lambda said: said in ("running", "degraded", "maintenance"))
    assert said == "running", machine.as_root("systemctl", "list-units", "--failed")


def _hand_over(machine: Machine) -> None:
    """What Ada has cloned: all that is committed here."""
    with TemporaryDirectory() as folder:
        clone = f"{folder}/ecatalog"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        subprocess.run(["git", "checkout", "--quiet", "-B", "main"], cwd=clone, check=True)
        docker("cp", "--quiet", clone, f"{machine.name}:{CLONE}")
    machine.as_root("chown", "--recursive", "ada:", CLONE)


def wait(look: Callable[[], Any], fact: Callable[[Any], bool] = bool, seconds: float = 60) -> Any:
    """What is seen when it is so."""
    deadline = time.monotonic() + seconds
    while not fact(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen
