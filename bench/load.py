"""The load: one wrk per stream, all on the client's core, each with the tokens of all callers in turn."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.scenarios import Stream
from bench.servers import HERE, Server
from bench.world import Caller


@dataclass(frozen=True)
class Sample:
    """What one stream got in one run. `refused` answers had a status of 400 or more; `broken` were none."""

    answers: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds


@dataclass(frozen=True)
class Load:
    """Where the streams' requests are kept, and the core that sends them."""

    folder: Path
    core: int

    def run(self, server: Server, streams: Sequence[Stream], callers: Sequence[Caller], seconds: float) -> list[Sample]:
        """All streams beside each other for that long, against one server."""
        started = [self._start(server, stream, callers, seconds) for stream in streams]
        return [_finish(process) for process in started]

    def _start(
        self, server: Server, stream: Stream, callers: Sequence[Caller], seconds: float
    ) -> subprocess.Popen[str]:
        requests = self.folder / f"{stream.name}.txt"
        lines = (f"{stream.method} {path} {token}\n" for path, token in stream.requests(tuple(callers)))
        requests.write_text("".join(lines))
        command = ["taskset", "-c", str(self.core), "wrk", "--threads", "1", "--timeout", "10s"]
        command += ["--connections", str(stream.connections), "--duration", f"{seconds:.0f}s"]
        command += [
            "--script",
            str(HERE / "load.lua"),
            f"http://127.0.0.1:{server.port}",
            "--",
            str(requests),
            str(stream.pace),
        ]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> Sample:
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"wrk ended with status {process.returncode}: {out}")
    return Sample(**json.loads(out.strip().splitlines()[-1]))
