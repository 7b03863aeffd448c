"""`python -m bench_edge`: measures the edge beside its peers, by turns, and tells the ratios."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import machine, peers
from bench.servers import HERE
from bench_edge import load, report
from bench_edge.place import CHP, Place, Way, running

ROOT = HERE.parent
PAGE = ROOT / "docs" / "reference" / "benchmarks-edge.md"
KINDS = ("gets", "latency", "echoes", "download", "cut")
SOCKETS, OTHERS = 1000, 50


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything was measured, whether or not the goals were reached."""
    parser = argparse.ArgumentParser(prog="python -m bench_edge", description="Measures the edge against its peers.")
    parser.add_argument("--quick", action="store_true", help="few and short runs, for a first look")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--only", action="append", choices=KINDS, help="this kind; may be given again")
    wanted = parser.parse_args(arguments)
    if wanted.write and (wanted.quick or wanted.only):
        parser.error("the page is written from a whole run: leave --quick and --only away")
    server, client = machine.pick_cores()
    os.sched_setaffinity(0, {client})
    peers.install(CHP)
    artifacts = ROOT / "artifacts"
    artifacts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-edge-", dir=artifacts) as made:
        folder = Path(made)
        course = Course(client, is_quick=wanted.quick)
        with running(folder, server, client, large_mib=course.mib) as place:
            rows = [row for kind in KINDS if kind in (wanted.only or KINDS) for row in course.measure(kind, place)]
        here = machine.describe(folder)
    print("\n" + report.table(rows))
    for row in rows:
        if row.is_missed:
            print(f"Missed: {row.what}: {row.told}, the goal is {row.goal}.")
    if wanted.write:
        PAGE.write_text(report.page(rows, here))
        print(f"Wrote {PAGE.relative_to(ROOT)}")
    return 0


class Course:
    """How often and for how long; by turns, so that what disturbs one disturbs the others."""

    def __init__(self, core: int, *, is_quick: bool) -> None:
        self._core = core
        self._rounds, self._seconds = (3, 2.0) if is_quick else (5, 4.0)
        self._cuts = 3 if is_quick else 20
        self.mib = 128 if is_quick else 1024
        self._full_rate = 0.0

    def measure(self, kind: str, place: Place) -> list[report.Row]:
        print(f"{kind} ...", flush=True)
        rows: list[report.Row] = getattr(self, f"_{kind}")(place)
        for row in rows:
            print(f"  {row.what}: {row.told}", flush=True)
        return rows

    def _gets(self, place: Place) -> list[report.Row]:
        runs = self._by_turns((place.direct, *place.proxies))
        rates = {name: median(rate.rate for rate in found) for name, found in runs.items()}
        ours = self._full_rate = rates[place.ours.name]
        told = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items())
        return [
            report.Row("small GETs, 64 connections", told),
            report.ratio("… to configurable-http-proxy", ours / rates[place.chp.name], 1.5),
            report.ratio("… to nginx with auth_request", ours / rates[place.nginx.name], 1.2),
            *self._new_gets(place),
        ]

    def _new_gets(self, place: Place) -> list[report.Row]:
        runs = self._by_turns(place.proxies, path="/new/small")
        rates = {name: median(rate.rate for rate in found) for name, found in runs.items()}
        ours = rates[place.ours.name]
        told = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items())
        return [
            report.Row("the same, no head of a request or an answer like another", told),
            report.ratio("… to configurable-http-proxy", ours / rates[place.chp.name], 1.5),
            report.Row("… to nginx with auth_request", f"{ours / rates[place.nginx.name]:.2f}"),
        ]

    def _by_turns(self, ways: Sequence[Way], *, pace: int = 0, path: str = "/small") -> dict[str, list[load.Rate]]:
        found: dict[str, list[load.Rate]] = {way.name: [] for way in ways}
        for way in ways:
            load.gets(way, self._core, 1, pace=pace, path=path)
        for _ in range(self._rounds):
            for way in ways:
                found[way.name].append(load.gets(way, self._core, self._seconds, pace=pace, path=path))
        return found

    def _latency(self, place: Place) -> list[report.Row]:
        pace = round((self._full_rate or load.gets(place.ours, self._core, 2).rate) / 2)
        runs = self._by_turns((place.direct, place.ours), pace=pace)
        direct, ours = runs[place.direct.name], runs[place.ours.name]
        p50 = median(rate.p50_ms for rate in ours) - median(rate.p50_ms for rate in direct)
        p99 = median(rate.p99_ms for rate in ours) - median(rate.p99_ms for rate in direct)
        reached = median(rate.rate for rate in ours)
        return [
            report.most(f"added latency at {reached:,.0f} GETs/s (half load), p50", p50, 1.0),
            report.most("… p99", p99, 5.0),
        ]

    def _echoes(self, place: Place) -> list[report.Row]:
        p99s: dict[str, list[float]] = {place.direct.name: [], place.ours.name: []}
        for _ in range(self._rounds):
            for way in (place.direct, place.ours):
                times = asyncio.run(load.echoes(way, 100, self._seconds))
                p99s[way.name].append(load.percentile(times, 0.99) * 1000)
        added = median(p99s[place.ours.name]) - median(p99s[place.direct.name])
        return [report.most("WebSocket echo, 100 sockets, 1,000 a second, added at p99", added, 5.0)]

    def _download(self, place: Place) -> list[report.Row]:
        speeds: dict[str, list[float]] = {place.direct.name: [], place.ours.name: []}
        load.download(place.ours, self._core, self.mib)
        before = load.resident_mib(place.ours.pid)
        for _ in range(3):
            for way in (place.direct, place.ours):
                speeds[way.name].append(load.download(way, self._core, self.mib))
        grown = load.resident_mib(place.ours.pid) - before
        direct, ours = median(speeds[place.direct.name]), median(speeds[place.ours.name])
        return [
            report.Row(f"a download of {self.mib} MiB", f"{ours:,.0f} MiB/s, direct {direct:,.0f} MiB/s"),
            report.ratio("… to direct", ours / direct, 0.5),
            report.Row("… the edge's memory grows by", f"{grown:.1f} MiB"),
        ]

    def _cut(self, place: Place) -> list[report.Row]:
        cuts = [asyncio.run(load.cut(place, caller, SOCKETS, OTHERS)) for caller in place.callers[: self._cuts]]
        last = sorted(each.last_closed for each in cuts)
        answered = sorted(each.answered for each in cuts)
        return [
            report.Row(
                f"revoke with {SOCKETS:,} WebSockets, {self._cuts} times: the last is closed after",
                f"{median(last) * 1000:.0f} ms (median)",
            ),
            report.most("… at most", last[-1] * 1000, 1000.0),
            report.Row("… the answer is there after", f"{median(answered) * 1000:.0f} ms (median)"),
        ]


if __name__ == "__main__":
    sys.exit(main())
