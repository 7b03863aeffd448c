"""`python -m bench_launch`: measures opening a demo on a real engine, beside its peers, by turns."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from bench import machine
from bench_edge.report import Row, most, table
from bench_launch import report
from bench_launch.memory import measure_memory
from bench_launch.peers.jupyterhub import hub as jupyterhub
from bench_launch.place import IMAGE, WARM_COPIES, Opened, Visitor, running, visitors
from bench_launch.raw import Engine, docker_run, engine_version

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks-launch.md"
KINDS = ("cold", "warm", "burst", "memory")
AT_ONCE = 20
Turn = Callable[[], Awaitable[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything was measured, whether or not the goals were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench_launch", description="Measures opening a demo.")
    parser.add_argument("--quick", action="store_true", help="few runs, for a first look")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--only", action="append", choices=KINDS, help="this kind; may be given again")
    wanted = parser.parse_args(arguments)
    if wanted.write and (wanted.quick or wanted.only):
        parser.error("the page is written from a whole run: leave --quick and --only away")
    docker_host = os.environ["DOCKER_HOST"]
    artifacts = ROOT / "artifacts"
    artifacts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-launch-", dir=artifacts) as made:
        course = Course(Path(made), docker_host, is_quick=wanted.quick)
        rows = [row for kind in KINDS if kind in (wanted.only or KINDS) for row in course.measure(kind)]
    print("\n" + table(rows))
    for row in rows:
        if row.is_missed:
            print(f"Missed: {row.what}: {row.told}, the goal is {row.goal}.")
    if wanted.write:
        PAGE.write_text(report.page(rows, machine.describe_briefly(), engine_version(docker_host)))
        print(f"Wrote {PAGE.relative_to(ROOT)}")
    return 0


class Course:
    """How often; by turns, so that what disturbs one disturbs the others."""

    def __init__(self, folder: Path, docker_host: str, *, is_quick: bool) -> None:
        self._folder = folder
        self._docker_host = docker_host
        self._rounds = 5 if is_quick else 20
        self._bursts = 1 if is_quick else 3
        self._launches = 500 if is_quick else 10_000

    def measure(self, kind: str) -> list[Row]:
        print(f"{kind} ...", flush=True)
        folder = self._folder / kind
        folder.mkdir()
        rows: list[Row] = asyncio.run(getattr(self, f"_{kind}")(folder))
        for row in rows:
            print(f"  {row.what}: {row.told}", flush=True)
        return rows

    async def _cold(self, folder: Path) -> list[Row]:
        """Ours, `docker run`, the engine's own calls and JupyterHub, each from nothing to the first byte."""
        jupyterhub.install()
        (folder / "hub").mkdir()
        async with AsyncExitStack() as stack:
            place = stack.enter_context(running(folder, driver="docker", capacity=20))
            (visitor,) = await stack.enter_async_context(visitors(place, 1))
            engine = Engine(self._docker_host, f"{IMAGE}:latest")
            await engine.open()
            stack.push_async_callback(engine.close)
            peer = await stack.enter_async_context(
                jupyterhub.running_hub(self._docker_host, f"{IMAGE}:latest", folder / "hub")
            )
            turns: dict[str, Turn] = {
                "ours": lambda: _open_and_stop(visitor, place.demos[1]),
                "docker run": lambda: docker_run(self._docker_host, IMAGE),
                "engine": engine.start,
                "JupyterHub": lambda: _open_and_close(peer),
            }
            found = await self._by_turns(turns)
        return _cold_rows(found)

    async def _by_turns(self, turns: dict[str, Turn]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in turns}
        for number in range(self._rounds + 1):
            for name, turn in turns.items():
                seconds = await turn()
                if number:  # The first of each also loads what it needs.
                    found[name].append(seconds)
        return found

    async def _warm(self, folder: Path) -> list[Row]:
        """With a copy there, which is the premise; another one is made meanwhile, as in real life."""
        took = []
        with running(folder, driver="docker", capacity=20, warm=WARM_COPIES) as place:
            async with visitors(place, 1) as (visitor,):
                for _ in range(self._rounds + 1):
                    while await visitor.warm_ready(place.demos[0]) < WARM_COPIES:
                        await asyncio.sleep(0.05)
                    opened = await visitor.open(place.demos[0])
                    took.append(opened.seconds)
                    await visitor.stop(opened.launch_id)
        return [
            Row("warm, median", _ms(median(took[1:]))),
            most("warm, p95", _p95(took[1:]) * 1000, 300.0),
        ]

    async def _burst(self, folder: Path) -> list[Row]:
        opens: list[Opened] = []
        with running(folder, driver="docker", capacity=AT_ONCE) as place:
            async with visitors(place, AT_ONCE) as people:
                await _open_and_stop(people[0], place.demos[1])
                for _ in range(self._bursts):
                    opened = await asyncio.gather(*(each.open(place.demos[1]) for each in people))
                    opens += opened
                    stops = zip(people, opened, strict=True)
                    await asyncio.gather(*(who.stop(each.launch_id) for who, each in stops))
        off = [
            abs(each.foretold_seconds - each.ready_seconds) / each.ready_seconds
            for each in opens
            if each.foretold_seconds
        ]
        return [
            Row(
                f"{AT_ONCE} clients at once, all ready after (median)",
                f"{median(each.seconds for each in opens):.2f} s",
            ),
            Row("… the last of them", f"{max(each.seconds for each in opens):.2f} s"),
            Row(
                "… how far the time foretold at the click was off (median)",
                f"**{median(off):.2f}**",
                "≤ 0.5",
                median(off) > 0.5,
            ),
        ]

    async def _memory(self, folder: Path) -> list[Row]:
        with running(folder, driver="fake", capacity=200) as place:
            return await measure_memory(place, self._launches)


async def _open_and_stop(visitor: Visitor, demo_id: str) -> float:
    opened = await visitor.open(demo_id)
    await visitor.stop(opened.launch_id)
    return opened.seconds


async def _open_and_close(peer: jupyterhub.Hub) -> float:
    seconds = await jupyterhub.open_cold(peer, "ana")
    await jupyterhub.close(peer, "ana")
    return seconds


def _cold_rows(found: dict[str, list[float]]) -> list[Row]:
    ours, by_hand = found["ours"], found["docker run"]
    share = _p95(ours) / _p95(by_hand)
    added = (median(ours) - median(found["engine"])) * 1000
    ahead = median(found["JupyterHub"]) / median(ours)
    return [
        Row("cold, image there: ours, median", _ms(median(ours))),
        Row("… p95", _ms(_p95(ours))),
        Row("`docker run` of the same image, median", _ms(median(by_hand))),
        Row("… p95", _ms(_p95(by_hand))),
        Row("ours to `docker run`, both p95", f"**{share:.2f}**", "≤ 1.5", share > 1.5),
        Row("the engine's own create and start of our container, median", _ms(median(found["engine"]))),
        most("what we add to that, of the medians", added, 150.0),
        Row("JupyterHub with DockerSpawner and its proxy, median", _ms(median(found["JupyterHub"]))),
        Row("JupyterHub to ours", f"**{ahead:.2f}**", "> 1", ahead <= 1),
    ]


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[max(0, -(-len(took) * 95 // 100) - 1)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
