"""A gateway as a process of its own, for proofs that kill it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.raw import Line
from tests.proofs.traces import wait_for


@dataclass
class LoneGateway:
    """A gateway alone, with sample data: no edge, no launcher, so launches stay queued until they are stopped.

    `env` adds to its environment.
    """

    data: Path
    port: int
    internal_port: int
    grpc_port: int
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        ports = {"PORT": self.port, "INTERNAL_PORT": self.internal_port, "GRPC_PORT": self.grpc_port}
        env = os.environ | {f"ECATALOG_{name}": str(port) for name, port in ports.items()}
        env |= {"ECATALOG_DATA": str(self.data), "LOAD_SEED_DATA": "true", "ECATALOG_LOG_LEVEL": "warning"}
        env |= self.env
        self.process = subprocess.Popen([sys.executable, "-m", "ecatalog.service", "gateway"], env=env)
        wait_for(self._answers, "the gateway answers")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None
        try:
            with closing(Line(self.port, "localhost")) as line:
                return line.ask("GET", "/livez").status == 200
        except OSError:
            return False
