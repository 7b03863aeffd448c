"""`python -m bench_pages`: a gateway on much data is asked for every page as each role; how long that takes."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import machine
from bench.bystanders import Bystanders
from bench.world import Size
from bench_pages import report
from bench_pages.asking import PAGES, First, Measured, running
from bench_pages.world import World, make

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks-pages.md"
LARGE = Size(clients=10_000, demos=1_000, events=5_000_000)
_STARTS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything was measured, whether or not the goals were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench_pages", description="Measures the pages at much data.")
    parser.add_argument("--quick", action="store_true", help="little data and few rounds, for a first look")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    wanted = parser.parse_args(arguments)
    if wanted.write and wanted.quick:
        parser.error("the page is written from a whole run: leave --quick away")
    artifacts = ROOT / "artifacts"
    artifacts.mkdir(exist_ok=True)
    size, rounds = (Size(2_000, 200, 100_000), 20) if wanted.quick else (LARGE, 200)
    others = Bystanders(machine.pick_cores())
    with tempfile.TemporaryDirectory(prefix="bench-pages-", dir=artifacts) as made:
        world = make(Path(made) / "ltplabs.db", size)
        first, measured = measure(world, rounds, others)
    print("\n" + report.table(measured) + f"\n\nThe first look at the dashboard after a start: {first.took:.0f} ms.")
    for sentence in report.missed(measured, first):
        print(f"Missed: {sentence}")
    if wanted.write:
        PAGE.write_text(report.page(measured, first, size, machine.describe_briefly(), others.share, rounds))
        print(f"Wrote {PAGE.relative_to(ROOT)}")
    return 0


def measure(world: World, rounds: int, others: Bystanders) -> tuple[First, list[Measured]]:
    """The median of the first looks after some starts, then each page by each role."""
    firsts = []
    for _ in range(_STARTS):
        with running(world) as gateway:
            firsts.append(gateway.first_look("/console", "admin"))
    with running(world) as gateway, others.watched([gateway.pid]):
        found = [gateway.measure(path, role, rounds) for role, paths in PAGES.items() for path in paths]
    return sorted(firsts, key=lambda first: first.took)[_STARTS // 2], found


if __name__ == "__main__":
    sys.exit(main())
