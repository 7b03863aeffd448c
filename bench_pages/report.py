"""The page docs/reference/benchmarks-pages.md."""

from collections.abc import Sequence

from bench.bystanders import TOO_MUCH
from bench.machine import Place
from bench.world import Size
from bench_pages import world
from bench_pages.asking import First, Measured

MOST_MS = 50.0
MOST_BYTES = 150_000
MOST_FIRST_MS = 300.0

_BUSY = """Other programs took {others:.0%} of the cores meanwhile: that is time of
  waiting in p50, p95 and `first`, and only the work (`CPU`) says what a page takes."""


def table(measured: Sequence[Measured]) -> str:
    """Markdown, in the order in which they were asked for."""
    lines = [
        "| page | role | p50 ms | p95 ms | CPU p50 | CPU p95 | first ms | page KB | first load KB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *map(_line, measured)])


def _line(one: Measured) -> str:
    words = f"`{one.path.removeprefix('~')}`" + (" (a part)" if one.path.startswith("~") else "")
    times = " | ".join(f"{each:.1f}" for each in (one.p50, one.p95, one.cpu50, one.cpu95, one.first))
    return f"| {words} | {one.role} | {times} | {one.bytes / 1000:.1f} | {one.first_load / 1000:.0f} |"


def missed(measured: Sequence[Measured], first: First) -> list[str]:
    """A sentence for each goal that was not reached."""
    slow = [f"{one.path} as {one.role} takes {one.p95:.0f} ms at p95." for one in measured if one.p95 > MOST_MS]
    large = [f"{one.path} loads {one.first_load:,} bytes." for one in measured if one.first_load > MOST_BYTES]
    late = [f"The first look after a start takes {first.took:.0f} ms."] if first.took > MOST_FIRST_MS else []
    return [*slow, *large, *late]


def page(measured: Sequence[Measured], first: First, size: Size, here: Place, others: float, rounds: int) -> str:
    """The whole reference page."""
    slowest, busiest = max(measured, key=lambda one: one.p95), max(measured, key=lambda one: one.cpu95)
    largest = max(one.first_load for one in measured)
    loaded = f" {_BUSY.format(others=others)}" if others > TOO_MUCH else ""
    return f"""# Benchmarks of the pages

Written by `make bench-pages`, which measures everything anew on the machine it runs on. The goals: every page within
{MOST_MS:.0f} ms at p95 and {MOST_BYTES // 1000} KB on its first load, in a catalog as large as one of years; the
dashboard within {MOST_FIRST_MS:.0f} ms right after a start.

- The slowest is `{slowest.path.removeprefix("~")}` as {slowest.role}: {slowest.p95:.1f} ms at p95.
- The most work is `{busiest.path.removeprefix("~")}` as {busiest.role}: {busiest.cpu95:.1f} ms at p95.
- The largest first load is {largest / 1000:.0f} KB.
- The first look at the dashboard after a start took {first.took:.0f} ms, of them {first.worked:.0f} ms of work
  (median of five starts).

## How it is measured

- {here.cores} cores ({here.processor}); Python {here.python}; SQLite.{loaded}
- {size.clients:,} clients, {size.demos:,} demos, {size.events:,} rows of use over 90 days with their daily sums,
  {world.FACTS:,} facts, {world.MESSAGES:,} messages, {world.REQUESTS:,} requests.
- Use comes as visits of {world.EVENTS_PER_VISIT} rows, each to one of four demos of a client, so that there is one
  daily sum for each visit, and another for its login.
- A gateway as a process of its own. Each page is asked for {rounds} times, one after the other, over one connection,
  as browsers do: by a cookie, with gzip. Times are from the first byte sent to the last one read, over loopback; `CPU`
  is how long the gateway's process was on a core for each answer, all its threads and jobs together: what others do on
  the machine does not count there; `first` is the first answer.
- A part is what a script of a page asks for, to replace a part of what is shown.
- The bytes are those of the page as it is sent; a first load also has its styles, scripts and pictures, compressed.

## Pages

{table(measured)}
"""
