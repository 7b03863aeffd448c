"""`python -m bench`: measures every scenario, ours and the peer's by turns, and tells the ratios."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bench import machine, peers, report, standing, truth
from bench.bystanders import TOO_MUCH, Bystanders
from bench.load import Load, Sample
from bench.report import Result
from bench.scenarios import SCENARIOS, Scenario
from bench.servers import CONTENDERS, HERE, Server, running
from bench.world import Size, World, make_world

ROOT = HERE.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
_MEMORY = Path("/dev/shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything was measured, whether or not the goals were reached."""
    wanted = _parse(arguments)
    rounds, seconds = (3, 2.0) if wanted.quick else (5, 4.0)
    scenarios = [scenario for scenario in SCENARIOS if not wanted.only or scenario.key in wanted.only]
    server_core, client_core = machine.pick_cores()
    os.sched_setaffinity(0, {client_core})
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    peers.install()
    artifacts = ROOT / "artifacts"
    artifacts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=artifacts) as made:
        folder = Path(made)
        here = machine.describe(folder)
        others = Bystanders((server_core, client_core))
        load = Load(folder, client_core)
        course = Course(folder, server_core, load, others, rounds, seconds)
        results = [course.measure(scenario) for scenario in scenarios]
        stands = [] if wanted.only else [standing.measure(course, contender) for contender in CONTENDERS]
    print("\n" + report.table(results))
    if stands:
        print("\n" + report.stands_table(stands))
    for sentence in report.missed_goals(results):
        print(f"Missed: {sentence}")
    if others.share > TOO_MUCH:
        print(f"Other programs took {others.share:.0%} of the two cores: these numbers are for debugging only.")
    if wanted.write:
        PAGE.write_text(report.page(results, stands, here, others.share, rounds=rounds, seconds=seconds))
        print(f"Wrote {PAGE.relative_to(ROOT)}")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the gateway against its peers.")
    parser.add_argument("--quick", action="store_true", help="few and short runs, for a first look")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    keys = [scenario.key for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=keys, help="this scenario; may be given again")
    wanted = parser.parse_args(arguments)
    if wanted.write and (wanted.quick or wanted.only):
        parser.error("the page is written from a whole run: leave --quick and --only away")
    return wanted


@dataclass(frozen=True)
class Course:
    """One go: the same cores, the same number of runs for every scenario and contender."""

    folder: Path
    core: int
    load: Load
    others: Bystanders
    rounds: int
    seconds: float
    worlds: dict[Size, World] = field(default_factory=dict)

    def measure(self, scenario: Scenario) -> Result:
        """All contenders by turns on fresh copies of the world. Raises truth.Untrue, RuntimeError."""
        print(f"\n{scenario.title}", flush=True)
        with ExitStack() as stack:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=scenario.key, dir=self.folder)))
            logs = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else place)))
            world = self.world(scenario.size)
            servers = [
                stack.enter_context(running(one, world, place / str(at), logs / f"{at}.log", self.core))
                for at, one in enumerate(CONTENDERS if scenario.with_cache else CONTENDERS[:2])
            ]
            pids = [server.pid for server in servers]
            for stream in scenario.streams:
                truth.check_answers(servers, stream, world.callers)
            for server in servers:
                self._run(scenario, world, server, pids)  # The warm-up: caches fill, and V8 compiles.
            runs: dict[str, list[list[Sample]]] = {server.contender.name: [] for server in servers}
            for _ in range(self.rounds):
                for server in servers:
                    runs[server.contender.name].append(self._run(scenario, world, server, pids))
                    _tell(scenario, server, runs[server.contender.name][-1])
        return Result(scenario, runs)

    def world(self, size: Size) -> World:
        """The world of that size, made when it is first asked for."""
        if size not in self.worlds:
            self.worlds[size] = make_world(self.folder / f"world-{len(self.worlds)}.db", size)
        return self.worlds[size]

    def _run(self, scenario: Scenario, world: World, server: Server, pids: Sequence[int]) -> list[Sample]:
        truth.forget_log(server)
        before = truth.settled(server)
        with self.others.watched(pids):
            samples = self.load.run(server, scenario.streams, world.callers, self.seconds)
        after = truth.settled(server, logged=before.logged + sum(sample.answers for sample in samples))
        truth.check(before, after, scenario.streams, samples, server)
        return samples


def _tell(scenario: Scenario, server: Server, samples: Sequence[Sample]) -> None:
    pairs = zip(scenario.streams, samples, strict=True)
    told = ", ".join(f"{sample.rate:,.0f} {stream.name}/s" for stream, sample in pairs)
    print(f"  {server.contender.name:<26} {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
