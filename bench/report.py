"""What was measured, as tables: for the terminal while it runs, and as the page docs/reference/benchmarks.md."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import Sample
from bench.machine import Machine
from bench.scenarios import Scenario
from bench.standing import Stand
from bench.world import CALLERS, DEMOS


@dataclass(frozen=True)
class Result:
    """The samples of one scenario: for each contender by name (ours first), for each run, one per stream."""

    scenario: Scenario
    runs: Mapping[str, Sequence[Sequence[Sample]]]

    def samples(self, contender: str, stream: int) -> list[Sample]:
        return [run[stream] for run in self.runs[contender]]

    def ratio(self, stream: int, peer: int = 1) -> float:
        """Ours to the peer's, the first one unless told: the ratio of the medians; infinite when its stream starved."""
        names = list(self.runs)
        ours, theirs = (median(s.rate for s in self.samples(names[at], stream)) for at in (0, peer))
        return ours / theirs if theirs else math.inf

    @property
    def goals(self) -> tuple[float | None, float | None]:
        """The ratios that the first stream should reach, one per peer."""
        return self.scenario.goal, self.scenario.cached_goal


def table(results: Sequence[Result]) -> str:
    """Markdown: one row per stream."""
    names = max((list(result.runs) for result in results), key=len)
    head = ["scenario", "per second", *names, "ratios", "goals", *(f"ms, {name}" for name in names)]
    rows = [head, ["---", "---", *["---:"] * (2 * len(names) + 2)]]
    for result in results:
        rows += [_row(result, stream, names) for stream in range(len(result.scenario.streams))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def stands_table(stands: Sequence[Stand]) -> str:
    """Markdown: one row per contender."""
    rows = [
        "| | seconds until it serves | MiB at rest | after 10,000 pages | after 100,000 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    rows += [
        f"| {s.name} | {s.start_seconds:.2f} | {s.at_rest:.0f} | {s.after_tenth:.0f} | {s.after_all:.0f} |"
        for s in stands
    ]
    return "\n".join(rows)


def growth(results: Sequence[Result], smaller: str, larger: str) -> str:
    """How many times longer ours takes for one scenario than for another, by the rates of the first stream."""
    by_key = {result.scenario.key: result for result in results}
    if smaller not in by_key or larger not in by_key:
        return ""
    rates = [median(s.rate for s in by_key[key].samples(next(iter(by_key[key].runs)), 0)) for key in (smaller, larger)]
    return f"{rates[0] / rates[1]:.2f}"


def _row(result: Result, stream: int, names: Sequence[str]) -> list[str]:
    scenario = result.scenario
    goals = " / ".join(f"{goal}" if goal else "–" for goal in result.goals) if stream == 0 and any(result.goals) else ""
    ratios = " / ".join(f"**{result.ratio(stream, peer):.2f}**" for peer in range(1, len(result.runs)))
    rates = [_rates(result.samples(name, stream)) if name in result.runs else "" for name in names]
    times = [_times(result.samples(name, stream)) if name in result.runs else "" for name in names]
    title = scenario.title if stream == 0 else ""
    return [title, scenario.streams[stream].name, *rates, ratios, goals, *times]


def _rates(samples: Sequence[Sample]) -> str:
    rates = [sample.rate for sample in samples]
    return f"**{median(rates):,.0f}** ({min(rates):,.0f}–{max(rates):,.0f})"


def _times(samples: Sequence[Sample]) -> str:
    return f"{median(s.p50_ms for s in samples):.2f} / {median(s.p99_ms for s in samples):.2f}"


def missed_goals(results: Sequence[Result]) -> list[str]:
    """A sentence per goal that was not reached."""
    return [
        f"{result.scenario.title}: {result.ratio(0, peer):.2f} times {list(result.runs)[peer]}, the goal is {goal}."
        for result in results
        for peer, goal in enumerate(result.goals, start=1)
        if goal and result.ratio(0, peer) < goal
    ]


def page(
    results: Sequence[Result], stands: Sequence[Stand], machine: Machine, others: float, *, rounds: int, seconds: float
) -> str:
    """The whole reference page. `others` is the share of the cores that other programs took meanwhile."""
    return f"""# Benchmarks

Written by `make bench`, which measures everything anew on the machine it runs on. Absolute numbers belong to that
machine. The ratios say how the gateway stands to a service with the same operations, tables and durability that is
written for Fastify, a fast framework of Node.js, with better-sqlite3.

{table(results)}

Rates are answers per second: the median of {rounds} runs, with the lowest and the highest. The ratios are those of
the medians, ours to each peer's. Times are milliseconds from request to answer, median / 99th percentile.

One client's use takes ours {growth(results, "usage-50k", "usage-5m")} times as long with 5 million events in the
table as with 50 thousand: it adds up daily sums, which the events keep in their own transaction.

## Starting, and memory

{stands_table(stands)}

Resident memory. The pages are read by 64 callers while 8 others open demos.

## The machine

- {machine.cores} cores ({machine.processor}); the server has one of them, the load the other.
  Other programs took {others:.0%} of their time meanwhile.
- Disk: {machine.filesystem}; one page of 4 KiB is durable after {machine.sync_ms:.2f} ms (median).
- Ours: Python {machine.python}, SQLite {machine.our_sqlite}.
- The peer: Node.js {machine.node}, Fastify {machine.fastify}, SQLite {machine.peer_sqlite}.

{_how(seconds)}"""


def _how(seconds: float) -> str:
    return f"""## How it is measured

- `bench/` starts the real gateway (`ecatalog gateway`, one process) and the peer (`bench/peers/fastify`), each pinned
  to the same core, on copies of one database file: the gateway's own schema, {CALLERS} clients with a session each,
  {DEMOS} demos granted to all of them, a running copy per client. Where a scenario says so there are more clients,
  demos or events; the events are of 90 days, four demos per client.
- Both write in WAL mode with `synchronous=FULL`: an answer to a write means that it is on the disk. The peer does what
  is usual and right there: prepared statements, one immediate transaction per request, one query for all that decides,
  the session looked up by the SHA-256 of its token, a compiled serializer for the answer. The gateway keeps sessions in
  memory and lets one sync commit a group of requests.
- The peer runs twice: as it is usually written, and with sessions and encoded catalog pages kept in memory. That cache
  never has to be told of a change, because none of the peer's operations makes one; ours is exact also for a change by
  hand to the file.
- Each writes one JSON log line per request.
- The servers take turns (A B A B …), {seconds:.0f} s a run, after a warm-up; wrk sends, each client's token in turn.
- Before a scenario, the callers' answers are compared field by field between the servers. After each run the bench
  counts: every answer was a 200, left one log line, and for an open one event and one more in the day's sum.
  Otherwise there is no result.
- The peer reports use by three queries over the events, found by an index on client and time, and searches by `LIKE`.
- `python -m bench --quick` is shorter and writes nothing; `--only open-64` runs one scenario.
"""
